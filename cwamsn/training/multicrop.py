"""Large and small views of a batch's images, cut, normalised and masked."""

import numpy as np
import torch
from torch import Tensor

from cwamsn.errors import InputError
from cwamsn.training.batch import Batch, Group
from cwamsn.training.data import ChannelStatistics
from cwamsn.training.loader import PairImages
from cwamsn.training.recipe import Scale, ViewOptions
from cwamsn.training.views import (
    PixelTable,
    nested_boxes,
    normalise,
    pixel_table,
    quarter_turns,
    random_boxes,
    random_turns,
    resized_crop,
)


class MultiCropViews:
    """Cuts the views of a batch.

    All randomness is drawn for the whole batch from (seed, step), whatever the number of processes, and each process
    takes its share: training is the same on one process and on several.

    Parameters
    ----------
    options : how views are cut and masked.
    image_size, patch_size : height and width in pixels, of the images and of the encoder's patches.
    statistics : what the views are normalised with.
    device : where the images are and the views are cut.
    """

    def __init__(
        self,
        options: ViewOptions,
        image_size: tuple[int, int],
        patch_size: tuple[int, int],
        statistics: ChannelStatistics,
        device: torch.device,
    ):
        self.options, self.image_size, self.patch_size = options, image_size, patch_size
        self.mean = torch.tensor(statistics.mean, dtype=torch.float32, device=device)
        self.std = torch.tensor(statistics.std, dtype=torch.float32, device=device)
        self.device = device
        self._buffers: dict[str, Tensor] = {}

    def __call__(self, images: PairImages, seed: int) -> Batch:
        """The views of this process's share of the batch."""
        options, share, total = self.options, images.share, len(images.pairs.perturbation)
        # the generator takes 32 bits, so seed and step are mixed into as many
        mixed = np.random.SeedSequence([seed, images.step]).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(mixed))
        target_scale = options.target_scale or options.rand_scale
        where = None if options.target_view == "nested" else self._draw(1, total, target_scale, generator)
        anchor_table = self._table(images.anchor, "anchor")
        target_table = anchor_table if images.target is images.anchor else self._table(images.target, "target")
        large = options.rand_views, options.rand_size, options.rand_scale
        small = options.focal_views, options.focal_size, options.focal_scale
        anchors: list[Group] = []
        for views, size, scale in (large, small):
            if views:
                drawn = self._draw(views, total, scale, generator)
                masked = not anchors or options.mask_views == "all"
                keep = self._keep(size, views, total, share, generator) if masked else None
                if where is None:
                    where = nested_boxes(drawn[0][:total], target_scale, generator), drawn[1][:total]
                anchors.append(Group(self._cut(anchor_table, drawn, total, share, size), keep))
        if where is None:
            raise InputError("training.rand_views: must be at least 1 where target_view is nested")
        target_views = self._cut(target_table, where, total, share, options.rand_size)
        codes = torch.as_tensor(images.pairs.perturbation[share], device=self.device)
        return Batch(anchors, target_views, codes, generator)

    def _draw(self, views: int, total: int, scale: Scale, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Boxes and turns of `views` views of the whole batch, view-major."""
        options = self.options
        boxes = random_boxes(views * total, *self.image_size, scale, generator)
        turns = random_turns(
            views * total, generator, options.horizontal_flip, options.vertical_flip, options.quarter_turns
        )
        return boxes, turns

    def _table(self, images: Tensor, role: str) -> PixelTable:
        """The images' pixels, in memory that is reused from batch to batch: new pages cost as much as filling them."""
        table = pixel_table(images, self._buffers.get(role))
        self._buffers[role] = table.rows
        return table

    def _cut(self, images: PixelTable, where: tuple[Tensor, Tensor], total: int, share: slice, size: int) -> Tensor:
        """Cut this process's views one view index at a time, to keep intermediate tensors small."""
        boxes, turns = (x.unflatten(0, (-1, total))[:, share] for x in where)
        batch, channels = images.shape[:2]
        out = torch.empty((len(boxes), batch, channels, size, size), device=self.device)
        for view in range(len(boxes)):
            mirror, quarters = turns[view, :, :2], turns[view, :, 2]
            cut = resized_crop(images, boxes[view], size, self.options.antialias, mirror)
            normalise(quarter_turns(cut, quarters), self.mean, self.std, out=out[view])
        return out.flatten(0, 1)

    def _keep(self, size: int, views: int, total: int, share: slice, generator: torch.Generator) -> Tensor | None:
        """Indices of the patches that stay of views of `size` pixels; None if all do."""
        patches = (size // self.patch_size[0]) * (size // self.patch_size[1])
        kept = int(patches * (1 - self.options.mask_ratio))
        if kept == patches:
            return None
        if kept == 0:
            raise InputError(
                f"training.mask_ratio: {self.options.mask_ratio} leaves none of the {patches} patches of a view of "
                f"{size} pixels; lower it, or take a smaller encoder_options.patch_size"
            )
        if self.options.mask_pattern == "batch":
            return torch.randperm(patches, generator=generator)[:kept].to(self.device)
        order = torch.rand(views, total, patches, generator=generator)[:, share].flatten(0, 1).argsort(dim=1)
        return order[:, :kept].to(self.device)
