"""Floating-point operations under one stated convention, by formula.

The convention of table 7: 2 operations per multiply-add; matrix products and convolutions, the two products of
attention included; nothing else. Per image or, for training, per pair of images.
"""

from dataclasses import dataclass

CONVENTION = (
    "2 operations per multiply-add, matrix products and convolutions, attention included; "
    "training: three forward passes' worth for what has gradients, one for the moving average."
)


@dataclass(frozen=True)
class ViT:
    """A plain vision transformer with one class token."""

    dim: int = 384
    depth: int = 12
    mlp_ratio: float = 4.0
    patch: int = 16
    channels: int = 5


def vit_forward(vit: ViT, size: int, mask_ratio: float = 0.0, attention: bool = True) -> float:
    """Operations of one forward pass on a `size` x `size` image, of which a share of the patches is left out.

    The patch embedding sees every patch; the blocks see floor(patches · (1 - mask_ratio)) and the class token.
    `attention=False` leaves out the products QKᵀ and AV, as some counters do.
    """
    patches = (size // vit.patch) ** 2
    tokens = int(patches * (1 - mask_ratio)) + 1
    embedding = patches * vit.channels * vit.patch**2 * vit.dim
    linear = tokens * vit.dim**2 * (4 + 2 * vit.mlp_ratio)
    products = 2 * tokens**2 * vit.dim if attention else 0
    return 2.0 * (embedding + vit.depth * (linear + products))


def head_forward(dim: int, hidden: int, output: int) -> float:
    """Operations of the projection head (three linear layers) on one view."""
    return 2.0 * (dim * hidden + hidden**2 + hidden * output)


@dataclass(frozen=True)
class Views:
    """Views of a pair: `rand` masked ones of the anchor, `focal` unmasked ones, and one target view."""

    rand: int = 1
    rand_size: int = 224
    focal: int = 10
    focal_size: int = 96
    mask_ratio: float = 0.15


def anchor_forward(vit: ViT, views: Views, attention: bool = True) -> float:
    """Operations of the anchor encoder on all views of one pair, without the projection head."""
    masked = vit_forward(vit, views.rand_size, views.mask_ratio, attention)
    return views.rand * masked + views.focal * vit_forward(vit, views.focal_size, 0.0, attention)


def training_step(vit: ViT, views: Views, hidden: int = 2048, output: int = 256, attention: bool = True) -> float:
    """Operations of a training step per pair: anchor branch forward and backward (3 forwards), target forward."""
    head = head_forward(vit.dim, hidden, output)
    anchor = anchor_forward(vit, views, attention) + (views.rand + views.focal) * head
    return 3 * anchor + vit_forward(vit, views.rand_size, 0.0, attention) + head
