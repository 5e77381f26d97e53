"""Which images form the pairs of a batch: distinct perturbations, one anchor and one target image of each."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.training.recipe import PairOptions

LEVELS = ["perturbation", "experiment", "plate", "well_id", "field_id"]
# what target and anchor must not have in common
DIFFERS = {"image": None, "site": "field_id", "well": "well_id", "plate": "plate", "batch": "experiment"}


class Pairs(NamedTuple):
    """One global batch: codes of its perturbations (B,) and crop numbers of anchors and targets (B,)."""

    perturbation: np.ndarray
    anchor: np.ndarray
    target: np.ndarray


class PairSampler:
    """Batches of pairs, a function of (seed, epoch) alone.

    The target image is the anchor's own image (`target_from` `image`: plain MSN), another field of its well (`site`),
    or a field of another well of its perturbation: any (`well`: the paper), on another plate (`plate`), in another
    experiment (`batch`). Perturbations that cannot give such a pair are left out and counted in `excluded`;
    `counts` has how many perturbations, wells and pairs of wells are left.

    An epoch goes once over the perturbations, wells or images (`epoch_unit`) as anchors, as far as whole batches of
    distinct perturbations reach; what is left over differs at random from epoch to epoch.

    Parameters
    ----------
    crops : one row per crop, with the columns of `LEVELS` (and plate_map where `batch_composition` is
        `same_plate_map`); pairs refer to crops by their row in this frame.
    options : batch size, and where anchors and targets come from.
    seed : decides every draw, together with the epoch.

    Raises
    ------
    InputError
        Not even one batch can be filled.
    """

    def __init__(self, crops: pd.DataFrame, options: PairOptions, seed: int):
        batch_size, target_from, epoch_unit = options.batch_size, options.target_from, options.epoch_unit
        self.batch_size, self.seed, self.target_from, self.epoch_unit = batch_size, seed, target_from, epoch_unit
        # sorted so that whatever shares a perturbation, experiment, plate, well or field is one contiguous run
        order = crops.reset_index(drop=True).sort_values(LEVELS, kind="stable")
        everything = order["perturbation"].nunique()
        order = order[can_pair(order, DIFFERS[target_from])]
        self._crop = order.index.to_numpy()
        codes = {name: order.groupby(LEVELS[: i + 1], sort=False).ngroup().to_numpy() for i, name in enumerate(LEVELS)}

        first = _starts(codes["well_id"])  # first crop of each well
        self._well = codes["well_id"]  # well of each crop
        self._well_crops = first, np.append(first[1:], len(order))
        self._field_crops = _runs(codes["field_id"])
        perturbation = codes["perturbation"][first]  # of each well
        starts = _starts(perturbation)
        self._wells = starts, np.append(starts[1:], len(first))[: len(starts)]
        self._perturbation_crops = first[starts], np.append(first[starts][1:], len(order))[: len(starts)]
        if target_from in ("well", "plate", "batch"):
            self._excluded = _runs(
                codes[str(DIFFERS[target_from])][first]
            )  # wells that share plate, ... with each well
        self.perturbations = order["perturbation"].to_numpy()[first[starts]]
        self.excluded = everything - len(self.perturbations)
        self.counts = {"perturbations_excluded": self.excluded, **self._used(first)}

        count = {
            "perturbation": np.ones(len(starts), dtype=int),
            "well": self._wells[1] - self._wells[0],
            "image": self._perturbation_crops[1] - self._perturbation_crops[0],
        }[epoch_unit]
        same_map = options.batch_composition == "same_plate_map"
        groups = _plate_map_groups(order, codes["perturbation"]) if same_map else None
        self._groups = [np.arange(len(starts))] if groups is None else groups
        self._counts = [count[g] for g in self._groups]
        self._batches = [_number_of_batches(c, batch_size) for c in self._counts]
        if not len(self):
            what = "on one plate map " if groups is not None else ""
            largest = max((len(g) for g in self._groups), default=0)
            raise InputError(
                f"training.batch_size: {batch_size} perturbations make a batch, but only {largest} {what}can give one "
                f"with target_from: {target_from} ({self.excluded} cannot); lower batch_size or change target_from"
            )

    def _used(self, first: np.ndarray) -> dict[str, int]:
        """Wells that pairs come from and, where anchor and target are two wells, how many pairs of wells there are.

        first : (wells,) the first position of each well.
        """
        used = {"perturbations_used": len(self._wells[0]), "wells_used": len(first)}
        if self.target_from in {"image", "site"}:
            return used
        owner = np.repeat(np.arange(len(self._wells[0])), self._wells[1] - self._wells[0])
        others = (self._wells[1] - self._wells[0])[owner] - (self._excluded[1] - self._excluded[0])
        return used | {"well_pairs": int(others.sum()) // 2}

    def __len__(self) -> int:
        """Batches per epoch; the same in every epoch."""
        return sum(self._batches)

    def epoch(self, epoch: int) -> Iterator[Pairs]:
        """The batches of one epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        parts = [
            group[_distinct_batches(rng, count, self.batch_size, batches)]
            for group, count, batches in zip(self._groups, self._counts, self._batches)
            if batches
        ]
        batches = rng.permutation(np.concatenate(parts))
        anchors = self._anchors(rng, batches.ravel())
        targets = self._targets(rng, anchors)
        anchors, targets = (self._crop[x].reshape(batches.shape) for x in (anchors, targets))
        for row in zip(batches, anchors, targets):
            yield Pairs(*row)

    def _anchors(self, rng: np.random.Generator, perturbation: np.ndarray) -> np.ndarray:
        if self.epoch_unit == "image":
            return _each_once(rng, perturbation, *self._perturbation_crops)
        if self.epoch_unit == "well":
            well = _each_once(rng, perturbation, *self._wells)
        else:
            well = rng.integers(self._wells[0][perturbation], self._wells[1][perturbation])
        return rng.integers(self._well_crops[0][well], self._well_crops[1][well])

    def _targets(self, rng: np.random.Generator, anchors: np.ndarray) -> np.ndarray:
        if self.target_from == "image":
            return anchors
        well = self._well[anchors]
        if self.target_from == "site":
            inside = self._well_crops[0][well], self._well_crops[1][well]
            return _uniform_excluding(rng, *inside, self._field_crops[0][anchors], self._field_crops[1][anchors])
        perturbation = np.searchsorted(self._wells[0], well, side="right") - 1
        inside = self._wells[0][perturbation], self._wells[1][perturbation]
        other = _uniform_excluding(rng, *inside, self._excluded[0][well], self._excluded[1][well])
        return rng.integers(self._well_crops[0][other], self._well_crops[1][other])


