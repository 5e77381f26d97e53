"""Properties of the sampler: pairs, batches, epochs, reproducibility."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwamsn.errors import InputError
from cwamsn.training import PairSampler
from cwamsn.training.recipe import PairOptions
from cwamsn.training.sampler import DIFFERS, _number_of_batches
from tests.training.tiny import crops_frame, wells_frame


@st.composite
def screens(draw):
    """Crops of a screen of random shape: wells a perturbation, plates, fields a well all vary."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    rows = []
    for p in range(draw(st.integers(2, 9))):
        for w in range(rng.integers(1, 6)):
            plate = int(rng.integers(0, 4))
            for site in range(rng.integers(1, 4)):
                well = f"p{p}w{w}"
                rows.append((f"P{p}", f"e{plate // 2}", f"pl{plate}", well, f"{well}_s{site}", f"M{p % 2}"))
    columns = ["perturbation", "experiment", "plate", "well_id", "field_id", "plate_map"]
    return pd.DataFrame(rows, columns=columns).sample(frac=1, random_state=int(rng.integers(1000)))


def sampler_of(crops, seed, **options):
    return PairSampler(crops, PairOptions(**options), seed)


def sampler_or_none(crops, **options):
    try:
        return sampler_of(crops, **options)
    except InputError:
        return None


OPTIONS = {
    "batch_size": st.integers(1, 5),
    "seed": st.integers(0, 99),
    "target_from": st.sampled_from(sorted(DIFFERS)),
    "epoch_unit": st.sampled_from(["perturbation", "well", "image"]),
    "batch_composition": st.sampled_from(["random", "same_plate_map"]),
}


@settings(max_examples=150, deadline=None)
@given(screens(), st.fixed_dictionaries(OPTIONS), st.integers(0, 3))
def test_pairs_are_what_was_asked_for(crops, options, epoch):
    crops = crops.reset_index(drop=True)
    sampler = sampler_or_none(crops, **options)
    if sampler is None:
        return
    batches = list(sampler.epoch(epoch))
    assert len(batches) == len(sampler)
    for batch in batches:
        anchor, target = crops.iloc[batch.anchor], crops.iloc[batch.target]
        named = sampler.perturbations[batch.perturbation]
        assert (anchor["perturbation"].to_numpy() == named).all() and (target["perturbation"].to_numpy() == named).all()
        assert len(set(named)) == options["batch_size"]
        same_well = anchor["well_id"].to_numpy() == target["well_id"].to_numpy()
        if options["target_from"] == "image":
            assert (batch.anchor == batch.target).all()
        else:
            differs = DIFFERS[options["target_from"]]
            keys = ["experiment", "plate"] if differs == "plate" else [differs]
            assert (anchor[keys].to_numpy() != target[keys].to_numpy()).any(axis=1).all()
            assert same_well.all() == (options["target_from"] == "site")
        if options["batch_composition"] == "same_plate_map":
            assert anchor["plate_map"].nunique() == 1
    unit = {"perturbation": "perturbation", "well": "well_id", "image": "field_id"}[options["epoch_unit"]]
    anchors = crops.iloc[np.concatenate([b.anchor for b in batches])]
    assert anchors[unit].is_unique


@settings(max_examples=40, deadline=None)
@given(screens(), st.fixed_dictionaries(OPTIONS))
def test_an_epoch_is_a_function_of_seed_and_number(crops, options):
    sampler = sampler_or_none(crops, **options)
    if sampler is None:
        return
    again = sampler_of(crops, **options)
    list(again.epoch(0))  # what was drawn before does not matter
    for one, two in zip(sampler.epoch(1), again.epoch(1)):
        assert all((a == b).all() for a, b in zip(one, two))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(1, 4))
def test_number_of_batches_is_the_largest_possible(counts, size):
    counts = np.array(counts)

    def possible(n):  # taking the most plentiful first is optimal
        left = counts.copy()
        for _ in range(n):
            pick = np.argsort(-left, kind="stable")[:size]
            if len(pick) < size or (left[pick] == 0).any():
                return False
            left[pick] -= 1
        return True

    n = _number_of_batches(counts, size)
    assert possible(n) and not possible(n + 1)


def test_every_eligible_perturbation_is_drawn_and_the_remainder_changes():
    crops = crops_frame(wells_frame(perturbations=10, controls=0)).merge(
        wells_frame(perturbations=10, controls=0)[["well_id", "experiment"]]
    )
    sampler = sampler_of(crops, batch_size=4, seed=1)
    left_out = [
        set(range(10)) - set(np.concatenate([b.perturbation for b in sampler.epoch(e)]).tolist()) for e in range(30)
    ]
    assert all(len(rest) == 2 for rest in left_out)
    assert set().union(*left_out) == set(range(10))


def test_targets_are_uniform_over_the_other_wells():
    wells = wells_frame(perturbations=2, plates=4, controls=0)
    crops = crops_frame(wells, sites=1).merge(wells[["well_id", "experiment"]])
    sampler = sampler_of(crops, batch_size=2, seed=0)
    seen = np.zeros((4, 4))
    for epoch in range(600):
        for batch in sampler.epoch(epoch):
            plates = crops["plate"].str[-1].astype(int).to_numpy()
            np.add.at(seen, (plates[batch.anchor], plates[batch.target]), 1)
    assert (np.diag(seen) == 0).all()
    off = seen[~np.eye(4, dtype=bool)]  # 1,200 pairs over 12 cells
    assert ((off - 100) ** 2 / 100).sum() < 31.3  # chi-square, 11 degrees of freedom, p = .001


def test_perturbations_with_one_well_are_excluded_and_counted():
    wells = wells_frame(perturbations=5, controls=0)
    wells = wells[(wells["perturbation"] != "P03") | (wells["plate"] == "plate0")]
    crops = crops_frame(wells).merge(wells[["well_id", "experiment"]])
    sampler = sampler_of(crops, batch_size=4, seed=0)
    assert sampler.excluded == 1 and "P03" not in sampler.perturbations
    assert sampler_of(crops, batch_size=5, seed=0, target_from="image").excluded == 0


def test_no_full_batch_is_an_input_error():
    wells = wells_frame(perturbations=3, controls=0)
    crops = crops_frame(wells).merge(wells[["well_id", "experiment"]])
    with pytest.raises(InputError, match=r"batch_size: 4 .* only 3 can give one with target_from: well \(0 cannot\)"):
        sampler_of(crops, batch_size=4, seed=0)
    with pytest.raises(InputError, match="plate_map"):
        sampler_of(crops, batch_size=2, seed=0, batch_composition="same_plate_map")


def test_an_epoch_of_the_paper_s_size_takes_no_search():
    """7,401 perturbations in 33,000 wells: building the sampler and drawing an epoch is a matter of a second or two."""
    import time

    n = 33_000
    rng = np.random.default_rng(0)
    p = np.arange(n) % 7401
    crops = pd.DataFrame({"perturbation": p, "experiment": rng.integers(0, 30, n), "plate": rng.integers(0, 400, n)})
    crops["well_id"] = np.arange(n)
    crops = pd.concat([crops.assign(field_id=crops["well_id"] * 6 + s) for s in range(6)])
    sampler = sampler_of(crops, batch_size=64, seed=0)
    assert len(sampler) == 115
    start = time.process_time()
    drawn = sum(len(b.anchor) for b in sampler.epoch(0))
    assert drawn == 115 * 64 and time.process_time() - start < 5
