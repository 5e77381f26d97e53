"""Views of a batch, and their randomness."""

import numpy as np
import pytest
import torch
from torchvision.transforms import RandomResizedCrop

from cwamsn.training import random_boxes
from cwamsn.training.multicrop import MultiCropViews
from cwamsn.training.views import random_turns
from tests.training.tiny import STATISTICS, recipe, same_pairs


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("scale", [(0.3, 1.0), (0.05, 0.3)])
def test_boxes_are_distributed_as_torchvision_s(scale):
    n, height, width = 4000, 60, 80
    boxes = random_boxes(n, height, width, scale, generator()).numpy()
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 0] + boxes[:, 2] <= height).all()
    assert (boxes[:, 1] + boxes[:, 3] <= width).all() and (boxes[:, 2:] > 0).all()
    image = torch.empty(1, height, width)
    torch.manual_seed(0)
    want = np.array([RandomResizedCrop.get_params(image, list(scale), [3 / 4, 4 / 3]) for _ in range(n)])
    for column in range(4):
        # two-sample Kolmogorov-Smirnov distance, critical value at p = .001
        grid = np.arange(-1, 81)
        ours, theirs = (np.searchsorted(np.sort(x[:, column]), grid, side="right") / n for x in (boxes, want))
        assert np.abs(ours - theirs).max() < 1.95 * np.sqrt(2 / n)


def test_an_image_too_narrow_for_any_box_gives_the_central_one():
    assert random_boxes(3, 100, 8, (0.9, 1.0), generator()).tolist() == [[44, 0, 11, 8]] * 3


def test_turns():
    how = random_turns(4000, generator(), horizontal=True, vertical=False, quarters=False)
    assert how[:, 1:].sum() == 0 and how[:, 0].float().mean().item() == pytest.approx(0.5, abs=0.03)
    more = random_turns(4000, generator(), horizontal=True, vertical=True, quarters=True)
    assert torch.equal(how[:, 0], more[:, 0])


def make(changes=None, share=slice(0, 6), seed=0, step=0, total=6):
    small = recipe(**{"mask_ratio": 0.25, **(changes or {})})
    views = MultiCropViews(small.views, (40, 48), (8, 8), STATISTICS, torch.device("cpu"))
    images = torch.randint(0, 256, (total, 5, 40, 48), dtype=torch.uint8, generator=generator(5))
    return views(same_pairs(views, seed, step, total, (images[share], images[share]), share))


def test_views_of_a_batch():
    batch = make()
    random, focal = batch.anchors
    assert random.images.shape == batch.target.shape == (6, 5, 32, 32) and focal.images.shape == (12, 5, 16, 16)
    assert random.keep.shape == (12,) and focal.keep is None  # 16 patches, a quarter left out; small views whole
    assert abs(random.images.mean().item()) < 0.5 and random.images.std().item() < 3
    assert not torch.equal(random.images, batch.target)
    again, other, later = make(), make(seed=1), make(step=1)
    assert torch.equal(again.anchors[1].images, focal.images)
    assert not torch.equal(other.target, batch.target) and not torch.equal(later.target, batch.target)


def test_masks_a_sample_and_of_all_views():
    random, focal = make({"mask_pattern": "sample", "mask_views": "all"}).anchors
    assert random.keep.shape == (6, 12) and focal.keep.shape == (12, 3)
    assert all(len(set(row)) == 12 for row in random.keep.tolist())
    assert len({tuple(row) for row in random.keep.tolist()}) > 1
    assert make({"mask_ratio": 0}).anchors[0].keep is None


@pytest.mark.parametrize("pattern", ["batch", "sample"])
def test_a_process_gets_its_share_of_the_whole_batch_s_views(pattern):
    changes = {"mask_pattern": pattern}
    whole, part = make(changes), make(changes, share=slice(3, 6))
    assert torch.equal(whole.target[3:], part.target)
    assert torch.equal(whole.anchors[1].images.unflatten(0, (2, 6))[:, 3:].flatten(0, 1), part.anchors[1].images)
    keep = whole.anchors[0].keep
    assert torch.equal(keep if pattern == "batch" else keep[3:], part.anchors[0].keep)
