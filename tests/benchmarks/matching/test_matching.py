"""Retrieval of shared targets: by copairs' definitions, at levels of stringency, and what cannot be scored."""

import numpy as np
import pandas as pd
import pytest
from copairs.map import average_precision as copairs_precision
from copairs.map import mean_average_precision, multilabel

from cwamsn.benchmarks import comparison, matching
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.matching.retrieval import rounded
from cwamsn.benchmarks.stringency import levels_of
from cwamsn.errors import InputError
from cwamsn.notes import collected

QUICK = BootstrapOptions(resamples=50)
OPTIONS = matching.MatchingOptions(levels=["NR", "NSB", "NSL"], least=3, null_size=500)
GENES = [f"G{i}" for i in range(8)]
KEYS = ["item", "target", "block"]


def screen(seed=0, signal=1.0):
    """24 compounds with one or two of eight genes as targets, two guides per gene, two batches, a compound unknown."""
    draw = np.random.default_rng(seed)
    targets = {f"c{i:02d}": frozenset({GENES[i % 8], *([GENES[(i * 5) % 8]] if i % 3 == 0 else [])}) for i in range(24)}
    rows = [
        ("COMPOUND", name, None, None, batch, dose)
        for name in [*targets, "unknown"]
        for batch in ("b1", "b2")
        for dose in (1.0, 10.0)
    ]
    rows += [
        ("CRISPR", gene, gene, f"{gene}_g{number}", batch, np.nan)
        for gene in [*GENES, "alone"]
        for number in (1, 2)
        for batch in ("b1", "b2")
    ]
    names = ["perturbation_type", "perturbation", "gene", "guide", "experiment", "concentration"]
    wells = pd.DataFrame(rows, columns=names)
    wells = wells.assign(
        well_id=[f"w{i:03d}" for i in range(len(wells))],
        control=None,
        address=draw.choice(["A01", "A02", "A03"], len(wells)),
    )
    effect = dict(zip(GENES, draw.normal(size=(8, 6))))
    own = [targets.get(p, {p} & set(GENES)) for p in wells["perturbation"]]
    features = draw.normal(size=(len(wells), 6)) + signal * np.array(
        [sum((effect[g] for g in o), np.zeros(6)) for o in own]
    )
    return features, wells, targets


def profiles_of(task, level="NR", **more):
    features, wells, targets = screen(**more)
    return dict(matching.tasks_of(features, wells, targets, levels_of([level])[0]))[task]


def frame_of(profiles):
    block = profiles.blocks.iloc[:, 0] if len(profiles.blocks.columns) else ""
    frame = pd.DataFrame({"item": profiles.items, "kind": profiles.kinds, "block": block})
    return frame.assign(target=[sorted(own) for own in profiles.targets])


@pytest.mark.parametrize("level", ["NR", "NSB", "NSL"])
@pytest.mark.parametrize("task", ["sisters", "guides", "knockouts"])
def test_every_precision_is_that_of_copairs(task, level):
    profiles = profiles_of(task, level)
    absolute, across = task != "guides", task == "knockouts"
    found = matching.retrieve(profiles, absolute, across)
    frame = frame_of(profiles)
    differ = (["block"] if level != "NR" else []) + (["kind"] if across else [])
    expected = multilabel.average_precision(
        frame,
        profiles.vectors,
        ["target"],
        ["item", *differ],
        [],
        ["target", *differ],
        multilabel_col="target",
        distance="abs_cosine" if absolute else "cosine",
        progress_bar=False,
    )
    expected = expected[expected["average_precision"].notna() & (expected["n_pos_pairs"] < expected["n_total_pairs"])]
    # a profile is named by item and block, which the result does not repeat: compare as sorted lists of a query's item
    for name, part in found.groupby(["target", "item"]):
        own = expected[(expected["target"] == name[0]) & (expected["item"] == name[1])]
        for ours, theirs in (
            ("average_precision", "average_precision"),
            ("normalised", "normalized_average_precision"),
            ("n_positives", "n_pos_pairs"),
            ("n_total", "n_total_pairs"),
        ):
            assert np.sort(part[ours]) == pytest.approx(np.sort(own[theirs]), abs=1e-6), (name, ours)
    assert len(found) == len(expected) > 10


def test_guides_are_what_copairs_finds_without_several_labels():
    profiles = profiles_of("guides")
    frame = frame_of(profiles).assign(target=lambda f: f["target"].str[0])
    expected = copairs_precision(frame, profiles.vectors, ["target"], [], [], ["target"], progress_bar=False)
    found = matching.retrieve(profiles, absolute=False, across=False).set_index("item")["average_precision"]
    expected = expected.set_index("item")["average_precision"]
    assert found.sort_index().to_numpy() == pytest.approx(expected[found.index].sort_index().to_numpy(), abs=1e-6)


