"""CropMAE: reconstruct a view that is almost entirely hidden from another view."""

import math

import torch
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.models import Encoder, PatchEncoder, world
from cwamsn.training.batch import Batch
from cwamsn.training.objectives.gathering import mean_over_views
from cwamsn.training.objectives.reconstruction import CrossDecoder, masked_pixel_loss
from cwamsn.training.objectives.registry import Features, Networks, no_head, objective, options_of
from cwamsn.training.recipe import Recipe


def decoder(recipe: Recipe, classes: int, encoder: Encoder) -> dict[str, nn.Module]:
    if not isinstance(encoder, PatchEncoder):
        raise InputError("training.encoder: cropmae hides patches; take a ViT such as vit_small_patch16_224")
    options, channels = options_of(recipe), encoder.in_channels
    patches = math.prod(recipe.views.rand_size // side for side in encoder.patch_size)
    ratio = options["mask_ratio"]
    if not 0 < ratio < 1 or visible_count(patches, ratio) >= patches:
        raise InputError(
            f"training.objective_options.mask_ratio: {ratio} does not hide a part of the {patches} patches of the "
            "target view, and nothing is left to reconstruct; take a share between 0 and 1 such as 0.985, and smaller "
            "patches where there is one alone"
        )
    pixels = encoder.patch_size[0] * encoder.patch_size[1] * channels
    decoder = CrossDecoder(
        encoder.num_features,
        pixels,
        width=options["decoder_width"],
        depth=options["decoder_depth"],
        heads=options["decoder_heads"],
    )
    return {"decoder": decoder}


def visible_count(patches: int, mask_ratio: float) -> int:
    return max(1, int(patches * (1 - mask_ratio)))


def visible_patches(samples: int, patches: int, mask_ratio: float, generator: torch.Generator) -> Tensor:
    """(samples, n) indices of the patches that stay visible, at least one each; drawn identically in all processes."""
    rank, size = world()
    order = torch.rand(samples * size, patches, generator=generator).argsort(dim=1)
    return order[samples * rank : samples * (rank + 1), : visible_count(patches, mask_ratio)]


def draw(recipe: Recipe, patch_size: tuple[int, int], samples: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Which patches of the target views stay visible."""
    patches = math.prod(recipe.views.rand_size // side for side in patch_size)
    return {"visible": visible_patches(samples, patches, options_of(recipe)["mask_ratio"], generator)}


def features(model: Networks, batch: Batch, recipe: Recipe) -> Features:
    """Predicted pixels of the target view (V·B, N, pixels), one prediction with each anchor view, view-major; the
    target views (B, C, H, W), their patch size, and which of their patches were hidden (B, N)."""
    encoder, images = model.anchor.encoder, batch.target
    grid = images.shape[2] // encoder.patch_size[0], images.shape[3] // encoder.patch_size[1]
    patches = grid[0] * grid[1]
    keep = batch.drawn["visible"]
    visible, predictions = encoder.tokens(images, keep), []
    for group in batch.anchors:
        views = len(group.images) // len(images)
        shown_channels = {} if group.channels is None else {"channels": group.channels}
        whole = encoder.tokens(group.images, group.keep, **shown_channels)
        shown, kept = visible.repeat(views, 1, 1), keep.repeat(views, 1)
        predictions.append(model.parts["decoder"](shown, kept, whole, grid))
    hidden = torch.ones(len(images), patches, dtype=torch.bool, device=images.device).scatter(1, keep, False)
    return {"predictions": torch.cat(predictions), "images": images, "patch_size": encoder.patch_size, "hidden": hidden}


@objective(
    "cropmae",
    features,
    modules=decoder,
    head=no_head,
    options={"mask_ratio": 0.985, "decoder_width": 256, "decoder_depth": 4, "decoder_heads": 8},
    draw=draw,
)
def cropmae(
    recipe: Recipe, predictions: Tensor, images: Tensor, patch_size: tuple[int, int], hidden: Tensor
) -> dict[str, Tensor]:
    """Pixels of the target view's hidden patches, from its few visible patches and a whole anchor view; the mean over
    anchor views.

    With `target_from: image` and `target_view: nested` it is CropMAE (Eymaël et al. 2024); with `target_from: well` the
    hidden view is of another well of the perturbation, cut at the place and scale that it would have in the same image.
    """

    def loss(prediction: Tensor) -> Tensor:
        return masked_pixel_loss(prediction, images, patch_size, hidden)

    return {"loss": mean_over_views(loss, len(images), predictions)}
