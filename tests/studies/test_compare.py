"""Paired differences, claims, trials, and the plan of a study."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from cwamsn.advice import read_evidence
from cwamsn.config import load_schema, merge, resolve
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs import parse_spec
from cwamsn.studies import compare
from cwamsn.studies.plan import (
    TRAINING_SEED,
    check_minimum,
    check_sections,
    point_screens,
    point_seeds,
    training_seeds,
)
from cwamsn.studies.prediction import removable_share
from cwamsn.studies.report import Study, gains, has_learned, write_report

ROOT = Path(__file__).resolve().parents[2]


def study_scores(values: dict[str, list[float]], metric="recall", point="default") -> pd.DataFrame:
    chosen = compare.METRICS[metric]
    return pd.DataFrame(
        [
            {"run": "trial", "point": point, "screen_seed": seed, "seed": 0}
            | {"method": method, "value": value, "n": 10}
            | chosen.where
            for method, series in values.items()
            for seed, value in enumerate(series)
        ]
    )


def test_a_paired_difference_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    common = rng.normal(size=12)  # what differs between screens and not between rows
    first, second = common + 0.4 + 0.1 * rng.normal(size=12), common
    found = compare.paired(first, second)
    test = stats.ttest_rel(first, second)
    assert found["difference"] == pytest.approx((first - second).mean())
    low, high = test.confidence_interval()
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((low, high))
    assert found["screens"] == 12


def several_seeds(rng, method, level, between_screens, between_seeds, pairs=10, seeds=3, metric="recall"):
    """Scores of one method: a number per pair of screens, and one per training on it."""
    screens = level + between_screens * rng.normal(size=pairs)
    values = screens[:, None] + between_seeds * rng.normal(size=(pairs, seeds))
    rows = [
        {"point": "default", "screen_seed": pair, "seed": seed, "method": method, "value": values[at, number], "n": 10}
        for at, pair in enumerate(range(pairs))
        for number, seed in enumerate(training_seeds(range(seeds), pair))
    ]
    return pd.DataFrame(rows).assign(**compare.METRICS[metric].where), values


def test_the_interval_is_over_pairs_of_screens_of_the_means_over_their_training_seeds():
    rng = np.random.default_rng(1)
    (a, values_a), (b, values_b) = (several_seeds(rng, name, at, 0.05, 0.1) for name, at in (("a", 0.4), ("b", 0.3)))
    scores = pd.concat([a, b, study_scores({"c": list(rng.normal(size=10))})])
    found = compare.differences(scores, "a").set_index("second")
    means = values_a.mean(axis=1), values_b.mean(axis=1)
    low, high = stats.ttest_rel(*means).confidence_interval()
    assert found.loc["b", "difference"] == pytest.approx(means[0].mean() - means[1].mean())
    assert found.loc["b", ["ci_low", "ci_high"]].tolist() == pytest.approx([low, high])
    assert found.loc["b", ["screens", "seeds"]].tolist() == [10, 3]
    # seed by seed with a method of the same seeds, from each seed with one that has none
    by_seed = values_a - values_b
    assert found.loc["b", "between_seeds"] == pytest.approx(np.sqrt(by_seed.var(axis=1, ddof=1).mean()))
    assert found.loc["c", "between_seeds"] == pytest.approx(np.sqrt(values_a.var(axis=1, ddof=1).mean()))
    assert found.loc["c", "seeds"] == 3


def test_the_spread_between_screens_is_told_from_that_between_seeds():
    rng = np.random.default_rng(2)
    scores, _ = several_seeds(rng, "a", 0.5, 0.2, 0.1, pairs=2000, seeds=2)
    found = compare.summary(scores).iloc[0]
    assert found["between_screens"] == pytest.approx(0.2, rel=0.05)
    assert found["between_seeds"] == pytest.approx(0.1, rel=0.05)
    assert found["std"] == pytest.approx(np.sqrt(0.2**2 + 0.1**2 / 2), rel=0.05)
    alone = compare.summary(scores[scores["seed"] % 1000 == 0]).iloc[0]
    assert alone["seeds"] == 1 and np.isnan(alone[["between_screens", "between_seeds"]].astype(float)).all()


def test_the_interval_covers_what_screens_and_seeds_do_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(300):
        a, b = (several_seeds(rng, name, 0.3, 0.02, 0.05, pairs=5, seeds=2)[0] for name in ("a", "b"))
        row = compare.difference_of(compare.values_by_seed(pd.concat([a, b]), "recall"), "a", "b")
        covered.append(row["ci_low"] < 0 < row["ci_high"])
    assert 0.92 < np.mean(covered) < 0.98


def test_methods_without_a_training_seed_in_common_are_compared_by_their_means_alone():
    a, _ = several_seeds(np.random.default_rng(4), "a", 0.3, 0.1, 0.1)
    b, _ = several_seeds(np.random.default_rng(5), "b", 0.2, 0.1, 0.1)
    found = compare.differences(pd.concat([a, b.assign(seed=b["seed"] + 500)]), "a").iloc[0]
    assert found["screens"] == 10 and found["seeds"] == 0 and found["ci_low"] < found["difference"]
    assert np.isnan(found["between_seeds"])


def test_no_two_pairs_of_screens_share_a_training_seed():
    assert training_seeds([0, 1], 11) == [11_000, 11_001] and training_seeds([999], 11) < training_seeds([0], 12)
    with pytest.raises(InputError, match=r"seeds: 1000; .* take seeds below 1000"):
        training_seeds([0, 1000], 11)


def test_one_pair_of_screens_has_no_interval():
    found = compare.paired([0.3], [0.1])
    assert found["difference"] == pytest.approx(0.2) and np.isnan([found["error"], found["ci_low"]]).all()


@pytest.mark.parametrize(
    ("gap", "relation", "verdict"),
    [(0.2, "above", "holds"), (0.2, "below", "reversed"), (-0.2, "below", "holds"), (0.0, "above", "not shown")],
)
def test_a_claim_is_held_to_the_whole_interval(gap, relation, verdict):
    base = np.linspace(0.1, 0.3, 10)
    wiggle = np.tile([0.01, -0.01], 5)
    scores = study_scores({"a": list(base + gap + wiggle), "b": list(base)})
    table = compare.tested_claims(scores, [["a", relation, "b", "recall"]])
    assert table["verdict"].tolist() == [verdict]


@pytest.mark.parametrize("metric", ["recall", "ap", "phenotype", "nuisance", "plate_linear", "plate_knn", "heldout"])
def test_any_metric_can_be_claimed(metric):
    scores = study_scores({"a": [0.9, 0.8, 0.85], "b": [0.1, 0.02, 0.04]}, metric)
    assert compare.tested_claims(scores, [["a", "above", "b", metric]])["verdict"].tolist() == ["holds"]


@pytest.mark.parametrize(("first", "second"), [([0.5, 0.75], [0.25, 0.5]), ([0.3, 0.4], [0.1, 0.2])])
def test_differences_that_happen_to_be_equal_have_no_interval_and_show_nothing(first, second):
    """Exactly, or up to rounding: .3 - .1 is not .4 - .2."""
    scores = study_scores({"a": first, "b": second})
    for relation in ("above", "below"):
        table = compare.tested_claims(scores, [["a", relation, "b", "recall"]])
        assert table["verdict"].tolist() == ["not shown"]


def test_a_single_pair_shows_nothing():
    table = compare.tested_claims(study_scores({"a": [0.9], "b": [0.1]}), [["a", "above", "b", "recall"]])
    assert table["verdict"].tolist() == ["not shown"]


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (["a", "over", "b", "recall"], "write above or below"),
        (["a", "above", "c", "recall"], "'c' has no recall"),
        (["a", "above", "b", "recal"], "'recal' is not known"),
    ],
)
def test_a_claim_that_cannot_be_tested_is_refused(claim, message):
    with pytest.raises(InputError, match=message):
        compare.tested_claims(study_scores({"a": [0.9, 0.8], "b": [0.1, 0.2]}), [claim])


def test_the_best_trial_is_the_one_that_retrieves_most():
    scores = study_scores({"a-1": [0.1, 0.3], "a-2": [0.4, 0.2], "b-1": [0.2, 0.2]}, "heldout")
    table = compare.best_trials(scores, {"a": ["a-1", "a-2"], "b": ["b-1"]})
    assert table[table["best"]].set_index("group")["method"].to_dict() == {"a": "a-2", "b": "b-1"}
    with pytest.raises(InputError, match="'a-3' is not among"):
        compare.best_trials(scores, {"a": ["a-3"]})


def configured(**study):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    models = yaml.safe_load((ROOT / "config/methods.yaml").read_text())
    schema = load_schema(ROOT / "config/schemas")
    return resolve({**config, **models, "study": study}, schema), schema


def test_a_points_screens_are_the_runs_with_what_differs():
    config, schema = configured(
        screen_seeds=[4, 5],
        points={"plain": {}, "strong": {"training": {"layout": "randomised", "nuisance": {"blur": 2.0}}}},
    )
    assert point_seeds(config["study"]) == {"plain": [4, 5], "strong": [4, 5]}
    plain, strong = (point_screens(config, schema, name, 4) for name in ("plain", "strong"))
    assert plain["evaluation"]["seed"] == 4 and plain["training"]["seed"] == 4 + TRAINING_SEED
    assert strong["training"]["layout"] == "randomised" and strong["training"]["nuisance"]["blur"] == 2.0
    assert strong["training"]["nuisance"]["gamma"] == plain["training"]["nuisance"]["gamma"]
    assert strong["evaluation"] == plain["evaluation"]


def test_a_wrong_key_of_a_point_is_named_with_the_nearest():
    config, schema = configured(screen_seeds=[4], points={"odd": {"training": {"nuisance": {"blurr": 1}}}})
    with pytest.raises(InputError, match=r"study\.points\.odd\.training\.nuisance\.blurr.*nearest: blur"):
        point_screens(config, schema, "odd", 4)


def test_merging_leaves_the_original_alone():
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merge(base, {"a": {"b": 5}}) == {"a": {"b": 5, "c": 2}, "d": 3}
    assert base["a"]["b"] == 1


def test_the_layout_predicts_more_to_remove_where_wells_are_randomised():
    config, schema = configured(points={"bray": {}, "free": {"training": {"layout": "randomised"}}}, screen_seeds=[0])
    shares = {
        p: removable_share(parse_spec(point_screens(config, schema, p, 0)["training"]))[0] for p in ("bray", "free")
    }
    nuisance = config["screens"]["bray-sim"]["nuisance"]
    parts, position = nuisance["shares"], nuisance["position"] ** 2 * 2 / 3
    # on a Bray layout the batch and the position are shared, all else differs
    own = (parts["drift"] + parts["plate"] + parts["well"]) / sum(parts[k] for k in ("batch", "drift", "plate", "well"))
    assert shares["bray"] == pytest.approx(own / (1 + position), abs=0.01)
    assert shares["free"] > 0.85 > 0.6 > shares["bray"]


def test_the_report_shows_rows_claims_and_the_map(tmp_path):
    config, schema = configured(
        screen_seeds=[0, 1, 2],
        points={"bray": {}, "free": {"training": {"layout": "randomised"}}},
        claims=[["cwa-msn", "above", "single-well-msn", "recall"]],
    )
    values = {"cwa-msn": [0.3, 0.35, 0.32], "single-well-msn": [0.1, 0.16, 0.11]}
    scores = pd.concat([study_scores(values), study_scores(values, "ap")])
    scores = pd.concat([scores.assign(point=name) for name in ("bray", "free")])
    screens = {name: point_screens(config, schema, name, 0) for name in ("bray", "free")}
    titles = {"single-well-msn": "Single-Well-MSN", "cwa-msn": "CWA-MSN"}
    claims = config["study"]["claims"]
    designs = {point: parse_spec(pair["training"]) for point, pair in screens.items()}
    study = Study("Trial", titles, [], designs, "cwa-msn", claims)
    write_report(scores, study, tmp_path / "tables", tmp_path / "report.md")
    claims = pd.read_csv(tmp_path / "tables" / "claims.csv")
    assert claims["verdict"].tolist() == ["holds", "holds"] and claims["screens"].tolist() == [3, 3]
    evidence = read_evidence(tmp_path / "tables" / "evidence.csv")
    assert evidence["point"].tolist() == ["bray", "free"] * 2 and (evidence["first"] == "cross-well").all()
    assert "against single-well training: above it where" in (tmp_path / "report.md").read_text()
    gains = pd.read_csv(tmp_path / "tables" / "map.csv").set_index("point")
    assert gains.loc["free", "removable"] > gains.loc["bray", "removable"]
    assert gains["recall"].tolist() == pytest.approx([0.2, 0.2])
    assert (gains["recall_low"] > 0.1).all() and (gains["ap_high"] < 0.3).all()
    page = (tmp_path / "report.md").read_text()
    assert "| Single-Well-MSN | +0.200 (+0.1" in page, "less the others"
    assert "| CWA-MSN above Single-Well-MSN, gene-gene recall, all sources | +0.200 (" in page
    assert "bray 3, free 3, each with a training seed of its own. Intervals are 95%, Student's t over pairs" in page
    for name in ("methods.png", "map.png"):
        assert (tmp_path / "tables" / name).stat().st_size > 5000
    one = scores[scores["screen_seed"] == scores["screen_seed"].min()]
    write_report(one, study, tmp_path / "one", tmp_path / "one.md")
    assert "## Claims" not in (tmp_path / "one.md").read_text() and (tmp_path / "one" / "map.png").exists()
    alone = scores[scores["method"] == "cwa-msn"]
    few = replace(study, claims=(), titles={"cwa-msn": "CWA-MSN"})
    write_report(alone, few, tmp_path / "a", tmp_path / "a.md")
    assert "0.323 ± 0.025" in (tmp_path / "a.md").read_text()
    # a training screen that nothing is predicted of costs the map, not the report
    designs["free"] = parse_spec(screens["free"]["evaluation"])
    with collected() as notes:
        write_report(scores, replace(study, level=0.5), tmp_path / "o", tmp_path / "o.md")
    assert not (tmp_path / "o" / "map.csv").exists() and "point free has another" in (tmp_path / "o.md").read_text()
    assert len(notes) == 1 and "Where it pays is not drawn" in notes[0]
    narrow, wide = (pd.read_csv(tmp_path / name / "differences.csv") for name in ("o", "tables"))
    assert ((narrow["ci_high"] - narrow["ci_low"]) < 0.3 * (wide["ci_high"] - wide["ci_low"])).all()
    page = (tmp_path / "report.md").read_text()
    assert "CWA-MSN" in page and "0.323 ± 0.025" in page and "Simulated screens" in page


def test_a_plate_probe_without_the_setting_that_a_study_reports_is_refused():
    config, _ = configured()
    check_sections(config)
    for key, given, wanted in (
        ("plate_readings", ["row"], "experiment_plate"),
        ("controls", ["full"], "only"),
        ("embeddings", ["aligned"], "raw"),
    ):
        with pytest.raises(InputError, match=rf"plate_probe\.{key}: .*; add {wanted}"):
            check_sections(config | {"plate_probe": config["plate_probe"] | {key: given}})


def test_a_study_that_was_to_leave_wells_out_is_refused():
    check_minimum(configured()[0]["minimum_cells"])
    with pytest.raises(InputError, match=r"minimum_cells\.quantile: a study scores all wells; leave it out"):
        check_minimum({"number": None, "quantile": 0.05})


def test_an_evaluation_screen_without_knockouts_is_refused_before_anything_is_made():
    config, schema = configured(screen_seeds=[0])
    config = config | {"evaluate": {config["training_screen"]: ["gene_gene"]}}
    with pytest.raises(InputError, match="evaluate: bray-sim is simulated-bray, which has no knockouts"):
        point_screens(config, schema, "default", 0)
    only = config | {"study": config["study"] | {"evaluate": False}}
    assert list(point_screens(only, schema, "default", 0)) == ["training"]


@pytest.mark.parametrize(("loss", "learned"), [(4.852, False), (4.70, True), (None, None)])
def test_a_loss_at_its_start_is_told_from_one_that_has_moved(loss, learned):
    rows = [("training", "prototypes_used", 127.99)]
    rows += [("training", "cross_entropy", loss)] if loss else []
    assert has_learned(pd.DataFrame(rows, columns=["benchmark", "metric", "value"])) is learned


def test_of_several_nulls_and_thresholds_the_first_counts():
    first = study_scores({"a": [0.3]}).assign(null="whole-map", threshold_low=0.1)
    others = [first.assign(null="crispr", value=0.9), first.assign(threshold_low=0.05, value=0.8)]
    assert compare.values_of(pd.concat([first, *others]), "recall")["a"].tolist() == [0.3]


def test_the_gain_at_a_single_pair_of_screens_has_the_interval_over_genes(tmp_path):
    config, schema = configured(screen_seeds=[0], points={"one": {}})
    designs = {"one": parse_spec(point_screens(config, schema, "one", 0)["training"])}
    scores = study_scores({"a": [0.3], "b": [0.1]}, point="one")
    compared = {"benchmark": "comparison", "metric": "recall_minus_b", "value": 0.2}
    bounds = [{"ci_low": 0.05, "ci_high": 0.38}, {"seed": 1, "ci_low": 0.05, "ci_high": 0.42}]
    scores = pd.concat([scores, *(scores[:1].assign(**compared, **each) for each in bounds)])
    table = gains(scores, Study("T", {"a": "A", "b": "B"}, [], designs, "a"), "b")
    assert table[["recall", "recall_low", "recall_high"]].iloc[0].tolist() == pytest.approx([0.2, 0.05, 0.4])