def test_p_values_follow_copairs_within_the_error_of_the_draws(tmp_path):
    queries = matching.retrieve(profiles_of("sisters"), absolute=True, across=False)
    found = matching.mean_by_target(queries, 20000)
    names = {"n_positives": "n_pos_pairs", "n_total": "n_total_pairs", "normalised": "normalized_average_precision"}
    expected = mean_average_precision(
        queries.rename(columns=names), ["target"], 20000, 0.05, 1, progress_bar=False, max_workers=1, cache_dir=tmp_path
    ).sort_values("target")
    assert list(found["target"]) == list(expected["target"])
    for ours, theirs in (("mean_average_precision",) * 2, ("mean_normalised", "mean_normalized_average_precision")):
        assert found[ours].to_numpy() == pytest.approx(expected[theirs].to_numpy(), abs=1e-9)
    assert found["p_value"].to_numpy() == pytest.approx(expected["p_value"].to_numpy(), abs=0.015)
    assert found["corrected_p_value"].to_numpy() == pytest.approx(expected["corrected_p_value"].to_numpy(), abs=0.03)


@pytest.mark.parametrize(("positives", "total"), [(1, 30), (2, 200), (7, 20), (3, 4)])
def test_chance_is_the_mean_of_random_rankings(positives, total):
    draw = np.random.default_rng(0)
    ranks = np.sort(draw.random((20000, total)).argsort(axis=1)[:, :positives] + 1, axis=1)
    simulated = (np.arange(1, positives + 1) / ranks).mean()
    row = {"target": "t", "n_positives": positives, "n_total": total, "average_precision": 0.0, "normalised": 0.0}
    found = matching.mean_by_target(pd.DataFrame([row]), 20000).iloc[0]
    assert found["chance"] == pytest.approx(simulated, abs=0.01) and found["p_value"] == 1.0


def test_compounds_are_taken_at_their_highest_dose_and_genes_by_their_guides():
    features, wells, targets = screen()
    profiles = dict(matching.tasks_of(features, wells, targets, levels_of(["NR"])[0]))
    assert set(profiles["sisters"].items) == set(targets)
    at = (wells["perturbation"] == "c05") & (wells["concentration"] == 10)
    where = list(profiles["sisters"].items).index("c05")
    assert profiles["sisters"].vectors[where] == pytest.approx(features[at].mean(axis=0))
    assert {"G0\x1fG0_g1", "alone\x1falone_g2", "c05"} <= set(profiles["knockouts"].items)
    assert set().union(*profiles["knockouts"].targets) == {*GENES, "alone"}
    without = dict(matching.tasks_of(features, wells.drop(columns="guide"), targets, levels_of(["NR"])[0]))
    assert "guides" not in without and "G0" in set(without["knockouts"].items)


def test_no_item_has_more_profiles_than_asked_for():
    features, wells, targets = screen()
    wells = wells.assign(experiment=[f"b{i % 4}" for i in range(len(wells))])
    for most in (1, 2, 8):
        found = dict(matching.tasks_of(features, wells, targets, levels_of(["NSL"])[0], most))
        sizes = pd.Series(found["guides"].items).value_counts()
        assert sizes.max() == min(most, sizes.max()) and len(sizes) == 18
    assert len(found["guides"].vectors) == len(found["guides"].blocks) == len(found["guides"].targets)


def test_lengths_of_null_rankings_are_rounded_by_less_than_a_hundredth():
    assert [rounded(total) for total in (2, 999, 1000)] == [2, 999, 1000]
    assert all(abs(rounded(total) / total - 1) < 0.006 for total in range(1001, 60000, 97))


def test_guides_that_are_numbered_gene_by_gene_are_not_mixed():
    features, wells, targets = screen()
    numbered = wells.assign(guide=wells["guide"].str.rpartition("_g")[2].where(wells["guide"].notna()))
    assert numbered["guide"].nunique() == 2
    first, second = scored(features, wells, targets), scored(features, numbered, targets)
    pd.testing.assert_frame_equal(first.table, second.table)


def test_the_case_of_a_target_does_not_matter():
    features, wells, targets = screen()
    other = {
        name: frozenset(gene.lower() if number % 2 else gene for gene in own)
        for number, (name, own) in enumerate(sorted(targets.items()))
    }
    assert other != targets
    first, second = scored(features, wells, targets), scored(features, wells, other)
    pd.testing.assert_frame_equal(first.table, second.table)


def scored(features, wells, targets, options=OPTIONS, **more):
    return matching.score(features, wells, options, QUICK, targets=targets, **more)


