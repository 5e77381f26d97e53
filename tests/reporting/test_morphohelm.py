"""The preprint's tables computed again: what stands beside what, and how far they are apart."""

import pandas as pd
import pytest

from cwamsn.reporting import TableMethod, make_table
from cwamsn.reporting.morphohelm import numbers
from cwamsn.reporting.render import to_csv, to_markdown
from cwamsn.screen_specs.morphohelm import SETS
from tests.reporting.conftest import further, parse


def method(name, row):
    return TableMethod(name=name, title=name.upper(), kind="released", paper_row=row)


def scored(name, values, method="cp", off=0.0):
    """Scores of a method that are the figure data of a published row, but for `off`."""
    rows = numbers()[(numbers()["set"] == name) & (numbers()["model"] == values)]
    scale = 100 if name in ("cpg-tgt2", "cpg-compound") else 1
    table = [
        (m, f"{name} {level}", float(v) / scale + off, 9)
        for level, m, v in rows[["level", "metric", "figure_data"]].itertuples(index=False)
    ]
    frame = further("morphohelm", table, method, 0, "none")
    return frame.assign(null=rows["distractors"].replace("", None).to_numpy())


def filled(*frames):
    names = (
        "draw",
        "concentration",
        "threshold_low",
        "threshold_high",
        "controls",
        "plate_reading",
        "fold",
        "ci_low",
        "ci_high",
    )
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(**{name: None for name in names if name not in frame})


def test_every_set_has_the_published_numbers_of_eight_models_at_its_levels():
    found = numbers()
    assert (
        set(found["set"]) == set(SETS)
        and not found.duplicated(["set", "model", "level", "metric", "distractors"]).any()
    )
    counts = found.groupby(["set", "metric", "distractors"])["model"].agg(["nunique", "size"])
    assert (counts["nunique"] == 8).all() and len(found) == 288
    assert found.groupby("set")["level"].unique().map(set).to_dict() == {
        "bbbc036": {"NR"},
        "cpg-moa": {"NR", "NSB", "NSS"},
        "cpg-crispr": {"NR", "NSB"},
        "cpg-tgt2": {"NR", "NSB", "NSS", "NSL"},
        "cpg-compound": {"NR", "NSB", "NSS", "NSL"},
    }
    digits = found["printed"].str.partition(".")[2].str.len()
    rounded = [f"{float(v):.{d}f}" for v, d in zip(found["figure_data"], digits)]
    # a printed number is its figure data rounded; three stand on a border
    assert (abs(found["printed"].astype(float) - found["figure_data"].astype(float)) < 0.51 * 0.1**digits).all()
    assert (found["printed"].astype(float) == pd.Series(rounded).astype(float)).mean() > 0.98


def test_the_rows_of_cpg_moa_stand_beside_their_own_models():
    found = numbers()
    wanted = {"set": "cpg-moa", "model": "ResNet", "level": "NR", "metric": "share_significant"}
    (row,) = found[(found[list(wanted)] == pd.Series(wanted)).all(axis=1)].to_dict("records")
    assert (row["printed"], row["printed_beside"]) == ("0.143", "DINOv2 CLS")
    assert not (found.loc[found["set"] == "bbbc036", "printed_beside"] != "").any()


@pytest.mark.parametrize("name", SETS)
def test_what_is_computed_stands_beside_what_is_printed(name, context):
    methods = [method("cp", "CellProfiler"), method("mine", None)]
    scores = filled(scored(name, "CellProfiler"), scored(name, "SubCell", "mine"))
    table = make_table("morphohelm", methods, scores, context)
    lines = parse(to_csv(table))
    assert lines["cp"]["status"] == "measured" and lines["quoted:SubCell"]["status"] == "quoted"
    assert "quoted:CellProfiler" not in lines and len(lines) == 2 + 7
    keys = [key for key in lines["cp"] if key.endswith("_difference")]
    printed = numbers()[(numbers()["set"] == name) & (numbers()["model"] == "CellProfiler")]
    assert len(keys) == len(printed)
    for key in keys:
        column = key.removesuffix("_difference")
        assert abs(float(lines["cp"][key])) < 0.0051 and lines["cp"][f"{column}_quoted"]
        assert lines["mine"][key] == "" and lines["quoted:SubCell"][f"{column}_quoted"]
    text = to_markdown(table)
    assert "printed in the preprint" in text and f"MorphoHELM's set {name}" in text
    assert f"Of {len(keys)} numbers {len(keys)} are those of the preprint's figure data" in text
    assert ("beside the row labels of another panel" in text) == (name == "cpg-moa")


def test_a_difference_is_said_in_full(context):
    scores = filled(scored("bbbc036", "CellProfiler", off=0.01))
    text = to_markdown(make_table("morphohelm", [method("cp", "CellProfiler")], scores, context))
    assert "Of 2 numbers 0 are those of the preprint's figure data to six digits; the largest difference is" in text
    assert "behind the published numbers 1,074" in text


def test_a_method_without_scores_is_a_gap(context):
    scores = filled(scored("bbbc036", "CellProfiler"))
    table = make_table("morphohelm", [method("cp", "CellProfiler"), method("none", "SubCell")], scores, context)
    assert table.gaps == ["morphohelm: NONE: no morphohelm score of seed 0 (method none)"]
