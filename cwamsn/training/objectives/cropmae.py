"""CropMAE: reconstruct a view that is almost entirely hidden with the help of another view."""

from typing import Any

import torch
from torch import Tensor, nn

from cwamsn.tables import InputError
from cwamsn.training.distributed import world
from cwamsn.training.objectives import objective, options_of
from cwamsn.training.objectives.reconstruction import CrossDecoder, masked_pixel_loss


def decoder(recipe: dict[str, Any], classes: int, encoder: nn.Module) -> dict[str, nn.Module]:
    if not hasattr(encoder, "tokens"):
        raise InputError("training.encoder: cropmae hides patches; take a ViT such as vit_small_patch16_224")
    options, channels = options_of(recipe), encoder.vit.patch_embed.proj.in_channels
    pixels = encoder.patch_size[0] * encoder.patch_size[1] * channels
    sizes = (options[key] for key in ("decoder_width", "decoder_depth", "decoder_heads"))
    return {"decoder": CrossDecoder(encoder.num_features, pixels, *sizes)}


def visible_patches(samples: int, patches: int, mask_ratio: float, generator: torch.Generator) -> Tensor:
    """(samples, n) indices of the patches that stay visible, at least one each; drawn for all processes alike."""
    rank, size = world()
    order = torch.rand(samples * size, patches, generator=generator).argsort(dim=1)
    return order[samples * rank : samples * (rank + 1), : max(1, int(patches * (1 - mask_ratio)))]


@objective(
    "cropmae",
    parts=decoder,
    head=lambda recipe, features: nn.Identity(),
    options={"mask_ratio": 0.985, "decoder_width": 256, "decoder_depth": 4, "decoder_heads": 8},
)
def cropmae(model, batch, recipe) -> dict[str, Tensor]:
    """Pixels of the target view's hidden patches, from its few visible patches and the whole anchor view.

    With `target_from: image` and `target_view: nested` it is CropMAE (Eymaël et al. 2024); with `target_from: well` the
    hidden view is of another well of the perturbation, cut at the place and scale that it would have in the same image.
    """
    encoder, images = model.anchor.encoder, batch.target
    grid = images.shape[2] // encoder.patch_size[0], images.shape[3] // encoder.patch_size[1]
    patches = grid[0] * grid[1]
    keep = visible_patches(len(images), patches, options_of(recipe)["mask_ratio"], batch.generator).to(images.device)
    whole = encoder.tokens(batch.anchors[0].images, batch.anchors[0].keep)
    prediction = model.parts["decoder"](encoder.tokens(images, keep), keep, whole, grid)
    masked = torch.ones(len(images), patches, dtype=torch.bool, device=images.device).scatter(1, keep, False)
    return {"loss": masked_pixel_loss(prediction, images, encoder.patch_size, masked)}
