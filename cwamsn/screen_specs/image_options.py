"""What the image files of a screen hold beyond one grey plane of 8 or 16 bits: key `images` of a screen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cwamsn.errors import InputError
from cwamsn.options import Options
from cwamsn.screen_specs.images import known_location

ESTIMATE = "estimate"
STACKS = ("refuse", "max", "sharpest")


@dataclass(frozen=True, kw_only=True)
class ImageOptions(Options):
    """Section `screens.<name>.images`; `config/README.md` describes every key."""

    stack: str | int = "refuse"
    range: Sequence[float] | Mapping[str, Sequence[float]] | None = None
    microns_per_pixel: float | None = None
    illumination: str | Mapping[str, str] | None = None
    planes: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.stack, str) and self.stack not in STACKS:
            raise InputError(f"images.stack: {self.stack!r} is not known; use {', '.join(STACKS)} or a number from 0")
        if isinstance(self.illumination, str) and self.illumination != ESTIMATE:
            raise InputError(
                f"images.illumination: {self.illumination!r} is not known; write {ESTIMATE}, or the location of a .npy "
                "file for each stain ({plate} stands for the plate)"
            )
        for key, pair in self.ranges().items():
            if len(pair) != 2 or not all(map(math.isfinite, pair)) or pair[0] >= pair[1]:
                raise InputError(f"images.range{key}: {list(pair)} is no range; write [low, high], low below high")

    def ranges(self) -> dict[str, Sequence[float]]:
        """Declared ranges by the end of their key: '' for that of every plate, `.P1` for a plate's own."""
        if self.range is None:
            return {}
        if isinstance(self.range, Mapping):
            return {f".{plate}": pair for plate, pair in self.range.items()}
        return {"": self.range}

    def range_of(self, *plate: str) -> tuple[float, float] | None:
        """(low, high) of a plate's pixels as stored, None where none is declared. InputError for a plate left out.

        plate : names of the plate; the first that has a range counts.
        """
        if not isinstance(self.range, Mapping):
            return None if self.range is None else (self.range[0], self.range[1])
        name = next((name for name in plate if name in self.range), None)
        if name is None:
            raise InputError(
                f"images.range: has no plate {plate[0]}, only {', '.join(list(self.range)[:8])}; add it, or give one "
                "range for all"
            )
        low, high = self.range[name]
        return low, high

    def illumination_of(self, barcode: str) -> dict[str, str]:
        """Location of the illumination function of each stain of a plate; none where they are not files."""
        if not isinstance(self.illumination, Mapping):
            return {}
        texts = {stain: text.replace("{plate}", barcode) for stain, text in self.illumination.items()}
        return {stain: known_location(text, f"images.illumination.{stain}") for stain, text in texts.items()}


def illumination_name(stain: str) -> str:
    """Where a fetched illumination function lies in the raw folder of a unit."""
    return f"illumination/{stain}.npy"
