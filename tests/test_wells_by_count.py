"""The least number of cells per well, against the published protocol's golden values and naive versions."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from cwamsn.errors import InputError
from cwamsn.wells_by_count import MinimumCellsOptions, enough_cells, stratified_sample


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
