"""Large and small views of a batch's images, cut, normalised and masked."""

import numpy as np
import torch
from torch import Tensor

from cwamsn.errors import InputError
from cwamsn.loading import Prepared, ViewCutter
from cwamsn.training.batch import Batch, Group
from cwamsn.training.data import ChannelStatistics
from cwamsn.training.loader import PairImages
from cwamsn.training.recipe import Scale, ViewOptions
from cwamsn.training.views import nested_boxes, random_boxes, random_turns


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
        self.cutter = ViewCutter(statistics.mean, statistics.std, device, antialias=options.antialias)
        self.device = device

    def __call__(self, images: PairImages, seed: int) -> Batch:
        """The views of this process's share of the batch."""
        options, share, total = self.options, images.share, len(images.pairs.perturbation)
        # the generator takes 32 bits, so seed and step are mixed into as many
        mixed = np.random.SeedSequence([seed, images.step]).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(mixed))
        target_scale = options.target_scale or options.rand_scale
        where = None if options.target_view == "nested" else self._draw(1, total, target_scale, generator)
        anchor_table = self.cutter.prepare(images.anchor, "anchor")
        target_table = anchor_table if images.target is images.anchor else self.cutter.prepare(images.target, "target")
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

    def _cut(self, images: Prepared, where: tuple[Tensor, Tensor], total: int, share: slice, size: int) -> Tensor:
        """This process's share of views drawn for the whole batch."""
        boxes, turns = (x.unflatten(0, (-1, total))[:, share].flatten(0, 1).to(self.device) for x in where)
        return self.cutter.cut(images, boxes, turns, size)

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
