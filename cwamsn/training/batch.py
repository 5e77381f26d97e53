"""One global batch of pairs as the tensors that an objective sees."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cwamsn.errors import InputError
from cwamsn.training.sampler import Pairs
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


class Group(NamedTuple):
    """Views of one size: images (V·B, C, h, w), view-major, and the patches kept of them (None: all)."""

    images: Tensor
    keep: Tensor | None


@dataclass
class Batch:
    """What an objective's loss is computed from. B is this process's share of the batch."""

    anchors: list[Group]
    target: Tensor  # (B, C, h, w), one view of each target image, never masked
    perturbation: Tensor  # (B,) codes of the perturbations
    generator: torch.Generator  # on the CPU, alike in all processes, for whatever else the objective draws


class ViewMaker:
    """Cuts the views of a batch. All randomness is drawn for the whole batch from (seed, step), whatever the number of
    processes, and each process takes its share: training is the same on one process and on several."""

    def __init__(
        self, recipe: dict[str, Any], image_size: tuple[int, int], patch_size: tuple[int, int], statistics, device
    ):
        self.recipe, self.image_size, self.patch_size = recipe, image_size, patch_size
        self.mean = torch.tensor(statistics["mean"], dtype=torch.float32, device=device)
        self.std = torch.tensor(statistics["std"], dtype=torch.float32, device=device)
        self.device = device
        self._buffers: dict[str, Tensor] = {}

    def __call__(self, pairs: Pairs, anchor: Tensor, target: Tensor, share: slice, seed: int, step: int) -> Batch:
        """anchor, target: uint8 (B, C, H, W), this process's `share` of the batch's `pairs`, on the training device."""
        # the generator takes 32 bits, so seed and step are mixed into as many
        mixed = np.random.SeedSequence([seed, step]).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(mixed))
        recipe, total = self.recipe, len(pairs.perturbation)
        random, focal = ("rand_size", "rand_scale"), ("focal_size", "focal_scale")
        target_scale = recipe["target_scale"] or recipe["rand_scale"]
        nested = recipe["target_view"] == "nested"
        where = None if nested else self._draw(1, total, target_scale, generator)
        anchor_table = self._table(anchor, "anchor")
        target_table = anchor_table if target is anchor else self._table(target, "target")
        anchors = []
        for views, (size, scale) in ((recipe["rand_views"], random), (recipe["focal_views"], focal)):
            if views:
                drawn = self._draw(views, total, recipe[scale], generator)
                masked = not anchors or recipe["mask_views"] == "all"
                keep = self._keep(recipe[size], views, total, share, generator) if masked else None
                if where is None:
                    where = nested_boxes(drawn[0][:total], target_scale, generator), drawn[1][:total]
                anchors.append(Group(self._cut(anchor_table, drawn, total, share, recipe[size]), keep))
        target_views = self._cut(target_table, where, total, share, recipe["rand_size"])
        codes = torch.as_tensor(pairs.perturbation[share], device=self.device)
        return Batch(anchors, target_views, codes, generator)

    def _draw(self, views: int, total: int, scale, generator) -> tuple[Tensor, Tensor]:
        """Boxes and turns of `views` views of the whole batch, view-major."""
        recipe = self.recipe
        boxes = random_boxes(views * total, *self.image_size, tuple(scale), generator)
        turns = random_turns(
            views * total, generator, recipe["horizontal_flip"], recipe["vertical_flip"], recipe["quarter_turns"]
        )
        return boxes, turns

    def _table(self, images: Tensor, role: str) -> PixelTable:
        """The images' pixels in memory that is kept from batch to batch: fresh pages cost as much as filling them."""
        table = pixel_table(images, self._buffers.get(role))
        self._buffers[role] = table.rows
        return table

    def _cut(self, images: PixelTable, where: tuple[Tensor, Tensor], total: int, share: slice, size: int) -> Tensor:
        """The views of this process's images, one view of all images at a time, so that what is between stays small."""
        boxes, turns = (x.unflatten(0, (-1, total))[:, share] for x in where)
        batch, channels = images.shape[:2]
        out = torch.empty((len(boxes), batch, channels, size, size), device=self.device)
        for view in range(len(boxes)):
            mirror, quarters = turns[view, :, :2], turns[view, :, 2]
            cut = resized_crop(images, boxes[view], size, self.recipe["antialias"], mirror)
            normalise(quarter_turns(cut, quarters), self.mean, self.std, out=out[view])
        return out.flatten(0, 1)

    def _keep(self, size: int, views: int, total: int, share: slice, generator) -> Tensor | None:
        patches = (size // self.patch_size[0]) * (size // self.patch_size[1])
        kept = int(patches * (1 - self.recipe["mask_ratio"]))
        if kept == patches:
            return None
        if kept == 0:
            raise InputError(
                f"training.mask_ratio: {self.recipe['mask_ratio']} leaves none of the {patches} patches of a view of "
                f"{size} pixels; lower it, or take a smaller encoder_options.patch_size"
            )
        if self.recipe["mask_pattern"] == "batch":
            return torch.randperm(patches, generator=generator)[:kept].to(self.device)
        order = torch.rand(views, total, patches, generator=generator)[:, share].flatten(0, 1).argsort(dim=1)
        return order[:, :kept].to(self.device)
