"""What an encoder sees of an image, and that all ways to cut it show the same."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torchvision import transforms

from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.views import InputViews, count_views, view_boxes
from cwamsn.errors import InputError

CPU = torch.device("cpu")
OPTIONS = EmbedOptions()


def views(images, crop_ids, size, options, most=1000, way=None, mean=0.0, std=1.0):
    """Views (V·B, C, size, size) of images."""
    boxes = view_boxes(tuple(images.shape[-2:]), crop_ids, size, options)
    channels = images.shape[1]
    cutter = InputViews([mean] * channels, [std] * channels, size, CPU, antialias=options.antialias, way=way)
    return torch.cat([piece.clone() for piece in cutter.pieces(images, boxes, most)])


def test_views_of_known_images():
    image = torch.arange(48 * 64).view(1, 1, 48, 64).remainder(251).to(torch.uint8)
    centre = views(image, ["c"], 16, replace(OPTIONS, view="center"))
    torch.testing.assert_close(centre[0], image[0, :, 16:32, 24:40].float())
    tiles = views(image, ["c"], 24, replace(OPTIONS, view="tiles", tile_size=24))
    assert tiles.shape == (6, 1, 24, 24)
    torch.testing.assert_close(tiles[5], image[0, :, 24:48, 40:64].float())
    crops = views(image, ["c"], 16, replace(OPTIONS, view="random_crops", n_crops=5))
    windows = image.float().unfold(2, 16, 1).unfold(3, 16, 1).reshape(-1, 16, 16)
    assert all((windows == crop[0]).all(dim=(1, 2)).any() for crop in crops)
    assert len({tuple(crop.flatten().tolist()) for crop in crops}) > 1
    other = views(image, ["c"], 16, replace(OPTIONS, view="random_crops", n_crops=5, seed=1))
    assert not torch.equal(crops, other)


@pytest.mark.parametrize("shape", [(128, 128), (130, 174)])
def test_resize_center_shows_what_networks_for_imagenet_see(shape):
    """torchvision's Resize and CenterCrop, of a smooth image, but for the outermost pixels; here scaled down by 4."""
    y, x = torch.meshgrid(*(torch.linspace(0, 3, n) for n in shape), indexing="ij")
    image = (100 + 60 * torch.sin(2 * y) * torch.cos(x)).round().to(torch.uint8)[None, None]
    ours = views(image, ["c"], 56, replace(OPTIONS, view="resize_center"))
    theirs = transforms.CenterCrop(56)(transforms.Resize(64)(image.float()))
    assert (ours - theirs)[..., 1:-1, 1:-1].abs().max() < (1e-3 if shape[0] == 128 else 3)


def test_default_view_averages_out_what_it_cannot_show():
    """Without the low-pass filter a checkerboard would come out as its phase."""
    board = (torch.arange(64)[:, None] + torch.arange(64)).remainder(2).mul(200).to(torch.uint8)[None, None]
    smooth = views(board, ["c"], 24, OPTIONS)
    rough = views(board, ["c"], 24, replace(OPTIONS, antialias=False))
    assert smooth.std() < 0.3 * rough.std()


def test_random_crops_depend_on_seed_and_crop_alone():
    options = replace(OPTIONS, view="random_crops", n_crops=3)
    both = view_boxes((64, 80), ["a", "b"], 16, options).view(3, 2, 4)
    assert torch.equal(view_boxes((64, 80), ["b"], 16, options), both[:, 1])
    assert not torch.equal(both[:, 0], both[:, 1])


VIEWS = {"resize": 1, "resize_center": 1, "tiles": 6, "center": 1, "random_crops": 4}


@pytest.mark.parametrize("way", ["auto", "sparse", "dense"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("view", VIEWS)
def test_the_ways_of_a_gpu_show_what_the_way_of_the_processor_shows(view, antialias, way):
    """Within .005 of 255 for every pixel, and as close as torch's own interpolation of all images at once."""
    images = torch.randint(0, 256, (3, 2, 50, 70), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    options = replace(OPTIONS, view=view, tile_size=25, antialias=antialias)
    ours, other = (views(images, ["a", "b", "c"], 20, options, way=w, mean=99.0, std=7.0) for w in (None, way))
    assert len(ours) == len(other) == 3 * VIEWS[view]
    assert (ours - other).abs().max() * 7 <= 0.005
    if view == "resize":
        whole = F.interpolate(images.float(), size=(20, 20), mode="bilinear", antialias=antialias)
        assert torch.equal(ours, (whole - 99) / 7)


def test_views_come_in_even_pieces_that_share_their_memory():
    images = torch.randint(0, 256, (1, 2, 64, 64), dtype=torch.uint8)
    options = replace(OPTIONS, view="tiles", tile_size=10)  # 49 tiles
    boxes = view_boxes((64, 64), ["a"], 16, options)
    cutter = InputViews([0.0] * 2, [1.0] * 2, 16, CPU)
    sizes, places = zip(*[(len(piece), piece.data_ptr()) for piece in cutter.pieces(images, boxes, 16)])
    assert sizes == (12, 12, 12, 13) and len(set(places)) <= 2
    assert torch.equal(views(images, ["a"], 16, options, most=5), views(images, ["a"], 16, options))


@pytest.mark.parametrize("view", ["center", "random_crops", "tiles"])
def test_image_smaller_than_the_view(view):
    with pytest.raises(InputError, match="60 pixels, crop c has 48 x 64; choose a smaller value"):
        count_views((48, 64), 60, replace(OPTIONS, view=view, tile_size=60), "c")


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_counted_before_they_are_drawn(view):
    options = replace(OPTIONS, view=view, tile_size=25)
    assert count_views((50, 70), 20, options, "c") == len(view_boxes((50, 70), ["c"], 20, options)) == VIEWS[view]
