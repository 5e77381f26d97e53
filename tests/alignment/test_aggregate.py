"""Pooling against pandas."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.alignment import CONCENTRATIONS, aggregate
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.tables import check, feature_columns
from cwamsn.vocabulary import doses_kept


@pytest.fixture
def screen():
    rng = np.random.default_rng(0)
    rows = []
    for gene in ("PLK1", "ATM", "EMPTY_control"):
        for i in range(24):
            guide = None if gene == "EMPTY_control" else f"{gene}_guide_{i % 5 + 1}"
            control = "negative" if gene == "EMPTY_control" else None
            rows.append(("CRISPR", gene, np.nan, control, guide))
    for compound in ("aspirin", "Zoledronate"):
        rows += [("COMPOUND", compound, dose, None, None) for dose in (0.25, 0.26, 10.0) for _ in range(4)]
    rows += [("COMPOUND", "EMPTY_control", np.nan, "negative", None)] * 6
    rows += [("COMPOUND", "CRISPR_control", np.nan, "other", None)] * 6
    rows += [("COMPOUND", None, np.nan, None, None)] * 2
    wells = pd.DataFrame(rows, columns=["perturbation_type", "perturbation", "concentration", "control", "guide"])
    wells["well_id"] = [f"w{i:03d}" for i in rng.permutation(len(wells))]
    wells["experiment"] = "e"
    order = rng.permutation(len(wells))
    return rng.normal(size=(len(wells), 6)), wells.iloc[order].reset_index(drop=True)


KEYS = ["perturbation_type", "perturbation", "concentration"]


def naive(values, wells, concentrations):
    frame = wells.assign(**{f"feature_{i}": values[:, i] for i in range(values.shape[1])})
    frame = frame[frame["perturbation"].notna()]
    frame = frame[~((frame["perturbation_type"] == "COMPOUND") & frame["perturbation"].str.contains("_control"))]
    if concentrations is not None:
        frame = frame[frame["concentration"].isna() | frame["concentration"].isin(concentrations)]
    return frame.groupby(KEYS, dropna=False)


def test_equals_pandas(screen):
    got = aggregate(*screen)
    groups = naive(*screen, [0.25, 10.0])
    expected = groups[[f"feature_{i}" for i in range(6)]].mean().reset_index()
    pd.testing.assert_frame_equal(got[KEYS], expected[KEYS])
    np.testing.assert_allclose(got[feature_columns(got)], expected[feature_columns(expected)], atol=1e-14)
    np.testing.assert_array_equal(got["n_wells"], groups.size())
    check(got, "map", "test")


def test_rows_kept_and_their_order(screen):
    got = aggregate(*screen)
    assert got["perturbation"].tolist() == ["Zoledronate"] * 2 + ["aspirin"] * 2 + ["ATM", "EMPTY_control", "PLK1"]
    assert got["n_wells"].tolist() == [4, 4, 4, 4, 24, 24, 24]
    assert 0.26 not in got["concentration"].tolist()
    assert 0.26 in aggregate(*screen, concentrations=None)["concentration"].tolist()
    assert len(aggregate(*screen, concentrations=[])) == 3


@pytest.mark.parametrize("pool, function", [("guide_mean", np.mean), ("guide_median", np.median)])
def test_guides_weigh_the_same(screen, pool, function):
    values, wells = screen
    got = aggregate(values, wells, pool)
    for gene in ("ATM", "PLK1"):
        means = [values[(wells["guide"] == f"{gene}_guide_{g}").to_numpy()].mean(axis=0) for g in range(1, 6)]
        row = got[got["perturbation"] == gene]
        np.testing.assert_allclose(row[feature_columns(got)].to_numpy()[0], function(means, axis=0), atol=1e-14)
        assert row["n_wells"].item() == 24
    pooled = aggregate(values, wells)
    same = ~pooled["perturbation"].isin(["ATM", "PLK1"])
    np.testing.assert_array_equal(got[same][feature_columns(got)], pooled[same][feature_columns(got)])


@pytest.mark.parametrize("pool", ["wells", "guide_mean", "guide_median"])
def test_order_of_rows_does_not_change_a_digit(screen, pool):
    values, wells = screen
    order = np.random.default_rng(5).permutation(len(wells))
    pd.testing.assert_frame_equal(
        aggregate(values[order], wells.iloc[order], pool), aggregate(values, wells, pool), check_exact=True
    )


def test_table_without_guides_or_doses(screen):
    values, wells = screen
    got = aggregate(values, wells.drop(columns=["guide", "concentration"]), "guide_mean")
    assert len(got) == 5 and got["concentration"].isna().all()


def test_bad_input(screen):
    values, wells = screen
    with pytest.raises(InputError, match="pool: 'guides' is not known"):
        aggregate(values, wells, "guides")
    with pytest.raises(InputError, match="no well is left"):
        aggregate(values, wells.assign(perturbation=None))
    with pytest.raises(InputError, match="match them by well_id"):
        aggregate(values[1:], wells)


def test_what_is_not_in_the_map_is_counted_and_said(screen):
    values, wells = screen
    wells = wells.assign(
        concentration=wells["concentration"].where(wells["perturbation"] != "aspirin", 5.0),
    )
    with collected() as said:
        got = aggregate(values, wells)
    assert "aspirin" not in set(got["perturbation"])
    assert said == [
        "2 of 110 wells have no perturbation and are not in the map",
        "16 wells of 2 perturbations at doses that alignment.concentrations does not list (0.26, 5 µM) are not in the "
        "map; 1 perturbations are lost with them (aspirin)",
    ]
    with collected() as said:
        assert len(aggregate(values, wells, concentrations=None)) == 7
    assert said == ["2 of 110 wells have no perturbation and are not in the map"]


def test_a_dose_read_as_float32_is_the_same_dose(screen):
    values, wells = screen
    blurred = wells.assign(concentration=wells["concentration"].replace(0.25, float(np.float32(0.1))))
    exact = wells.assign(concentration=wells["concentration"].replace(0.25, 0.1))
    pd.testing.assert_frame_equal(aggregate(values, blurred), aggregate(values, exact))


def test_the_list_of_doses_belongs_to_rxrx3_core():
    for source in ("rxrx3-core", "simulated-rxrx3-core"):
        assert doses_kept("auto", source) == list(CONCENTRATIONS)
    for source in ("load-data", "bray", None):
        assert doses_kept("auto", source) is None
    assert doses_kept([5.0], "load-data") == [5.0] and doses_kept(None, "rxrx3-core") is None