def can_pair(crops: pd.DataFrame, differs: str | None) -> np.ndarray:
    """(N,) bool: crops that can be anchors. What must differ (a value of :data:`DIFFERS`) takes two values in their
    perturbation, or for fields in their well."""
    if differs is None:
        return np.ones(len(crops), dtype=bool)
    shared = LEVELS[: LEVELS.index("well_id") + 1] if differs == "field_id" else LEVELS[:1]
    distinct = crops.groupby(LEVELS[: LEVELS.index(differs) + 1], sort=False).ngroup()
    return (distinct.groupby([crops[c] for c in shared], sort=False).transform("nunique") > 1).to_numpy()


def _starts(codes: np.ndarray) -> np.ndarray:
    """First position of each run of equal values."""
    return np.flatnonzero(np.diff(codes, prepend=-1))


def _runs(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each position, where its run of equal values begins and ends."""
    starts = _starts(codes)
    run = np.searchsorted(starts, np.arange(len(codes)), side="right") - 1
    return starts[run], np.append(starts[1:], len(codes))[: len(starts)][run]


def _uniform_excluding(
    rng: np.random.Generator, low: np.ndarray, high: np.ndarray, excluded_low: np.ndarray, excluded_high: np.ndarray
) -> np.ndarray:
    """Uniform in [low, high) without [excluded_low, excluded_high), elementwise, in one draw each."""
    width = excluded_high - excluded_low
    drawn = rng.integers(low, high - width)
    return np.where(drawn >= excluded_low, drawn + width, drawn)


def _each_once(rng: np.random.Generator, group: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """For each entry of `group` a member of [low[group], high[group]), none twice, in random order."""
    total = high[-1]
    owner = np.repeat(np.arange(len(low)), high - low)
    shuffled = np.lexsort((rng.random(total), owner))
    order = np.argsort(group, kind="stable")
    occurrence = np.empty(len(group), dtype=int)
    occurrence[order] = np.arange(len(group)) - np.searchsorted(group[order], group[order])
    return shuffled[low[group] + occurrence]


def _number_of_batches(count: np.ndarray, size: int) -> int:
    """Largest n such that n batches of `size` distinct members exist when member i may be used count[i] times.

    That is the largest n with sum(min(count, n)) >= n·size; the left side is concave in n, so bisection finds it.
    """
    low, high = 0, int(count.sum()) // size
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(count, middle).sum() >= middle * size else (low, middle - 1)
    return low


def _distinct_batches(rng: np.random.Generator, count: np.ndarray, size: int, batches: int) -> np.ndarray:
    """(batches, size) members, distinct within a batch, member i at most count[i] times; random otherwise.

    What must be in every remaining batch is taken first, the rest is drawn in proportion to what is left of it
    (Gumbel top-k), so the last batch can always be filled.
    """
    units = rng.permutation(np.repeat(np.arange(len(count)), np.minimum(count, batches)))[: batches * size]
    left = np.bincount(units, minlength=len(count)).astype(float)
    rows = np.empty((batches, size), dtype=int)
    for row in range(batches):
        with np.errstate(divide="ignore"):
            key = np.log(left) + rng.gumbel(size=len(left))
        key[left >= batches - row] = np.inf
        rows[row] = np.argpartition(-key, size - 1)[:size]
        left[rows[row]] -= 1
    return rows


def _plate_map_groups(order: pd.DataFrame, perturbation: np.ndarray) -> list[np.ndarray]:
    """Perturbation codes by plate map; one on several maps belongs to the map that holds most of its crops."""
    if "plate_map" not in order or order["plate_map"].isna().all():
        raise InputError("training.batch_composition: same_plate_map needs a plate_map in the wells table; take random")
    counts = order.groupby([perturbation, order["plate_map"].to_numpy()]).size().reset_index(name="n")
    counts.columns = ["perturbation", "plate_map", "n"]
    main = counts.sort_values("n", ascending=False, kind="stable").drop_duplicates("perturbation")
    return [np.sort(g["perturbation"].to_numpy()) for _, g in main.groupby("plate_map")]
