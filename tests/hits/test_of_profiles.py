"""Hits of profiles: fair negatives, shared positions, and what profiles of other tools leave unknown."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.alignment import AlignOptions
from cwamsn.errors import InputError
from cwamsn.hits import activity_of_profiles, neighbours_of_profiles
from cwamsn.hits.held_out import split_controls
from cwamsn.hits.options import ActivityOptions, NeighbourOptions
from cwamsn.notes import collected
from cwamsn.profiles import Profiles, align_profiles, pool_profiles, read_profiles, well_profiles, write_parquet
from tests.hits.screens import screen

FEW = ActivityOptions(null_size=200)


def profiles(strength=0.0, same_places=False, **named) -> Profiles:
    features, wells = screen(strength, **named)
    wells["screen"], wells["treatment"], wells["split"] = "s", None, None
    rng = np.random.default_rng(named.get("seed", 0))
    place = np.concatenate(
        [np.arange(len(part)) if same_places else rng.permutation(len(part)) for _, part in wells.groupby("plate")]
    )
    wells["row"], wells["column"] = place // 12 + 1, place % 12 + 1
    wells["address"] = [f"{chr(64 + r)}{c:02d}" for r, c in zip(wells["row"], wells["column"])]
    frame = pd.DataFrame(features, columns=[f"feature_{i}" for i in range(features.shape[1])])
    return well_profiles(frame.assign(well_id=wells["well_id"]), wells, about={"screen": {"name": "s"}})


def batches_of(found: Profiles, batches: int) -> Profiles:
    """The same, its plates each in a batch of its own."""
    obs = found.obs.assign(Metadata_Batch=[f"e{int(p[1:]) % batches}" for p in found.obs["Metadata_Plate"]])
    return Profiles(obs, found.features, found.names, about=found.about)


def test_negatives_that_the_alignment_saw_make_hits_of_nothing_and_held_out_ones_do_not():
    """Four batches of one plate, no perturbation has an effect, the alignment is TVN with CORAL."""
    seen, held = [], []
    for seed in range(4):
        found = batches_of(profiles(perturbations=20, controls=20, size=32, seed=seed), 4)
        aligned = align_profiles(found, "tvn-coral")
        held.append(activity_of_profiles(aligned, FEW))
        with collected() as lines:
            seen.append(activity_of_profiles(aligned, ActivityOptions(null_size=200, held_out=0)))
    assert any("p-values are too small" in line and "hits.held_out" in line for line in lines)
    share = {k: np.mean(np.concatenate([f.tables["activity"]["p_value"] for f in v]) <= 0.05) for k, v in
             (("seen", seen), ("held", held))}  # fmt: skip
    assert share["seen"] > 0.3 and share["held"] < 0.12
    assert held[0].about["negatives"] == "held out" and seen[0].about["negatives"] == "seen by the alignment"
    assert (held[0].tables["activity"]["controls"] == 10).all()


def test_half_of_each_plates_controls_are_held_out_whatever_the_order():
    _, wells = screen(controls=7)
    fit, held = split_controls(wells, 0.5, seed=1)
    assert not (fit & held).any() and ((fit | held) == (wells["control"] == "negative")).all()
    assert (wells[held].groupby("plate").size() == 4).all() and (wells[fit].groupby("plate").size() == 3).all()
    order = np.random.default_rng(0).permutation(len(wells))
    again, _ = split_controls(wells.iloc[order].reset_index(drop=True), 0.5, seed=1)
    assert (again == fit[order]).all()


def test_the_fitted_half_is_aligned_with_the_options_of_the_profiles():
    found = align_profiles(profiles(3.0, active=4, controls=16), "pca-center-scale", AlignOptions(n_components=8))
    answer = activity_of_profiles(found, FEW)
    assert answer.about["alignment"] == "pca-center-scale"
    assert list(answer.tables["hits"]["perturbation"][answer.tables["hits"]["active"]].sort_values()) == [
        "t00", "t01", "t02", "t03",
    ]  # fmt: skip


def test_a_table_of_aligned_vectors_and_one_of_another_tool_say_what_is_missing(tmp_path):
    found = align_profiles(profiles(3.0, controls=16))
    write_parquet(found, tmp_path / "wells.parquet")
    with collected() as lines:
        answer = activity_of_profiles(read_profiles(tmp_path / "wells.parquet"), FEW)
    assert answer.about["negatives"] == "seen by the alignment" and any("give profiles.h5ad" in line for line in lines)
    assert answer.about["alignment"] == "pca-center-scale"
    with collected() as lines:
        answer = activity_of_profiles(Profiles(found.obs, found.features, found.names), FEW)
    assert answer.about["negatives"] == "unknown" and any("do not say" in line for line in lines)


def test_too_few_controls_to_hold_out_are_all_used_and_said_to_be():
    with collected() as lines:
        answer = activity_of_profiles(align_profiles(profiles(controls=2, plates=1 + 1), "center-scale"), FEW)
    assert answer.about["negatives"] == "held out"  # two plates of one batch: one control of each
    single = batches_of(profiles(controls=2, plates=2), 2)
    with collected() as lines:
        answer = activity_of_profiles(align_profiles(single, "center-scale"), FEW)
    assert answer.about["negatives"] == "seen by the alignment" and any("too few to hold some out" in x for x in lines)


def test_replicates_in_one_place_of_every_plate_are_noted():
    with collected() as lines:
        answer = activity_of_profiles(profiles(3.0, same_places=True), FEW)
    assert answer.about["shared_positions"] == ["row", "column"]
    assert any("the same row and column of every plate" in line for line in lines)
    with collected() as lines:
        answer = neighbours_of_profiles(profiles(3.0), ["t00"], NeighbourOptions(null_size=50))
    assert answer.about["shared_positions"] == [] and lines == []


def test_neighbours_are_listed_of_wells_and_of_perturbations():
    found = align_profiles(profiles(3.0, controls=16), "center-scale")
    of_wells = neighbours_of_profiles(found, ["t03"], NeighbourOptions(null_size=50))
    pooled = neighbours_of_profiles(pool_profiles(found), ["t03"])
    assert list(of_wells.tables["neighbours"]["perturbation"]) == list(pooled.tables["neighbours"]["perturbation"])
    assert "perturbations" in str(pooled.about["null"]) and "plate" in str(of_wells.about["null"])
    raw = neighbours_of_profiles(found, ["t03"], NeighbourOptions(null_size=50), alignment="none")
    assert raw.about["alignment"] == "none" and of_wells.about["alignment"] == "center-scale"
    with pytest.raises(InputError, match="give profiles of wells"):
        activity_of_profiles(pool_profiles(found))
