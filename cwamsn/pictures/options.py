"""How pictures are made."""

from dataclasses import dataclass

from cwamsn.errors import InputError

FORMATS = ("webp", "jpeg", "png")


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """Size, format and contrast of pictures."""

    size: int = 128
    """Longer side of a picture, pixels."""
    window: int | None = None
    """Side of the central square of a field that is shown, pixels of the crop; None: the whole field."""
    format: str = "webp"
    """webp, jpeg or png."""
    quality: int = 75
    """Of WebP and JPEG, 1 to 100."""
    low: float = 1.0
    """Percentile of a plate's pixels that is shown black."""
    high: float = 99.7
    """Percentile of a plate's pixels that is shown at full colour."""
    fields: int = 24
    """Fields of a plate that its contrast is taken from, evenly spread."""

    def __post_init__(self) -> None:
        """Raise InputError for what no picture can be made with."""
        if self.format not in FORMATS:
            raise InputError(f"pictures: format {self.format!r} is not known; known: {', '.join(FORMATS)}")
        for name, least, most in (("size", 8, 4096), ("quality", 1, 100), ("fields", 1, 10**6)):
            if not least <= getattr(self, name) <= most:
                raise InputError(f"pictures: {name} is {getattr(self, name)}; give {least} to {most}")
        if self.window is not None and self.window < 8:
            raise InputError(f"pictures: window is {self.window}; give 8 pixels or more, or none for whole fields")
        if not 0 <= self.low < self.high <= 100:
            raise InputError(f"pictures: percentiles {self.low:g} and {self.high:g}; give 0 <= low < high <= 100")
