"""What every decoder of planes shares: bounds, and the refusal of what is no single grey plane."""

# 8,192 x 8,192 pixels: several times the largest camera. A few hundred bytes can name a picture of gigabytes.
MOST_PIXELS = 1 << 26
MOST_BYTES = 4 * MOST_PIXELS  # of an image file: its pixels in 16 bits, and as much again
DECLARE = "declare the range of their values (images.range of the screen), or convert them to unsigned 8 or 16 bits"
GREY = "expected a grey 8- or 16-bit plane, found"


class Refused(ValueError):
    """The image, readable or not, is not a single grey plane whose pixels are intensities."""


def within_bounds(height: int, width: int) -> None:
    """Raise Refused for a header that names no pixel, or more than any camera has."""
    if height * width > MOST_PIXELS:
        raise Refused(f"its header names {height} x {width} pixels, at most {MOST_PIXELS:,} are decoded; cut it up")
    if height * width == 0:
        raise Refused(f"its header names {height} x {width} pixels")
