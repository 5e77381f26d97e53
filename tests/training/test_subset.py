"""Trainings on some of the perturbations, or on some of the wells of each."""

import json
from itertools import combinations

import pandas as pd
import pytest

from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.training import PairSampler, launch
from cwamsn.training.checkpoint import fingerprint
from cwamsn.training.recipe import PairOptions
from cwamsn.training.subset import draw_subset
from tests.training.tiny import crops_frame, recipe, wells_frame, write_store


def screen(**options):
    """Crops of twelve perturbations on four plates, one well of each per plate."""
    wells = wells_frame(controls=0, **options)
    return crops_frame(wells).merge(wells[["well_id", "experiment"]], on="well_id")


def uneven():
    """Ten perturbations: P00 in one well, P01 twice on one plate, the rest twice on each of two plates."""
    frame = pd.concat([screen(perturbations=10, plates=2), screen(perturbations=10, plates=2)], ignore_index=True)
    second = frame.index >= len(frame) // 2
    frame["well_id"] = frame["well_id"].where(~second, frame["well_id"] + "b")
    frame["field_id"] = frame["field_id"].where(~second, frame["field_id"] + "b")
    keep = (frame["perturbation"] != "P00") | (frame["well_id"] == "plate0_A01")
    keep &= (frame["perturbation"] != "P01") | (frame["plate"] == "plate0")
    return frame[keep].reset_index(drop=True)


def drawn(frame, seed=0, **options):
    return draw_subset(frame, PairOptions(**({"batch_size": 2} | options)), seed)


def wells_of(frame):
    return {name: set(own) for name, own in frame.groupby("perturbation")["well_id"]}


def test_without_the_keys_nothing_is_touched():
    frame = screen()
    subset = drawn(frame)
    assert subset.frame is frame and subset.counts == {}


def test_wells_are_drawn_of_each_perturbation_and_counted():
    subset = drawn(screen(), wells_per_perturbation=3)
    assert {len(own) for own in wells_of(subset.frame).values()} == {3} and len(wells_of(subset.frame)) == 12
    assert subset.counts == {
        "perturbations_without_pair": 0,
        "wells_not_drawn": 12,
        "crops": 72,
        "wells": 36,
        "perturbations": 12,
    }
    fields = subset.frame.groupby("well_id")["field_id"].nunique()
    assert (fields == 2).all(), "a drawn well keeps all its fields"


@pytest.mark.parametrize(("asked", "number"), [(5, 5), (0.5, 6), (0.25, 3), (12, 12)])
def test_perturbations_are_drawn_by_number_or_by_share(asked, number):
    subset = drawn(screen(), perturbations=asked)
    assert subset.frame["perturbation"].nunique() == number == subset.counts["perturbations"]
    assert subset.counts["perturbations_not_drawn"] == 12 - number
    assert {len(own) for own in wells_of(subset.frame).values()} == {4}


def test_draws_of_a_seed_are_nested_and_differ_between_seeds():
    frame = screen()
    by_number = [set(drawn(frame, perturbations=n).frame["perturbation"]) for n in (2, 5, 9)]
    assert by_number[0] < by_number[1] < by_number[2]
    fewer, more = (wells_of(drawn(frame, wells_per_perturbation=n).frame) for n in (2, 3))
    assert all(fewer[name] < more[name] for name in fewer)
    both = drawn(frame, wells_per_perturbation=2, perturbations=5).frame
    assert wells_of(both) == {name: fewer[name] for name in by_number[1]}
    assert set(drawn(frame, 1, perturbations=5).frame["perturbation"]) != by_number[1]
    assert wells_of(drawn(frame, 1, wells_per_perturbation=2).frame) != fewer


def test_the_order_of_the_crops_does_not_decide():
    frame = screen()
    shuffled = frame.sample(frac=1, random_state=3)
    options = {"wells_per_perturbation": 2, "perturbations": 0.5}
    assert wells_of(drawn(frame, **options).frame) == wells_of(drawn(shuffled, **options).frame)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("target_from", "pairless"), [("well", 1), ("plate", 2)])
