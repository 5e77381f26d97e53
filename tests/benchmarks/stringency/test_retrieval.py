"""Retrieval at levels of stringency, against the published protocol's golden values and a naive version."""

import json

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.stringency import LEVELS, RetrievalOptions, pairs_left, retrieve, score, summarise
from cwamsn.errors import InputError
from cwamsn.notes import collected

DMSO = "JCP2022_033924"
CODE = RetrievalOptions(levels=tuple(LEVELS), same=("perturbation",), ties="code", least=1)


def golden_wells(folder):
    """Features and wells of the protocol's replicate table; controls are the only wells without a perturbation."""
    frame = pd.read_parquet(folder / "wells_normalized_expected.parquet")
    raw = pd.read_parquet(folder / "wells_raw.parquet").filter(like="Metadata_")
    keys = ["Metadata_Plate", "Metadata_Well"]
    frame = frame[[*keys, *(c for c in frame if c.startswith("PC_"))]].merge(raw, on=keys, how="left")
    control = frame["Metadata_JCP2022"] == DMSO
    wells = pd.DataFrame(
        {
            "well_id": frame["Metadata_Plate"].astype(str) + "_" + frame["Metadata_Well"],
            "experiment": frame["Metadata_Batch"],
            "source": frame["Metadata_Source"],
            "plate": frame["Metadata_Plate"].astype(str),
            "address": frame["Metadata_Well"],
            "perturbation": frame["Metadata_JCP2022"],
            "control": np.where(control, "negative", None),
        }
    )
    return frame.filter(like="PC_").to_numpy(), wells


@pytest.fixture(scope="module")
def protocol(golden):
    folder = golden / "morphohelm" / "golden"
    return golden_wells(folder), json.loads((folder / "replicate_expected.json").read_text())["tgt2_noqc"]


@pytest.fixture(scope="module")
def retrieved(protocol):
    (features, wells), _ = protocol
    return retrieve(features, wells, CODE)


@pytest.mark.parametrize("level", LEVELS)
def test_recall_at_1_equals_the_published_code(protocol, retrieved, level):
    expected = protocol[1][level]
    table = summarise(retrieved).set_index(["level", "distractors", "metric"])["value"]
    rows = retrieved[(retrieved["level"] == level) & (retrieved["distractors"] == "perturbations")]
    assert len(rows) == expected["repo"]["recall_n_eligible"]
    assert rows["hit"].sum() == expected["repo"]["recall_n_hits"]
    found = 100 * table[level, "perturbations", "recall_at_1"]
    assert found == pytest.approx(expected["repo"]["recall_at_1_percent"], rel=1e-9)
    found = 100 * table[level, "perturbations", "recall_at_1_by_group"]
    assert found == pytest.approx(expected["independent"]["recall_macro_over_compounds_percent"], rel=1e-9)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind, key", [("perturbations", "map_per_query"), ("controls", "negcon_map_per_query")])
def test_the_precision_of_each_query_equals_the_published_code(protocol, retrieved, level, kind, key):
    rows = retrieved[(retrieved["level"] == level) & (retrieved["distractors"] == kind)].set_index("well_id")
    expected = protocol[1][level]["independent"][key]
    assert expected
    for compound, query in expected.items():
        row = rows.loc[f"{query['plate']}_{query['well']}"]
        assert row["group"] == compound
        assert row["average_precision"] == pytest.approx(query["ap"], rel=1e-9)
        assert row["n_positives"] == query["n_rel"]
        assert row["n_distractors"] + row["n_positives"] == query["n_cand"]


