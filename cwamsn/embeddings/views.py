"""Views of a whole image: which parts an encoder sees of it when the image is to become one vector, and what it is fed.

Views are boxes. On a GPU they are cut there from the uint8 images, see :mod:`cwamsn.loading.resample`. On the CPU each
is resized by itself into one buffer that all batches share: fresh memory for all views of a batch would cost as much as
the resizing, since the system clears every page of it.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cwamsn.embeddings.options import EmbedOptions
from cwamsn.errors import InputError
from cwamsn.loading import ViewCutter

Shape = tuple[int, int]  # height and width of an image, pixels


def count_views(shape: Shape, size: int, options: EmbedOptions, crop_id: str) -> int:
    """Number of views of an image; an InputError names `crop_id` if the image is too small for them."""
    side, key = {
        "resize": (1, ""),
        "tiles": (options.tile_size, "embedding.tile_size"),
        "resize_center": (1, ""),
        "center": (size, "embedding.view_size"),
        "random_crops": (size, "embedding.view_size"),
    }[options.view]
    if side > min(shape):
        raise InputError(
            f"{key}: {side} pixels, crop {crop_id} has {shape[0]} x {shape[1]}; choose a smaller value or view: resize"
        )
    if options.view == "tiles":
        return math.prod(-(-length // side) for length in shape)
    return options.n_crops if options.view == "random_crops" else 1


def view_boxes(shape: Shape, crop_ids: Sequence[str], size: int, options: EmbedOptions) -> Tensor:
    """Boxes y, x, height, width of all views of images of one shape: (V·B, 4) int64, first view of every image first.

    Of `options`, `view`, `tile_size`, `n_crops` and `seed` are used. The default, the whole image resized, shows cells
    at about the scale at which random crops of a training image show them. Random crops depend only on the seed and the
    crop's id, not on the batch.
    """
    boxes = [_BOXES[options.view](shape, crop_id, size, options) for crop_id in crop_ids]
    return torch.from_numpy(np.stack(boxes, axis=1).reshape(-1, 4))


def _whole(shape: Shape, crop_id: str, size: int, options: EmbedOptions) -> np.ndarray:
    return np.array([[0, 0, *shape]], dtype=np.int64)


def _tiles(shape: Shape, crop_id: str, size: int, options: EmbedOptions) -> np.ndarray:
    side = options.tile_size
    rows, columns = (_starts(length, side) for length in shape)
    return np.array([(y, x, side, side) for y in rows for x in columns], dtype=np.int64)


def _center(shape: Shape, crop_id: str, size: int, options: EmbedOptions) -> np.ndarray:
    return np.array([[(shape[0] - size) // 2, (shape[1] - size) // 2, size, size]], dtype=np.int64)


def _resize_center(shape: Shape, crop_id: str, size: int, options: EmbedOptions) -> np.ndarray:
    """torchvision's Resize(256) and CenterCrop(224), at once: the centre square of 7/8 of the shorter side.

    Where its sides or corners are no whole pixels of the image, they are rounded.
    """
    side = max(1, round(min(shape) * 224 / 256))
    return np.array([[(shape[0] - side) // 2, (shape[1] - side) // 2, side, side]], dtype=np.int64)


def _random_crops(shape: Shape, crop_id: str, size: int, options: EmbedOptions) -> np.ndarray:
    rng = np.random.default_rng([options.seed, zlib.crc32(crop_id.encode())])
    corners = rng.integers(0, [n - size + 1 for n in shape], size=(options.n_crops, 2))
    return np.concatenate([corners, np.full_like(corners, size)], axis=1)


_BOXES: dict[str, Callable[[Shape, str, int, EmbedOptions], np.ndarray]] = {
    "resize": _whole,
    "resize_center": _resize_center,
    "tiles": _tiles,
    "center": _center,
    "random_crops": _random_crops,
}


def _starts(length: int, side: int) -> list[int]:
    """Starts of evenly spread tiles that cover `length`; they overlap where `side` does not divide it."""
    return np.linspace(0, length - side, -(-length // side)).round().astype(int).tolist()


class InputViews:
    """Cuts views of images and normalises them: float32 (N, C, size, size).

    Parameters
    ----------
    mean, std : per channel, in 0-255 units
    size : side of a view, pixels
    antialias : low-pass filter where a view is reduced (bilinear)
    device : of the images and the views
    way : `interpolate` (view by view, the default on the CPU) or what :class:`cwamsn.loading.resample.ViewCutter`
        takes, `auto` on a GPU. Ways differ by less than .005 of 255.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        size: int,
        device: torch.device,
        *,
        antialias: bool = True,
        way: str | None = None,
    ):
        self.size, self.antialias, self.device = size, antialias, device
        self.mean, self.std = (torch.tensor(x, dtype=torch.float32, device=device).view(-1, 1, 1) for x in (mean, std))
        way = way or ("interpolate" if device.type == "cpu" else "auto")
        self.cutter = None
        if way != "interpolate":
            self.cutter = ViewCutter(list(mean), list(std), device, antialias=antialias, way=way)
        self._out = self._pixels = torch.empty(0)

    def pieces(self, images: Tensor, boxes: Tensor, most: int) -> Iterator[Tensor]:
        """Views of `images` (B, C, H, W) uint8 in the order of `boxes` (V·B, 4), see :func:`view_boxes`.

        At most `most` at a time, or B if that is more, in pieces of about one size. A piece is valid until the next one
        is asked for.
        """
        count = len(images)
        views = len(boxes) // count
        pieces = min(views, -(-len(boxes) // most))
        ends = [views * i // pieces * count for i in range(pieces + 1)]
        cut = partial(self._interpolated, images) if self.cutter is None else self._cut_at_once(self.cutter, images)
        for start, end in pairwise(ends):
            yield cut(boxes[start:end])

    def _cut_at_once(self, cutter: ViewCutter, images: Tensor) -> Callable[[Tensor], Tensor]:
        prepared = cutter.prepare(images, "view")
        return lambda boxes: cutter.cut(prepared, boxes, None, self.size)

    def _interpolated(self, images: Tensor, boxes: Tensor) -> Tensor:
        shape = (len(boxes), images.shape[1], self.size, self.size)
        if self._out.numel() < math.prod(shape):
            self._out = torch.empty(math.prod(shape))
        out = self._out[: math.prod(shape)].view(shape)
        for number, (y, x, height, width) in enumerate(boxes.tolist()):
            view = images[number % len(images), :, y : y + height, x : x + width]
            if (height, width) == shape[-2:]:
                out[number] = view
                continue
            if self._pixels.numel() < view.numel():
                self._pixels = torch.empty(view.numel())
            pixels = self._pixels[: view.numel()].view(view.shape).copy_(view)
            out[number] = F.interpolate(
                pixels[None], size=shape[-2:], mode="bilinear", align_corners=False, antialias=self.antialias
            )[0]
        return out.sub_(self.mean).div_(self.std)