def test_what_is_drawn_gives_pairs(target_from, pairless, seed):
    """With two wells of each, no perturbation is left without a pair, whatever must differ."""
    options = PairOptions(target_from=target_from, batch_size=2, wells_per_perturbation=2, perturbations=8)
    subset = draw_subset(uneven(), options, seed)
    assert subset.counts["perturbations_without_pair"] == pairless
    sampler = PairSampler(subset.frame, options, seed)
    assert sampler.excluded == 0 and len(sampler.perturbations) == 8
    assert sampler.counts["well_pairs"] == 8, "two wells of each are one pair of each"


@pytest.mark.parametrize(
    ("frame", "target_from"),
    [(screen(), "well"), (screen(), "plate"), (screen(), "batch"), (uneven(), "well"), (uneven(), "plate")],
)
def test_pairs_of_wells_are_counted_as_by_hand(frame, target_from):
    keys = {"well": ["well_id"], "plate": ["experiment", "plate"], "batch": ["experiment"]}[target_from]
    wells = frame.drop_duplicates("well_id")
    pairs = sum(
        tuple(first[keys]) != tuple(second[keys])
        for _, own in wells.groupby("perturbation")
        for (_, first), (_, second) in combinations(own.iterrows(), 2)
    )
    assert PairSampler(frame, PairOptions(target_from=target_from, batch_size=2), 0).counts["well_pairs"] == pairs


def test_a_target_in_the_same_well_has_no_pairs_of_wells():
    counts = PairSampler(screen(), PairOptions(target_from="image", batch_size=2), 0).counts
    assert counts == {"perturbations_excluded": 0, "perturbations_used": 12, "wells_used": 48}


@pytest.mark.parametrize("target_from", ["image", "site"])
def test_one_well_of_each_is_enough_where_the_target_is_in_it(target_from):
    assert drawn(screen(), target_from=target_from, wells_per_perturbation=1).counts["wells"] == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wells_per_perturbation": 1}, "1 leaves no pair with target_from: well; take 2 or more"),
        ({"wells_per_perturbation": 5}, "5, but no perturbation has more than 4 wells that give pairs; lower it"),
        ({"perturbations": 13}, "13, but only 12 of the training part give pairs; lower it"),
        ({"perturbations": 0.1}, "0.1 is 1 of 12, fewer than a batch of 2"),
        ({"perturbations": 2.5}, "2.5 is neither a whole number nor a share below 1"),
        ({"perturbations": 4, "target_from": "batch"}, "batch finds no pair in the training part"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(options, message):
    frame = screen(plates=2) if "target_from" in options else screen()
    with pytest.raises(InputError, match=message) as error:
        drawn(frame, **options)
    assert "\n" not in str(error.value)


def test_the_subset_is_part_of_what_a_checkpoint_belongs_to():
    prints = {fingerprint(recipe(**own), "float32", 0, {}) for own in ({}, {"perturbations": 9}, {"perturbations": 10})}
    assert len(prints) == 3


def test_a_training_says_what_it_was_made_from(tmp_path):
    chosen = recipe(wells_per_perturbation=2, perturbations=9, steps=2, log_every=1, device="cpu")
    with collected() as lines:
        launch(chosen, write_store(tmp_path / "screen"), tmp_path / "encoder", seed=3)
    assert lines == [
        "trained on a part of the screen: 9 of 12 perturbations that give pairs in at most 2 wells of each, 18 wells "
        "in all (training.perturbations, training.wells_per_perturbation)"
    ]
    description = json.loads((tmp_path / "encoder" / "encoder.json").read_text())
    assert description["recipe"]["wells_per_perturbation"] == 2 and description["recipe"]["perturbations"] == 9
    counts = description["counts"]
    assert (counts["perturbations_used"], counts["wells_used"], counts["well_pairs"]) == (9, 18, 9)
    assert description["classes"] == 9 and description["images"] == 36
    assert len(description["seen_in_training"]["perturbations"]) == 9, "the others were not seen"
