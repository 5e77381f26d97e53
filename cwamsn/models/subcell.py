"""SubCell (Gupta et al. 2024, bioRxiv 2024.12.06.627299) on Cell Painting: ER, DNA and one more stain at a time.

The network was trained on the Human Protein Atlas with three channels: endoplasmic reticulum, nucleus and a protein. On
Cell Painting every other stain takes the place of the protein in turn, as the paper does it; the features of these
passes stand side by side.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.models.base import PublishedNetwork

SIDE = 448
STAINS = ("ER", "DNA")  # what every pass sees, in this order, before the stain in the protein's place


class GatedAttention(nn.Module):
    """Tokens (B, N, D) to (B, heads · D): weighted means of the tokens, whose weights are computed from the tokens."""

    def __init__(self, features: int, hidden: int, heads: int):
        super().__init__()
        self.attention_v, self.attention_u = nn.Linear(features, hidden), nn.Linear(features, hidden)
        self.attention = nn.Linear(hidden, heads)

    def forward(self, tokens: Tensor) -> Tensor:
        gated = torch.tanh(self.attention_v(tokens)) * F.gelu(self.attention_u(tokens))
        weights = self.attention(gated).transpose(1, 2).softmax(dim=-1)
        return (weights @ tokens).flatten(1)


class SubCell(PublishedNetwork):
    """Images in 0-1 (B, C, 448, 448) to (B, (C - 2) · 1536): one pass per stain that is neither ER nor DNA.

    Parameters
    ----------
    channels : of the images, C.
    hidden, heads : of the attention that pools the tokens, class token included.
    **options : arguments of the ViT, timm's `vit_base_patch16_224` with the published sizes.
    """

    def __init__(self, channels: int, hidden: int = 512, heads: int = 2, **options: Any):
        super().__init__()
        if channels <= len(STAINS):
            raise InputError(f"subcell: needs a stain besides {' and '.join(STAINS)}, these images have {channels}")
        norm = partial(nn.LayerNorm, eps=1e-12)
        sizes = {"img_size": SIDE} | options
        vit: Any = timm.create_model("vit_base_patch16_224", num_classes=0, norm_layer=norm, **sizes)
        self.vit, self.pool = vit, GatedAttention(vit.num_features, hidden, heads)
        self.colours, self.side = channels, vit.patch_embed.img_size[0]
        self.num_features = (channels - len(STAINS)) * heads * vit.num_features

    def place_stains(self, places: Sequence[int], channels: int) -> None:
        """`places` of ER and DNA among the channels. The order is part of the state, as that of other encoders is."""
        others = [channel for channel in range(channels) if channel not in places]
        self.register_buffer("passes", torch.tensor([[*places, other] for other in others]))

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-2:] != (self.side, self.side):
            raise InputError(f"embedding.view_size: subcell takes views of {self.side} pixels; leave the key out")
        passes = self.get_buffer("passes")
        return torch.cat([self._encoded(images.index_select(1, stains)) for stains in passes], dim=1)

    def _encoded(self, images: Tensor) -> Tensor:
        """(B, heads · D) of images (B, 3, H, W), each scaled to 0-1 by the least and largest value of the three."""
        low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
        return self.pool(self.vit.forward_features((images - low) / (high - low + 1e-6)))


_OF_ATTENTION = {"attention.output.dense": "attn.proj", "layernorm_before": "norm1", "layernorm_after": "norm2"}
_OF_BLOCK = {"intermediate.dense": "mlp.fc1", "output.dense": "mlp.fc2"}
_OF_EMBEDDING = {
    "embeddings.cls_token": "cls_token",  # nosec B105 - the name of a tensor
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}


_THREE = ("query.", "key.", "value.")


def from_published_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under our names from those of the published file.

    `encoder.` is a ViT under the names of Hugging Face's transformers before version 5, whose query, key and value are
    joined here; `pool_model.` is the pooling, whose linear maps come after a dropout. Names that are neither stay as
    they are, and are refused as surplus.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.startswith("pool_model."):
            found["pool." + name.removeprefix("pool_model.").replace(".1.", ".")] = tensor
            continue
        inner = name.removeprefix("encoder.")
        if inner in _OF_EMBEDDING:
            found["vit." + _OF_EMBEDDING[inner]] = tensor
        elif not inner.startswith("encoder.layer."):
            found[name] = tensor
        elif not inner.split(".attention.attention.")[-1].startswith(_THREE):
            inner = inner.replace("encoder.layer.", "blocks.", 1)
            for theirs, ours in (_OF_ATTENTION | _OF_BLOCK).items():
                inner = inner.replace(f".{theirs}.", f".{ours}.")
            found[f"vit.{inner}"] = tensor
    return found | _joined(state)


def _joined(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Query, key and value of each block as one weight; a block that lacks one of them has none, which is refused."""
    start, end = "encoder.encoder.layer.", ".attention.attention.query."
    found = {}
    for name in state:
        block, _, kind = name.removeprefix(start).partition(end)
        if name.startswith(start) and kind:
            three = [name.replace(".query.", f".{part}") for part in _THREE]
            if all(part in state for part in three):
                found[f"vit.blocks.{block}.attn.qkv.{kind}"] = torch.cat([state[part] for part in three])
    return found
