"""Views cut from a batch of images and normalised, on the device that the images are on."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from cwamsn.loading import dense
from cwamsn.loading.pixels import normalise, quarter_turns
from cwamsn.loading.sparse import PixelTable, pixel_table, resized_crop
from cwamsn.loading.ways import choose_way, kernel_cut

Prepared: TypeAlias = Tensor | PixelTable
"""Images as :meth:`ViewCutter.prepare` returns them."""


class ViewCutter:
    """Cuts views of images and normalises them.

    All ways give the views of torchvision's `resized_crop` of float images, to 2e-4 of 255 levels before they are
    normalised. Where the images are on a GPU, boxes and turns are all that it needs besides them, and the host does not
    wait for it.

    Parameters
    ----------
    mean, std : one number per channel, in 0-255 units; views are (pixel - mean) / std.
    device : where the images are and the views are cut.
    antialias : resample as PIL does, with a filter as wide as an output pixel, instead of plain bilinear.
    way : `sparse`: sums of the pixels that count (CPU). `dense`: two batched matrix products per group of views.
        `kernel`: one launch of a kernel per group (needs Triton). `auto`: sparse on the CPU; on a GPU the kernel, or
        dense with a line that says why not. The environment variable CWAMSN_VIEWS names another way than `auto` takes.

    Raises
    ------
    InputError
        When there is no such way, or not on this device.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], device: torch.device, *, antialias: bool, way: str = "auto"
    ):
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device)
        self.std = torch.tensor(std, dtype=torch.float32, device=device)
        self.affine = torch.stack([1 / self.std, -self.mean / self.std])
        self.device, self.antialias = device, antialias
        self.way = choose_way(way, device)
        self._cut = kernel_cut() if self.way == "kernel" else dense.cut
        self._buffers: dict[str, Tensor] = {}

    def prepare(self, images: Tensor, role: str) -> Prepared:
        """Images uint8 (B, C, H, W) on the device, made ready for :meth:`cut`.

        What it returns may share the memory of `images`, and is valid until the next call for the same `role`, whose
        memory is reused: new pages cost as much as filling them.
        """
        if self.way != "sparse":
            return images.contiguous()
        table = pixel_table(images, self._buffers.get(role))
        self._buffers[role] = table.rows
        return table

    def cut(
        self, prepared: Prepared, boxes: Tensor, turns: Tensor | None, size: int, out: Tensor | None = None
    ) -> Tensor:
        """Views float32 (V·B, C, size, size) of B images, view-major: view n is of image n % B.

        A view as large as its box has exactly the box's pixels, normalised.

        Parameters
        ----------
        prepared : as :meth:`prepare` returned it.
        boxes : integers (V·B, 4), y, x, height, width in pixels, on the device.
        turns : integers (V·B, 3): mirrored left-right, mirrored up-down, then turned by so many times 90 degrees;
            None: no view is turned.
        out : where to write the views; contiguous.
        """
        if out is None:
            out = torch.empty((len(boxes), prepared.shape[1], size, size), device=self.device)
        if isinstance(prepared, PixelTable):
            self._cut_sparse(prepared, boxes, turns, out)
        else:
            self._cut(prepared, boxes, turns, self.affine, self.antialias, out)
        return out

    def _cut_sparse(self, table: PixelTable, boxes: Tensor, turns: Tensor | None, out: Tensor) -> None:
        """One view per image at a time: that keeps the intermediate tensors small."""
        batch = table.shape[0]
        for start in range(0, len(boxes), batch):
            part = slice(start, start + batch)
            mirror = None if turns is None else turns[part, :2]
            views = resized_crop(table, boxes[part], out.shape[-1], self.antialias, mirror)
            if turns is not None:
                views = quarter_turns(views, turns[part, 2])
            normalise(views, self.mean, self.std, out=out[part])
