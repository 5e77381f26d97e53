"""Mean and standard deviation of each channel, from exact integer sums that add up in any order."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict

from cwamsn.crops.qc import Measures
from cwamsn.errors import InputError


class Totals(TypedDict):
    """Exact integer sums over the kept fields of one split, sums per channel."""

    n_fields: int
    n_pixels: int
    sum: list[int]
    sum_of_squares: list[int]


class Sums(TypedDict):
    """What :func:`channel_sums` gives; in a unit's file, `part` is the unit's name."""

    channels: list[str]
    splits: dict[str, Totals]


class UnitSums(Sums):
    """The sums of a unit, as its file holds them."""

    part: str


class Statistics(TypedDict):
    """Mean and population standard deviation per channel in 0-255 units, and what they were measured on."""

    channels: list[str]
    mean: list[float]
    std: list[float]
    n_fields: int
    split: str
    microns_per_pixel: NotRequired[float]
    """Side of a pixel, µm, where it is known."""


def channel_sums(crops: Iterable[tuple[Mapping[str, object], Measures]], channels: Sequence[str]) -> Sums:
    """Sums of 8-bit pixels and of their squares per channel, apart for each value of `split` (null is `none`)."""
    splits: dict[str, Totals] = {}
    for row, measures in crops:
        total = splits.setdefault(
            # null is None, or NaN where a table's text columns are of pandas 3
            str(row["split"]) if row["split"] and row["split"] == row["split"] else "none",
            {"n_fields": 0, "n_pixels": 0, "sum": [0] * len(channels), "sum_of_squares": [0] * len(channels)},
        )
        total["n_fields"] += 1
        total["n_pixels"] += measures.pixels
        total["sum"] = [a + int(b) for a, b in zip(total["sum"], measures.sums)]
        total["sum_of_squares"] = [a + int(b) for a, b in zip(total["sum_of_squares"], measures.squares)]
    return {"channels": list(channels), "splits": splits}


def channel_statistics(units: Sequence[UnitSums]) -> Statistics:
    """`mean` and `std` (population) per channel in 0-255 units, over the training fields where fields have a split.

    units : what :func:`channel_sums` gave for each unit. Raises InputError when units differ in channels and when there
    is no field to measure.
    """
    channels = units[0]["channels"]
    for unit in units:
        if unit["channels"] != channels:
            raise InputError(
                f"unit {unit['part']}: channels {', '.join(unit['channels'])}, unit {units[0]['part']} has "
                f"{', '.join(channels)}; recompute the crops of this screen"
            )
    training = any(set(unit["splits"]) - {"none"} for unit in units)
    wanted = ["train"] if training else ["none"]
    chosen = [unit["splits"][name] for unit in units for name in wanted if name in unit["splits"]]
    if not chosen:
        raise InputError("no field of the training split is usable; see the QC table for the reasons")
    n = sum(c["n_pixels"] for c in chosen)
    sums = [sum(column) for column in zip(*(c["sum"] for c in chosen))]
    squares = [sum(column) for column in zip(*(c["sum_of_squares"] for c in chosen))]
    return {
        "channels": channels,
        "mean": [s / n for s in sums],
        # The numerator is an exact integer: no cancellation, whatever the order of the units.
        "std": [math.sqrt(q * n - s * s) / n for s, q in zip(sums, squares)],
        "n_fields": sum(c["n_fields"] for c in chosen),
        "split": "train" if training else "all",
    }