def test_queries_may_be_chosen_and_the_others_still_answer(protocol, retrieved):
    (features, wells), expected = protocol
    drawn = expected["NSB"]["independent"]["map_per_query"].values()
    names = {f"{query['plate']}_{query['well']}" for query in drawn}
    some = retrieve(features, wells, CODE, queries=wells["well_id"].isin(names).to_numpy())
    whole = retrieved[retrieved["well_id"].isin(names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, whole)
    table = summarise(some).set_index(["level", "distractors", "metric"])["value"]
    found = 100 * table["NSB", "perturbations", "mean_average_precision"]
    assert found == pytest.approx(expected["NSB"]["repo"]["map_percent"], rel=1e-9)


@pytest.mark.parametrize("name", ["tiny_exact_ties", "tiny_shared_batch_name"])
def test_ties_read_as_the_published_code_read_as_it_does(golden, name):
    """A precision above 1 included, which is why this is not the default."""
    case = json.loads((golden / "morphohelm" / "golden" / "edge_cases.json").read_text())[name]
    frame = pd.DataFrame(case["table"])
    wells = pd.DataFrame(
        {
            "well_id": [f"w{i}" for i in range(len(frame))],
            "experiment": frame["batch"],
            "source": frame["source"],
            "address": frame["well"],
            "perturbation": frame["compound"],
            "control": None,
        }
    )
    texts = {"NR": "No Restriction", "NSB": "Not Same Batch", "NSS": "Not Same Source", "NSL": "Not Same Layout"}
    for level, text in texts.items():
        same, distractors = ["perturbation"], ["perturbations"]
        options = RetrievalOptions(levels=[level], same=same, distractors=distractors, ties="code", least=1)
        # one query per compound, drawn as the published code draws it
        draw = np.random.RandomState(42)
        sizes = frame["compound"].value_counts()
        drawn = [draw.choice(np.flatnonzero(frame["compound"] == c)) for c in sorted(sizes[sizes > 1].index)]
        queries = np.isin(np.arange(len(frame)), drawn)
        found = retrieve(frame[["x", "y"]].to_numpy(), wells, options, queries)
        expected = case["expected"][text]
        assert len(found) == expected["n_queries"]
        assert 100 * found["average_precision"].mean() == pytest.approx(expected["mAP"], rel=1e-9)


# Own screens ----------------------------------------------------------------------------------------------------------


def screen(seed=0, n=240, compounds=30, d=6):
    """Wells with ties: some vectors are copies of others."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(n, d))
    features[::7] = features[3]
    wells = pd.DataFrame(
        {
            "well_id": [f"w{i:03d}" for i in draw.permutation(n)],
            "experiment": draw.choice(["b1", "b2", "b3"], n),
            "source": draw.choice(["s1", "s2"], n),
            "address": draw.choice(["A01", "A02", "B01", "B02"], n),
            "perturbation": [f"c{i}" for i in draw.integers(0, compounds, n)],
            "concentration": draw.choice([1.0, 10.0, np.nan], n),
            "control": np.where(draw.random(n) < 0.15, "negative", None),
        }
    )
    return features, wells


def naive(features, wells, level, kind, same=("perturbation", "concentration")):
    """Average precision and hit by loops, a tied distractor counted half."""
    unit = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    rows = wells.to_dict("records")

    def replicate(a, b):
        return all(a[c] == b[c] or (a[c] != a[c] and b[c] != b[c]) for c in same)

    found = {}
    for q, query in enumerate(rows):
        if query["control"] is not None:
            continue
        positives, distractors = [], []
        for x, well in enumerate(rows):
            if x == q or any(well[c] == query[c] for c in LEVELS[level].differ):
                continue
            if well["control"] is None and replicate(query, well):
                positives.append(float(unit[q] @ unit[x]))
            elif (well["control"] is None) == (kind == "perturbations"):
                distractors.append(float(unit[q] @ unit[x]))
        if not positives or not distractors:
            continue
        total = 0.0
        for i, s in enumerate(sorted(positives, reverse=True), start=1):
            near = [abs(d - s) < 1e-6 for d in distractors]
            above = sum(d > s and not n for d, n in zip(distractors, near))
            total += i / (i + above + sum(near) / 2)
        found[query["well_id"]] = total / len(positives)
    return found


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["perturbations", "controls"])
def test_a_naive_count_gives_the_same_precision(level, kind):
    features, wells = screen()
    features = np.round(features * 4) / 4  # ties beyond the copies
    found = retrieve(features, wells, RetrievalOptions(levels=[level], distractors=[kind], least=1))
    expected = naive(features, wells, level, kind)
    assert set(found["well_id"]) == set(expected)
    values = found.set_index("well_id")["average_precision"]
    # float32 products of other shapes round otherwise, which may order two near-equal similarities differently
    close = np.isclose(values.loc[list(expected)], list(expected.values()), atol=1e-6)
    assert close.mean() > 0.97


def test_neither_row_order_nor_threads_change_a_digit():
    features, wells = screen(n=600)
    first = retrieve(features, wells, RetrievalOptions(least=1))
    order = np.random.default_rng(1).permutation(len(wells))
    other = retrieve(features[order], wells.iloc[order].reset_index(drop=True), RetrievalOptions(least=1, threads=2))
    pd.testing.assert_frame_equal(first, other)


def test_many_positives_are_counted_as_few_are():
    features, wells = screen(n=400, compounds=3)
    wells["concentration"] = np.nan
    found = retrieve(features, wells, RetrievalOptions(levels=["NR"], distractors=["perturbations"], least=1))
    expected = naive(features, wells, "NR", "perturbations")
    values = found.set_index("well_id")["average_precision"]
    assert found["n_positives"].min() > 24
    assert np.allclose(values.loc[list(expected)], list(expected.values()), atol=2e-3)


def test_pairs_left_counts_the_pairs_that_differ():
    _, wells = screen()
    treated = wells[wells["control"].isna()].reset_index(drop=True)
    rows = treated.astype({"concentration": str}).to_dict("records")
    for level in LEVELS.values():
        pairs, groups = 0, set()
        for i, a in enumerate(rows):
            for b in rows[:i]:
                same = all(a[c] == b[c] for c in ("perturbation", "concentration"))
                if same and all(a[c] != b[c] for c in level.differ):
                    pairs += 1
                    groups.add((a["perturbation"], a["concentration"]))
        assert pairs_left(level, treated, ("perturbation", "concentration")) == (pairs, len(groups))


def test_a_level_that_the_layout_cannot_have_is_noted_and_not_scored():
    features, wells = screen()
    wells["address"] = "P" + wells["perturbation"] + wells["concentration"].astype(str)
    with collected() as lines:
        found = retrieve(features, wells.drop(columns="source").assign(experiment="b1"))
    assert set(found["level"]) == {"NR"}
    assert lines == [
        "level NSB (not the same batch) is not scored: the screen has one experiment",
        "level NSS (not the same source) is not scored: the wells table has no column source",
        "level NSL (not the same well position) is not scored: it leaves 0 pairs of replicates in 0 groups, 10 groups "
        "are needed",
    ]


def test_a_screen_of_single_wells_is_refused():
    features, wells = screen(n=40)
    wells["perturbation"] = [f"c{i}" for i in range(len(wells))]
    with pytest.raises(InputError, match="none of the levels NR can be scored"):
        retrieve(features, wells, RetrievalOptions(levels=["NR"]))


@pytest.mark.parametrize(
    "own, message",
    [
        ({"levels": ["NSP"]}, "levels: 'NSP' is not known; known: NR, NSB, NSS, NSL, NSSL"),
        ({"distractors": ["dmso"]}, "distractors: 'dmso' is not known"),
        ({"ties": "best"}, "ties: 'best' is not known; known: mid, code"),
    ],
)
def test_an_unknown_name_is_refused(own, message):
    features, wells = screen()
    with pytest.raises(InputError, match=message):
        retrieve(features, wells, RetrievalOptions(**own))


def test_intervals_are_over_groups_and_hold_the_value():
    features, wells = screen(n=600)
    table = summarise(retrieve(features, wells))
    assert ((table["ci_low"] < table["value"]) & (table["value"] < table["ci_high"])).all()
    assert set(table["metric"]) == {
        "recall_at_1",
        "recall_at_1_by_group",
        "mean_average_precision",
        "mean_average_precision_by_group",
    }


def test_scores_tell_levels_distractors_and_parts_of_a_split_apart():
    features, wells = screen(n=900)
    wells["split"] = np.where(wells["perturbation"] < "c2", "train", "test")
    fixed = {"run": "r", "method": "m", "seed": 0, "benchmark": "retrieval", "screen": "e", "alignment": "none"}
    result = score(features, wells, RetrievalOptions(), BootstrapOptions(resamples=20), in_sample=True)
    scores = result.scores(**fixed)
    levels = ("NR", "NSB", "NSS", "NSL")
    parts = ("", ", train", ", test")
    assert set(scores["source"]) == {f"{level}{part} (in-sample)" for level in levels for part in parts}
    assert set(scores["null"]) == {"perturbations", "controls"}
    chosen = scores[(scores["metric"] == "recall_at_1") & (scores["null"] == "perturbations")].set_index("source")
    n = chosen["n"].astype(int)
    assert n["NSB (in-sample)"] == n["NSB, train (in-sample)"] + n["NSB, test (in-sample)"]


def test_threads_leave_the_limits_of_blas_as_they_were():
    features, wells = screen(n=900)
    before = [pool["num_threads"] for pool in threadpool_info()]
    retrieve(features, wells, RetrievalOptions(threads=4))
    assert [pool["num_threads"] for pool in threadpool_info()] == before