def test_every_level_and_task_is_scored_with_chance_beside_it():
    result = scored(*screen(), in_sample=True)
    parts = pd.concat(result.parts).set_index(["metric", "source"])
    sources = {f"{task} {level} (in-sample)" for task in ("sisters", "guides", "knockouts") for level in OPTIONS.levels}
    assert {source for _, source in parts.index} == sources
    row = parts.loc[("mean_average_precision", "sisters NSB (in-sample)")]
    own = result.table[(result.table["task"] == "sisters") & (result.table["level"] == "NSB")]
    assert row["value"] == pytest.approx(own["mean_average_precision"].mean()) and row["n"] == len(own) == 8
    assert row["ci_low"] <= row["value"] <= row["ci_high"]
    chance = parts.loc[("mean_average_precision_of_a_random_ranking", "sisters NSB (in-sample)"), "value"]
    assert chance < row["value"], "the signal is there"
    noise = pd.concat(scored(*screen(signal=0.0)).parts).set_index(["metric", "source"])["value"]
    level = noise["mean_average_precision_of_a_random_ranking", "sisters NR"]
    assert noise["mean_average_precision", "sisters NR"] == pytest.approx(level, abs=0.08)


def test_no_digit_depends_on_the_order_of_the_wells():
    features, wells, targets = screen()
    order = np.random.default_rng(1).permutation(len(wells))
    first, second = scored(features, wells, targets), scored(features[order], wells.iloc[order], targets)
    pd.testing.assert_frame_equal(first.table, second.table)


def test_differences_are_differences_of_the_scores():
    features, wells, targets = screen()
    results = [scored(x, wells, targets) for x in (features, np.random.default_rng(5).normal(size=features.shape))]
    tables = tuple(result.table for result in results)
    found = matching.paired_difference(*tables, QUICK).set_index(["metric", "source"])
    scores = [pd.concat(result.parts).set_index(["metric", "source"])["value"] for result in results]
    for key in found.index:
        assert found.loc[key, "value"] == pytest.approx(scores[0][key] - scores[1][key], abs=1e-12)
    assert found.loc[("mean_average_precision", "sisters NR"), "ci_low"] > 0
    options = comparison.ComparisonOptions(bootstrap=QUICK)
    whole = comparison.score(None, "b", options, of_wells=comparison.OfWells(matching=tables))
    assert "share_retrieved_minus_b" in set(pd.concat(whole.parts)["metric"])


def test_what_cannot_be_scored_is_said():
    features, wells, targets = screen()
    with collected() as notes:
        scored(features, wells.assign(experiment="b1"), targets)
    assert "matching at NSB (not the same batch) is not scored: the screen has one experiment" in notes
    assert "matching: 1 of 25 compounds have no known target" in notes
    few = {name: own for name, own in targets.items() if name in ("c00", "c08")}
    with collected() as notes:
        result = scored(features, wells, few)
    assert set(result.table["task"]) == {"guides"}
    text = "matching of sisters at NR (no restriction) is not scored: it leaves 0 targets with 0 queries, 3 targets are"
    assert any(note.startswith(text) for note in notes)
    with pytest.raises(InputError, match=r"none of the 1 compounds with targets \(x \.\.\.\) is a perturbation of"):
        scored(features, wells, {"x": frozenset("G")})
    with pytest.raises(InputError, match="matching: no task can be scored; give the targets of compounds"):
        scored(features, wells.drop(columns="guide"), None)
    with pytest.raises(InputError, match=r"matching\.sign: 'both' is not known"):
        scored(features, wells, targets, matching.MatchingOptions(sign="both"))
    with pytest.raises(InputError, match="NaN or infinite feature"):
        scored(np.full(features.shape, np.nan), wells, targets)
    with collected() as notes:
        scored(features, wells, {name: frozenset(["absent"]) for name in targets} | {"c01": frozenset(["other"])})
    assert any("no compound has a target that is perturbed in the screen" in note for note in notes)


def test_tables_of_targets_are_read_by_row_or_by_list(tmp_path):
    path = tmp_path / "targets.csv"
    path.write_text("compound,gene\na,G1| G2\nb,G1\nb,G3\nc,\n")
    expected = {"a": frozenset({"G1", "G2"}), "b": frozenset({"G1", "G3"})}
    assert matching.read_targets(str(path)) == expected
    tabs = tmp_path / "targets.tsv"
    tabs.write_text("x\tgene\tcompound\n1\tG1|G2\ta\n2\tG1|G3\tb\n")
    assert matching.read_targets(str(tabs), "compound", "gene") == expected
    truth = pd.DataFrame(
        {"treatment": ["a", "a", "b"], "gene_symbol": ["G1", "G2", "G1"], "nM_value": [5, 1000, 1001.0]}
    )
    assert matching.targets_of_truth(truth) == {"a": frozenset({"G1", "G2"})}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer; fetch the file itself"),
        ("compound\na\n", "has one column; a compound and its target need two"),
        ("compound,gene\na,\n", "no row has both compound and gene; correct matching.compound or matching.target"),
    ],
)
def test_a_bad_table_of_targets_is_one_line(tmp_path, content, message):
    path = tmp_path / "targets.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        matching.read_targets(str(path))
    with pytest.raises(InputError, match="no such file; correct the path"):
        matching.read_targets(str(tmp_path / "absent.csv"))
