"""The least number of cells per well, against the published protocol's golden values and naive versions."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from cwamsn.benchmarks.stringency import retrieve, summarise
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.wells_by_count import (
    MinimumCellsOptions,
    enough_cells,
    minimum_scores,
    stratified_sample,
    with_enough_cells,
)
from tests.benchmarks.stringency.test_retrieval import CODE, golden_wells


def spelt(name: str) -> str:
    """A01 for a1, as the protocol spells wells."""
    letters, digits = re.fullmatch(r"([A-Za-z]+)0*(\d+)", name).groups()
    return f"{letters.upper()}{int(digits):02d}"


@pytest.fixture(scope="module")
def protocol(golden):
    """The golden wells with their counts, in the order of the published table; and what is expected of them."""
    folder = golden / "morphohelm" / "golden"
    frame = pd.read_parquet(folder / "wells_normalized_expected.parquet").filter(like="Metadata_")
    counts = pd.read_csv(folder / "cell_counts.csv", dtype={"Metadata_Plate": str})
    counts["Metadata_Well"] = counts["Metadata_Well"].map(spelt)
    frame["Metadata_Plate"] = frame["Metadata_Plate"].astype(str)
    frame = frame.merge(counts, on=["Metadata_Plate", "Metadata_Well"], how="left", validate="1:1")
    wells = pd.DataFrame(
        {
            "well_id": frame["Metadata_Plate"] + ":" + frame["Metadata_Well"],
            "source": frame["Metadata_Source"],
            "experiment": frame["Metadata_Batch"],
            "plate": frame["Metadata_Plate"],
            "address": frame["Metadata_Well"],
            "cell_count": frame["cell_count"].astype(float),
        }
    )
    return wells, json.loads((folder / "replicate_expected.json").read_text())["qc"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("default", {"quantile": 0.05}),
        ("sample500", {"quantile": 0.05, "sample": 500}),
        ("cutoff10", {"quantile": 0.1}),
    ],
)
def test_the_quantile_keeps_the_wells_that_the_published_code_keeps(protocol, name, options):
    wells, expected = protocol
    found = enough_cells(wells, MinimumCellsOptions(**options))
    assert found.threshold == expected[name]["cell_count_threshold"]
    assert found.sampled == expected[name]["sampled_wells"]
    assert found.kept.sum() == expected[name]["wells_after"]
    if name == "default":
        assert sorted(wells["well_id"][~found.kept]) == sorted(expected["dropped_wells_default"])


def test_the_sample_is_that_of_the_published_code(protocol):
    wells, expected = protocol
    drawn = wells.iloc[stratified_sample(wells, 500, 42)]
    assert drawn["plate"].value_counts().to_dict() == expected["sample500_per_plate"]
    first = drawn[drawn["plate"] == "2101"]
    assert first["address"].tolist() == expected["sample500_first_plate_wells"]


def some_wells(n: int = 12) -> pd.DataFrame:
    counts = np.arange(n, dtype=float) * 10
    return pd.DataFrame({"well_id": [f"P1_{k:02d}" for k in range(n)], "plate": "P1", "cell_count": counts})


def test_a_number_keeps_the_wells_that_have_so_many_cells():
    found = enough_cells(some_wells(), MinimumCellsOptions(number=50))
    assert found.kept.tolist() == [k >= 5 for k in range(12)]
    assert (found.threshold, found.sampled) == (50, 0)


def test_without_a_minimum_every_well_stays_counted_or_not():
    wells = some_wells().drop(columns="cell_count")
    assert enough_cells(wells, MinimumCellsOptions()).kept.all()


def test_a_stratum_too_small_for_a_quota_gives_no_well_and_moves_no_other_seed():
    wells = pd.DataFrame({"plate": ["a"] * 2 + ["b"] * 500 + ["c"] * 498})
    drawn = stratified_sample(wells, 10, 7)
    assert wells["plate"].iloc[drawn].value_counts().to_dict() == {"b": 5, "c": 5}
    rows = pd.Series(range(1000))
    assert drawn.tolist() == [*rows[2:502].sample(5, random_state=8), *rows[502:].sample(5, random_state=9)]


@pytest.mark.parametrize(
    ("options", "change", "text"),
    [
        ({"number": 5, "quantile": 0.05}, {}, "both given; take one"),
        ({"quantile": 5}, {}, "not between 0 and 1"),
        ({"number": 5}, {"cell_count": np.nan}, "the wells have no cell_count; count them"),
        ({"number": 5}, {"cell_count": [1.0, np.nan, *[2.0] * 10]}, r"1 of 12 wells have no cell_count \(first: P1_01"),
    ],
)
def test_what_cannot_be_a_minimum_is_one_line(options, change, text):
    with pytest.raises(InputError, match=text):
        enough_cells(some_wells().assign(**change), MinimumCellsOptions(**options))


def test_retrieval_of_the_wells_that_are_kept_equals_the_published_code(golden, protocol):
    folder = golden / "morphohelm" / "golden"
    features, wells = golden_wells(folder)
    wells = wells.assign(cell_count=protocol[0]["cell_count"].to_numpy())
    kept = with_enough_cells(features, wells, wells, MinimumCellsOptions(quantile=0.05))
    table = summarise(retrieve(*kept, CODE)).set_index(["level", "distractors", "metric"])["value"]
    expected = json.loads((folder / "replicate_expected.json").read_text())["tgt2_qc5"]
    for level in ("NR", "NSB", "NSS", "NSL", "NSSL"):
        wanted = expected[level]["repo"]["recall_at_1_percent"]
        assert 100 * table[level, "perturbations", "recall_at_1"] == pytest.approx(wanted, rel=1e-9)


def test_what_is_left_out_is_said_and_counted():
    wells = some_wells()
    embedded = wells.iloc[[0, 3, 7, 11]]
    options = MinimumCellsOptions(number=30)
    with collected() as lines:
        features, kept = with_enough_cells(np.arange(4.0)[:, None], embedded, wells, options)
    assert lines == ["1 of 4 wells have fewer than 30 cells and are left out"]
    assert features.ravel().tolist() == [1, 2, 3] and kept["well_id"].tolist() == ["P1_03", "P1_07", "P1_11"]
    assert minimum_scores(wells, options).values.tolist() == [
        ["minimum_cells", 30, 12],
        ["wells_below_minimum_cells", 3, 12],
    ]


def test_every_method_is_held_to_the_threshold_of_the_whole_screen():
    wells, options = some_wells(), MinimumCellsOptions(quantile=0.5)
    for rows in ([0, 1, 2, 11], [0, 8, 9, 10]):
        kept = with_enough_cells(np.zeros((4, 1)), wells.iloc[rows], wells, options)[1]
        assert (kept["cell_count"] >= 55).all() and len(kept) == sum(10 * row >= 55 for row in rows)


def test_a_well_without_images_is_no_obstacle_one_that_is_embedded_is():
    wells = some_wells()
    wells.loc[3, "cell_count"] = np.nan
    options = MinimumCellsOptions(quantile=0.05)
    assert len(with_enough_cells(np.zeros((3, 1)), wells.iloc[4:7], wells, options)[1]) == 3
    with pytest.raises(InputError, match=r"1 of 3 wells have no cell_count \(first: P1_03\)"):
        with_enough_cells(np.zeros((3, 1)), wells.iloc[2:5], wells, options)


def test_a_minimum_that_no_well_has_is_one_line():
    wells = some_wells()
    with pytest.raises(InputError, match="no well has 500 cells, the most are 110; lower the minimum"):
        with_enough_cells(np.zeros((12, 1)), wells, wells, MinimumCellsOptions(number=500))


def test_off_the_wells_are_passed_on_and_no_score_is_added():
    wells = some_wells().drop(columns="cell_count")
    features = np.zeros((12, 1))
    found = with_enough_cells(features, wells, wells, MinimumCellsOptions())
    assert found[0] is features and found[1] is wells
    assert minimum_scores(wells, MinimumCellsOptions()).empty
