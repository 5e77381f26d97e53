"""Shuffled labels: what moves, what stays, and that a control is never a score."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.gene_gene import gene_gene_recall
from cwamsn.benchmarks.scores import Result
from cwamsn.benchmarks.shuffled import (
    WITHIN,
    ShuffleOptions,
    beside,
    shuffled_ids,
    shuffled_names,
    shuffled_wells,
)
from cwamsn.benchmarks.stringency import RetrievalOptions, score
from cwamsn.errors import InputError
from cwamsn.notes import collected, note

FIXED = {"run": "r", "screen": "s", "method": "m", "seed": 0, "benchmark": "b", "alignment": "none"}


def layout(plates=6, treatments=30):
    """Each treatment once on each plate, always at the same position, and controls."""
    rows = []
    for p in range(plates):
        for i in range(treatments + 4):
            control = "negative" if i >= treatments else None
            rows.append(
                (
                    f"p{p}-{i:02d}",
                    f"e{p // 2}",
                    f"p{p}",
                    1 + i // 12,
                    1 + i % 12,
                    f"t{i}" if not control else "DMSO",
                    control,
                )
            )
    table = pd.DataFrame(rows, columns=["well_id", "experiment", "plate", "row", "column", "perturbation", "control"])
    table = table.assign(screen="s", address="A01", perturbation_type="COMPOUND", concentration=1.0)
    return table.assign(treatment=table["perturbation"], split=None, smiles=table["perturbation"] + "C")


@pytest.mark.parametrize("within", WITHIN)
def test_treatments_move_among_treated_wells_of_a_group_alone(within):
    wells = layout()
    moved = shuffled_wells(wells, within, np.random.default_rng(0))
    stays = ["well_id", "experiment", "plate", "row", "column", "control", "perturbation_type"]
    pd.testing.assert_frame_equal(moved[stays], wells[stays])
    pd.testing.assert_frame_equal(moved[wells["control"].notna()], wells[wells["control"].notna()])
    assert (moved["smiles"] == moved["perturbation"] + "C").all(), "what was put into a well moves together"
    groups = list(WITHIN[within]) or ["screen"]
    for (_, before), (_, after) in zip(wells.groupby(groups), moved.groupby(groups)):
        assert sorted(before["perturbation"]) == sorted(after["perturbation"])
    changed = moved["perturbation"] != wells["perturbation"]
    assert changed.any() == (within != "position"), "here a position holds one treatment"


def test_a_shuffle_depends_on_its_seed_and_not_on_the_order_of_wells():
    wells = layout()
    order = np.random.default_rng(1).permutation(len(wells))
    first = shuffled_wells(wells, "plate", np.random.default_rng(7))
    second = shuffled_wells(wells.iloc[order], "plate", np.random.default_rng(7))
    pd.testing.assert_frame_equal(first, second.sort_index())
    other = shuffled_wells(wells, "plate", np.random.default_rng(8))
    assert (first["perturbation"] != other["perturbation"]).any()
    with pytest.raises(InputError, match="'well' is not known; known: screen, experiment, plate, position"):
        shuffled_wells(wells, "well", np.random.default_rng(0))


def test_names_move_among_knockouts_alone():
    kinds = ["CRISPR"] * 10 + ["COMPOUND"] * 3
    names = [f"g{i}" for i in range(10)] + ["a", "b", "c"]
    table = pd.DataFrame({"perturbation_type": kinds, "perturbation": names, "feature_0": np.arange(13.0)})
    moved = shuffled_names(table, "plate", np.random.default_rng(0))
    assert moved["perturbation"][10:].tolist() == ["a", "b", "c"]
    assert sorted(moved["perturbation"][:10]) == sorted(names[:10]) != moved["perturbation"][:10].tolist()
    again = shuffled_names(table.iloc[::-1], "plate", np.random.default_rng(0)).sort_index()
    pd.testing.assert_frame_equal(moved, again)
    truth = pd.DataFrame({"well_id": list("abcdefgh"), "phenotype_0": np.arange(8.0)})
    given = shuffled_ids(truth, "plate", np.random.default_rng(0))
    assert sorted(given["well_id"]) == list("abcdefgh") and given["well_id"].tolist() != list("abcdefgh")


def test_retrieval_keeps_what_plates_give_and_loses_what_treatments_give():
    wells = layout(plates=8, treatments=40)
    rng = np.random.default_rng(0)
    effect = {name: rng.normal(size=6) for name in wells["perturbation"].unique()}
    x = np.stack([effect[name] for name in wells["perturbation"]]) + 0.3 * rng.normal(size=(len(wells), 6))
    options = RetrievalOptions(levels=["NR", "NSB"], distractors=["perturbations"])
    result = beside(
        ShuffleOptions(draws=3),
        wells,
        lambda w: score(x, w, options, BootstrapOptions(resamples=20), in_sample=False),
    ).scores(**FIXED)
    first = result[result["metric"] == "recall_at_1"].set_index("source")
    assert first.loc["NR", "value"] > 0.8 and first.loc["NR", "shuffled"] < 0.1
    assert (first["shuffled_low"] <= first["shuffled"]).all() and (first["shuffled"] <= first["shuffled_high"]).all()
    assert (first["shuffled_draws"] == 3).all()
    plain = score(x, wells, options, BootstrapOptions(resamples=20), in_sample=False).scores(**FIXED)
    controls = [c for c in result.columns if c.startswith("shuffled")]
    pd.testing.assert_frame_equal(result.drop(columns=controls), plain)


def test_a_control_is_the_same_call_with_shuffled_labels():
    rng = np.random.default_rng(2)
    genes = sorted(
        {"PSMA1", "PSMA2", "PSMB1", "PSMB2", "RPL3", "RPL4", "RPS3", "RPS6", "EIF3A", "EIF3B", "MTOR", "PLK1"}
    )
    table = pd.DataFrame(rng.normal(size=(len(genes), 4))).add_prefix("feature_")
    table = table.assign(perturbation=genes, perturbation_type="CRISPR", concentration=np.nan, n_wells=3)

    def call(named):
        found = gene_gene_recall(named, sources=["CORUM"]).rename(columns={"recall": "value", "n_relationships": "n"})
        return Result((found.assign(metric="recall"),))

    result = beside(ShuffleOptions(draws=2, seed=5), table, call, by=shuffled_names).parts[0]
    again = [
        call(shuffled_names(table, "plate", np.random.default_rng((5, k)))).parts[0]["value"].to_numpy() for k in (0, 1)
    ]
    np.testing.assert_allclose(result["shuffled"], np.mean(again, axis=0))
    np.testing.assert_allclose(result["shuffled_high"], np.max(again, axis=0))


def test_no_draws_no_columns_and_no_second_call():
    calls = []
    part = pd.DataFrame({"metric": ["x"], "value": [1.0]})
    result = beside(ShuffleOptions(), layout(), lambda wells: calls.append(1) or Result((part,)))
    assert len(calls) == 1 and list(result.parts[0].columns) == ["metric", "value"]


def test_what_is_said_of_shuffled_labels_is_not_said_of_the_screen():
    def call(wells, first):
        note("said of the labels")
        if not first:
            raise InputError("nothing is left")
        return Result((pd.DataFrame({"metric": ["x"], "value": [1.0]}),))

    with collected() as lines:
        result = beside(ShuffleOptions(draws=1), layout(), partial(call, first=True), partial(call, first=False))
    assert lines == ["said of the labels", "shuffled labels: draw 0 gives no score (nothing is left)"]
    assert "shuffled" not in result.parts[0]
