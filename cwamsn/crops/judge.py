"""What is wrong with a field's planes, and what only looks wrong: a reason that leaves it out, and warnings.

Every judgement is a function of the pixels alone. What a field cannot show (a plate unlike the others, a plate that is
another's copy) is judged in :mod:`cwamsn.crops.plates`. On a good field this costs about 2 % of its conversion: a few
rows prove that nothing is wrong, and the whole plane is counted only where they do not.
"""

from collections.abc import Mapping, Sequence

import numpy as np

# A real plane has 200 grey levels or more, a window of it of 100 pixels a side about as many.
FEW_LEVELS = 32
# The darkest pixel of a real plane lies below 25 of 255, of a window without a cell below 150. Twelve bits upon an
# offset of 2**15 lie above 226.
HIGH_FLOOR = 192
# 99.9 % of a real plane's pixels lie below 75 to 255 of 255; if below this, a few bright pixels made all others dark.
DIM, DIM_SHARE = 24, 0.001
# A border of one value is damage only if the value hardly occurs elsewhere; on a black background it means nothing.
RARE = 0.01
# ... or if it is this many times as long as the longest such run elsewhere, which is worth a warning.
LONG_RUN = 10

# Kinds of warnings: what to do about each.
ADVICE = {
    "few grey levels": "hot pixels, an offset, a wrong bit depth? crops.saturated_share and crops.black_level can help",
    "high floor": "if the camera adds an offset, set crops.black_level to it",
    "dim": "a few bright pixels set the display maximum; hot pixels? crops.saturated_share can help",
    "constant border": "a broken upload or a shifted image?",
    "mixed depths": "8-bit pixels are taken as they are, 16-bit ones are scaled; export both alike, or set "
    "crops.convert_uint8",
    "outside the range": "they were brought to its nearer end; images.range of the screen says where that is",
    "repeated": "the same image under two names?",
    "repeated channel": "a file that is named for two fields?",
}

_ROWS = 128  # a sample is every 128th row, of small planes every eighth of the rows


def same_planes(planes: Mapping[str, np.ndarray]) -> str | None:
    """Why planes (stain -> (H, W)) cannot be different stains, or None: two of them hold the same pixels."""
    seen: dict[bytes, str] = {}
    for stain, plane in planes.items():
        key = plane[plane.shape[0] // 2].tobytes()
        first = seen.setdefault(key, stain)
        if first != stain and np.array_equal(planes[first], plane) and plane.min() != plane.max():
            return f"{first} and {stain} have the same pixels; one of the files is not what its name says"
    return None


def broken_tail(planes: Mapping[str, np.ndarray], most: float | None) -> str | None:
    """Why a plane looks broken off, or None: its end is of one value which hardly any other pixel has.

    Parameters
    ----------
    planes : stain → (H, W).
    most : share (0-1) of the plane that such an end may have; None for any.
    """
    if most is None:
        return None
    for stain, plane in planes.items():
        run, value, rare = _tail(plane)
        if rare and run > most * plane.size:
            return (
                f"broken off: the last {run / plane.shape[1]:.3g} of {plane.shape[0]} rows of {stain} are all {value}"
            )
    return None


def suspicions(planes: Mapping[str, np.ndarray], crop: np.ndarray, channels: Sequence[str], scaled: bool) -> list[str]:
    """Warnings about a field, each `kind: details` with a kind of ADVICE.

    Parameters
    ----------
    planes : stain → (H, W) uint8 or uint16.
    crop : (C, H, W) uint8 made of them.
    channels : names of the crop's channels.
    scaled : whether 8-bit planes are converted like the others.
    """
    found = _levels(crop, channels)
    borders = [text for stain, plane in planes.items() for text in _borders(stain, plane)]
    if borders:
        found.append(f"constant border: {', '.join(borders)}")
    narrow = [stain for stain, plane in planes.items() if plane.dtype == np.uint8]
    if narrow and len(narrow) < len(planes) and not scaled:
        found.append(f"mixed depths: 8 bits in {', '.join(narrow)}, 16 in the others")
    return found


def _levels(crop: np.ndarray, channels: Sequence[str]) -> list[str]:
    few, high, dim = [], [], []
    for k in np.flatnonzero(_may_be_odd(crop)).tolist():
        counts = np.bincount(crop[k].reshape(-1), minlength=256)
        levels, floor = np.count_nonzero(counts), int(np.flatnonzero(counts)[0])
        if levels < 2:
            continue  # constant: `min_std` decides
        if levels < FEW_LEVELS:
            few.append(f"{channels[k]} {levels}")
        if floor >= HIGH_FLOOR:
            high.append(f"{channels[k]} {floor}")
        if counts[DIM:].sum() < DIM_SHARE * crop[k].size:
            dim.append(channels[k])
    kinds = {"few grey levels": few, "high floor": high, "dim": dim}
    return [f"{kind}: {', '.join(texts)}" for kind, texts in kinds.items() if texts]


def _may_be_odd(crop: np.ndarray) -> np.ndarray:
    """(C,) whether a few rows leave open that the channel has few levels, a high floor or is dim."""
    step = max(1, min(_ROWS, crop.shape[1] // 8))
    sample = crop[:, step // 2 :: step].reshape(len(crop), -1).astype(np.intp)
    sample += 256 * np.arange(len(crop))[:, None]
    counts = np.bincount(sample.reshape(-1), minlength=256 * len(crop)).reshape(-1, 256)
    few = np.count_nonzero(counts, axis=1) < FEW_LEVELS
    dim = counts[:, DIM:].sum(axis=1) < 2 * DIM_SHARE * sample.shape[1]
    return few | dim | ~counts[:, :HIGH_FLOOR].any(axis=1)


def _borders(stain: str, plane: np.ndarray) -> list[str]:
    """The sides of a plane that are of one value which is rare elsewhere."""
    found = []
    for side, view in (
        ("last rows", plane),
        ("first rows", plane[::-1]),
        ("last columns", plane.T),
        ("first columns", plane[:, ::-1].T),
    ):
        row = view[-1]
        if row[0] == row[-1] == row[row.size // 2] and (row == row[0]).all():
            run, value, rare = _tail(view)
            if rare or run >= LONG_RUN * _longest_run(view, value, run):
                found.append(f"the {run // view.shape[1]} {side} of {stain} are all {value}")
    return found


def _tail(plane: np.ndarray) -> tuple[int, int, bool]:
    """(pixels at the end, in reading order, that have one value; the value; whether it is rare elsewhere).

    No pixels if that is less than a row, or the whole plane.
    """
    last = plane[-1, -1]
    row = plane[-1]
    if row[0] != last or row[row.size // 2] != last or (row != last).any():
        return 0, int(last), False
    others = np.flatnonzero(plane.reshape(-1) != last)
    if not others.size:
        return 0, int(last), False
    run = plane.size - 1 - int(others[-1])
    return run, int(last), plane.size - others.size - run < RARE * (plane.size - run)


def _longest_run(plane: np.ndarray, value: int, tail: int) -> int:
    """Pixels of the longest run of `value`, in reading order, before the last `tail` pixels; at least 1."""
    others = np.flatnonzero(plane.reshape(-1)[: plane.size - tail] != value)
    return max(1, int(np.diff(others, prepend=-1).max()) - 1) if others.size else plane.size
