"""Mean and standard deviation of each channel, from exact integer sums that add up in any order."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cwamsn.crops.qc import Measures
from cwamsn.errors import InputError


def channel_sums(crops: Iterable[tuple[Mapping[str, Any], Measures]], channels: Sequence[str]) -> dict[str, Any]:
    """Sums of 8-bit pixels and of their squares a channel, apart for each value of `split` (null is `none`)."""
    splits: dict[str, dict[str, Any]] = {}
    for row, measures in crops:
        total = splits.setdefault(
            row["split"] or "none",
            {"n_fields": 0, "n_pixels": 0, "sum": [0] * len(channels), "sum_of_squares": [0] * len(channels)},
        )
        total["n_fields"] += 1
        total["n_pixels"] += measures.pixels
        total["sum"] = [a + int(b) for a, b in zip(total["sum"], measures.sums)]
        total["sum_of_squares"] = [a + int(b) for a, b in zip(total["sum_of_squares"], measures.squares)]
    return {"channels": list(channels), "splits": splits}


def channel_statistics(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`mean` and `std` (population) a channel in 0-255 units, over the training fields where fields have a split.

    parts: what :func:`channel_sums` gave for each part. Raises InputError when parts differ in channels and when there
    is no field to measure.
    """
    channels = parts[0]["channels"]
    for part in parts:
        if part["channels"] != channels:
            raise InputError(
                f"part {part['part']}: channels {', '.join(part['channels'])}, part {parts[0]['part']} has "
                f"{', '.join(channels)}; make the crops of this screen again"
            )
    training = any(set(part["splits"]) - {"none"} for part in parts)
    wanted = ["train"] if training else ["none"]
    chosen = [part["splits"][name] for part in parts for name in wanted if name in part["splits"]]
    if not chosen:
        raise InputError("no field of the training part is usable; see the QC table for the reasons")
    n = sum(c["n_pixels"] for c in chosen)
    sums = [sum(column) for column in zip(*(c["sum"] for c in chosen))]
    squares = [sum(column) for column in zip(*(c["sum_of_squares"] for c in chosen))]
    return {
        "channels": channels,
        "mean": [s / n for s in sums],
        # The numerator is an exact integer: no cancellation, whatever the order of the parts.
        "std": [math.sqrt(q * n - s * s) / n for s, q in zip(sums, squares)],
        "n_fields": sum(c["n_fields"] for c in chosen),
        "split": "train" if training else "all",
    }
