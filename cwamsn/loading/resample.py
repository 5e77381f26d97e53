"""Views cut from a batch of images and normalised, on the device that the images are on."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from cwamsn.loading.pixels import normalise, quarter_turns
from cwamsn.loading.sparse import PixelTable, pixel_table, resized_crop

Prepared: TypeAlias = PixelTable
"""Images as :meth:`ViewCutter.prepare` returns them."""


class ViewCutter:
    """Cuts views of images and normalises them.

    Parameters
    ----------
    mean, std : one number per channel, in 0-255 units; views are (pixel - mean) / std.
    device : where the images are and the views are cut.
    antialias : resample as PIL does, with a filter as wide as an output pixel, instead of plain bilinear.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], device: torch.device, *, antialias: bool, way: str = "auto"
    ):
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device)
        self.std = torch.tensor(std, dtype=torch.float32, device=device)
        self.device, self.antialias = device, antialias
        self._buffers: dict[str, Tensor] = {}

    def prepare(self, images: Tensor, role: str) -> Prepared:
        """Images uint8 (B, C, H, W) on the device, made ready for :meth:`cut`.

        What it returns is valid until the next call for the same `role`, whose memory it shares: new pages cost as
        much as filling them.
        """
        table = pixel_table(images, self._buffers.get(role))
        self._buffers[role] = table.rows
        return table

    def cut(
        self, prepared: Prepared, boxes: Tensor, turns: Tensor | None, size: int, out: Tensor | None = None
    ) -> Tensor:
        """Views float32 (V·B, C, size, size) of B images, view-major: view n is of image n % B.

        Parameters
        ----------
        prepared : as :meth:`prepare` returned it.
        boxes : integers (V·B, 4), y, x, height, width in pixels, on the device.
        turns : integers (V·B, 3): mirrored left-right, mirrored up-down, then turned by so many times 90 degrees;
            None: no view is turned.
        out : where to write the views.
        """
        batch, channels = prepared.shape[:2]
        shape = len(boxes), channels, size, size
        out = torch.empty(shape, device=self.device) if out is None else out
        boxes, turns = boxes.cpu(), None if turns is None else turns.cpu()
        # one view per image at a time keeps the intermediate tensors small
        for start in range(0, len(boxes), batch):
            part = slice(start, start + batch)
            mirror = None if turns is None else turns[part, :2]
            views = resized_crop(prepared, boxes[part], size, self.antialias, mirror)
            if turns is not None:
                views = quarter_turns(views, turns[part, 2])
            normalise(views, self.mean, self.std, out=out[part])
        return out
