"""What a study's points become as evidence: conditions from the design, ways to align from the methods' names."""

from dataclasses import replace

import pandas as pd
import pytest

from cwamsn.advice import check_evidence
from cwamsn.screen_specs import SimulatedBraySpec, SimulatedRxRx3Spec
from cwamsn.studies import compare
from cwamsn.studies.evidence import evidence_of

BRAY = SimulatedBraySpec()
FREE = replace(BRAY, layout="randomised", plates_per_compound=8, phenotype=replace(BRAY.phenotype, inactive=0.25))
QUIET = replace(BRAY, nuisance=replace(BRAY.nuisance, blur=0))
DESIGNS = {"bray": BRAY, "free": FREE, "quiet": QUIET, "other": SimulatedRxRx3Spec()}
VALUES = {
    "cwa-msn": 0.3,
    "single-well-msn": 0.2,
    "texture": 0.25,
    "texture-head": 0.27,
    "texture-head-centred": 0.1,
    "oracle": 0.9,
}


def study_scores(methods=tuple(VALUES), points=tuple(DESIGNS), metrics=("recall", "nuisance")):
    rows = [
        {"run": "trial", "point": point, "screen_seed": screen, "seed": seed, "method": method, "n": 10}
        | {"value": VALUES[method] + 0.01 * screen * (method == "cwa-msn")}
        | compare.METRICS[metric].where
        for method in methods
        for point in points
        for screen in range(3)
        for seed in (range(2) if "msn" in method else range(1))
        for metric in metrics
    ]
    return pd.DataFrame(rows)


def test_every_pair_of_ways_has_its_difference_at_every_point_of_usual_nuisance():
    found = check_evidence(evidence_of(study_scores(), DESIGNS), "trial")
    assert set(found["point"]) == {"bray", "free"} and set(found["metric"]) == {"recall"}
    pairs = [("head", "fixed"), ("single-well", "fixed"), ("single-well", "head")]
    pairs += [("cross-well", way) for way in ("fixed", "head", "single-well")]
    bray = found[found["point"] == "bray"].set_index(["first", "second"])
    assert set(bray.index) == set(pairs)
    one = bray.loc[("cross-well", "single-well")]
    assert one["difference"] == pytest.approx(0.11) and one["ci_low"] < 0.11 < one["ci_high"]
    assert (one["study"], one["screens"], one["seeds"]) == ("trial", 3, 2)
    assert bray.loc[("head", "fixed"), "difference"] == pytest.approx(0.02)
    more = pd.concat([study_scores(), study_scores(["texture"]).assign(method="texture-sphered", value=0.22)])
    found = evidence_of(more, DESIGNS).set_index(["point", "first", "second"])
    assert found.loc[("bray", "head", "fixed"), "difference"] == pytest.approx(0.05), "the stronger fixed alignment"


def test_the_conditions_are_those_of_the_training_screen():
    found = evidence_of(study_scores(), DESIGNS).drop_duplicates("point").set_index("point")
    assert found.loc["bray", "shared"].split() == ["batch", "plate_map", "row", "column"]
    assert found.loc["free", "shared"] == ""
    assert found["active"].to_dict() == {"bray": 0.5, "free": 0.75}
    assert found["wells"].to_dict() == {"bray": 4, "free": 8} and set(found["perturbations"]) == {BRAY.compounds}


def test_a_study_without_two_ways_to_align_is_no_evidence():
    alone = evidence_of(study_scores(["cwa-msn", "oracle"]), DESIGNS)
    other = evidence_of(study_scores(points=["other"]), {"other": DESIGNS["other"]})
    heldout = evidence_of(study_scores(metrics=["heldout"]), DESIGNS)
    assert alone.empty and other.empty and heldout.empty
    assert list(alone) == list(other) == list(heldout) == list(evidence_of(study_scores(), DESIGNS))
