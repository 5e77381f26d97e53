"""Large and small views of a batch's images: drawn on the host, cut, normalised and masked on the device."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from cwamsn.errors import InputError
from cwamsn.loading import Prepared, ViewCutter
from cwamsn.training.batch import Batch, Group
from cwamsn.training.data import ChannelStatistics
from cwamsn.training.loader import Drawn, PairImages
from cwamsn.training.recipe import Scale, ViewOptions
from cwamsn.training.views import nested_boxes, random_boxes, random_channels, random_turns


class MultiCropViews:
    """Draws and cuts the views of a batch.

    All randomness is drawn for the whole batch from (seed, step), whatever the number of processes, and each process
    takes its share: training is the same on one process and on several. Drawing needs no image, so that it can be done
    ahead, in any thread.

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
        self.channels = len(statistics.mean)
        self.cutter = ViewCutter(statistics.mean, statistics.std, device, antialias=options.antialias)

    def draw(self, seed: int, step: int, total: int, share: slice) -> Drawn:
        """Boxes, turns and masks of the views of one step, for the `share` of a batch of `total` pairs.

        Raises InputError where the options leave no patch, or no view to cut the target from.
        """
        options = self.options
        # the generator takes 32 bits, so seed and step are mixed into as many
        mixed = np.random.SeedSequence([seed, step]).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(mixed))
        target_scale = options.target_scale or options.rand_scale
        where = None if options.target_view == "nested" else self._draw(1, total, target_scale, generator)
        small: dict[str, Tensor] = {}
        for number, (views, size, scale) in enumerate(self._groups()):
            boxes, turns = self._draw(views, total, scale, generator)
            if not number or options.mask_views == "all":
                keep = self._keep(size, views, total, share, generator)
                small |= {} if keep is None else {f"keep{number}": keep}
            if where is None:
                where = nested_boxes(boxes[:total], target_scale, generator), turns[:total]
            small |= {f"boxes{number}": _own(boxes, total, share), f"turns{number}": _own(turns, total, share)}
        if where is None:
            raise InputError("training.rand_views: must be at least 1 where target_view is nested")
        small |= {"target_boxes": _own(where[0], total, share), "target_turns": _own(where[1], total, share)}
        if options.channel_sampling == "hierarchical":  # last, so that all else is drawn as without it
            for number, (views, _, _) in enumerate(self._groups()):
                small[f"channels{number}"] = _own(
                    random_channels(views * total, self.channels, generator), total, share
                )
        return Drawn(small, generator)

    def __call__(self, images: PairImages) -> Batch:
        """Cut the views that were drawn for the step, this process's share of them."""
        small, generator = images.drawn
        anchor = self.cutter.prepare(images.anchor, "anchor")
        target = anchor if images.target is images.anchor else self.cutter.prepare(images.target, "target")
        anchors = [
            Group(
                self._cut(anchor, small, str(number), size), small.get(f"keep{number}"), small.get(f"channels{number}")
            )
            for number, (_, size, _) in enumerate(self._groups())
        ]
        views = self.cutter.cut(target, small["target_boxes"], small["target_turns"], self.options.rand_size)
        return Batch(anchors, views, small["perturbation"], generator, small)

    def _groups(self) -> Iterator[tuple[int, int, Scale]]:
        """Number, size in pixels and scale of the large and of the small anchor views, where there are any."""
        options = self.options
        if options.rand_views:
            yield options.rand_views, options.rand_size, options.rand_scale
        if options.focal_views:
            yield options.focal_views, options.focal_size, options.focal_scale

    def _draw(self, views: int, total: int, scale: Scale, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Boxes and turns of `views` views of the whole batch, view-major."""
        options = self.options
        boxes = random_boxes(views * total, *self.image_size, scale, generator)
        turns = random_turns(
            views * total, generator, options.horizontal_flip, options.vertical_flip, options.quarter_turns
        )
        return boxes, turns

    def _cut(self, images: Prepared, small: dict[str, Tensor], group: str, size: int) -> Tensor:
        return self.cutter.cut(images, small[f"boxes{group}"], small[f"turns{group}"], size)

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
            return torch.randperm(patches, generator=generator)[:kept]
        order = _own(torch.rand(views, total, patches, generator=generator).flatten(0, 1), total, share).argsort(dim=1)
        return order[:, :kept]


def _own(drawn: Tensor, total: int, share: slice) -> Tensor:
    """The rows of this process's share among those of views of the whole batch, view-major."""
    return drawn.unflatten(0, (-1, total))[:, share].flatten(0, 1)
