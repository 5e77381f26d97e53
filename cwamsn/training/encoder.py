"""Encoders from timm, the projection head, and their initialisation."""

import difflib
import functools
import inspect
import math
from collections.abc import Iterable
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.layers import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.training.channelwise import CHANNELWISE, build_channelwise
from cwamsn.training.distributed import GlobalBatchNorm1d

# arguments of the networks that the training itself sets, and what says them in their place
SET_ELSEWHERE = {
    "attention": "training.attention",
    "in_channels": "the images",
    "in_chans": "the images",
    "num_classes": "the objective",
    "name": "training.encoder",
    "pretrained": "nothing: training starts from scratch; a row of kind pretrained takes published weights",
    "pretrained_cfg": "nothing: training starts from scratch",
    "checkpoint_path": "nothing: training starts from scratch",
    "features_only": "nothing: the encoder gives one vector an image",
    "patch_drop_rate": "training.mask_ratio",
}
# what a network raises of arguments that it does not know, or that do not fit together
_REFUSALS = (TypeError, AssertionError, ValueError, RuntimeError, KeyError, ZeroDivisionError)


class ViTEncoder(nn.Module):
    """A timm vision transformer that gives the class token and can leave patches out."""

    def __init__(self, vit: VisionTransformer, final_norm: bool = True):
        super().__init__()
        self.vit = vit
        self.final_norm = final_norm
        self.num_features = vit.embed_dim
        self.patch_size: tuple[int, int] = vit.patch_embed.patch_size

    def position_embedding(self, rows: int, columns: int) -> Tensor:
        """(1, 1 + rows·columns, D): the learned grid resized to the patch grid, the class token's slot unchanged.

        Bicubic without antialiasing, aligned at the corners of the outer pixels, on every forward pass, so that the
        learned grid gets its gradient from every resolution.
        """
        learned = self.vit.pos_embed
        own_rows, own_columns = self.vit.patch_embed.grid_size
        if (rows, columns) == (own_rows, own_columns):
            return learned
        grid = learned[:, 1:].unflatten(1, (own_rows, own_columns)).permute(0, 3, 1, 2)
        # `size` gives the values of the reference's scale_factor and cannot miss the wanted size by rounding
        grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
        return torch.cat([learned[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)

    def forward(self, images: Tensor, keep: Tensor | None = None, final_norm: bool | None = None) -> Tensor:
        """Class token (B, D) of images (B, C, H, W), as of :meth:`tokens`."""
        return self.tokens(images, keep, final_norm, cls_only=True)[:, 0]

    def tokens(
        self, images: Tensor, keep: Tensor | None = None, final_norm: bool | None = None, cls_only: bool = False
    ) -> Tensor:
        """Tokens (B, 1 + N, D), class token first, of images (B, C, H, W), H and W multiples of the patch size.

        keep: indices of the patches to keep, (N,) for the whole batch or (B, N) one row a sample; None keeps all.
        final_norm: whether the final LayerNorm is applied; None takes the encoder's own setting.
        """
        height, width = images.shape[-2:]
        if height % self.patch_size[0] or width % self.patch_size[1]:
            raise InputError(
                f"an image of {height} x {width} pixels is no multiple of the patch size {self.patch_size}"
            )
        positions = self.position_embedding(height // self.patch_size[0], width // self.patch_size[1])
        tokens = self.vit.patch_embed(images) + positions[:, 1:]
        if keep is not None and keep.ndim == 1:
            tokens = tokens[:, keep]
        elif keep is not None:
            tokens = tokens.gather(1, keep.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
        cls = (self.vit.cls_token + positions[:, :1]).to(tokens.dtype).expand(len(images), -1, -1)
        tokens = self.vit.norm_pre(self.vit.pos_drop(torch.cat([cls, tokens], dim=1)))
        for block in self.vit.blocks:
            tokens = block(tokens)
        normed = self.final_norm if final_norm is None else final_norm
        tokens = tokens[:, :1] if cls_only else tokens
        return self.vit.norm(tokens) if normed else tokens


class PooledEncoder(nn.Module):
    """Any other timm model: its pooled features (B, D). It has no patches to leave out."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.num_features = model.num_features
        self.patch_size = (1, 1)

    def forward(self, images: Tensor, keep: Tensor | None = None, final_norm: bool | None = None) -> Tensor:
        if keep is not None:
            raise InputError("training.mask_ratio: this encoder has no patches to mask; set it to 0 or take a ViT")
        return self.model(images)


@functools.cache
def takes_image_size(name: str) -> bool:
    """Whether the timm model `name` is built for one size of image: whether its class has an argument `img_size`."""
    if not timm.is_model(name):
        return False
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        family = type(timm.create_model(name, pretrained=False)).__mro__
    return any("img_size" in inspect.signature(kind.__init__).parameters for kind in family if kind is not object)


def encoder_arguments(recipe: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments of :func:`build_encoder` that a recipe stands for.

    The position grid of a network that has one belongs to the size of the large views. Raises InputError for an option
    that the training itself sets.
    """
    options = recipe["encoder_options"]
    for key in SET_ELSEWHERE.keys() & options.keys():
        raise InputError(f"training.encoder_options.{key}: is no option here; it is said by {SET_ELSEWHERE[key]}")
    size = {"img_size": recipe["rand_size"]} if takes_image_size(recipe["encoder"]) else {}
    return {"attention": recipe["attention"]} | size | options


def _refused(name: str, options: dict[str, Any], error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(f"training.encoder_options: {name} does not take {options}: {reason or type(error).__name__}")


def build_encoder(name: str, in_channels: int, **overrides: Any) -> nn.Module:
    """An untrained encoder around the timm model `name` with `in_channels` input channels.

    The name `channelwise` stands for :class:`cwamsn.training.channelwise.ChannelwiseEncoder`.

    overrides: `final_norm` (default True: apply the final LayerNorm), `attention` (`eager`, `fused` or `auto`, see
    :func:`set_attention`) and any argument of the timm model, such as `embed_dim`, `depth`, `num_heads`, `patch_size`,
    `img_size`. Weights are drawn as the MSN reference draws them, from torch's global generator.
    """
    if name == CHANNELWISE:
        options = {key: value for key, value in overrides.items() if key != "attention"}
        _refuse_unknown(options, set(inspect.signature(build_channelwise).parameters) - {"in_channels"})
        try:
            return build_channelwise(in_channels, **options)
        except _REFUSALS as error:
            raise _refused(name, options, error) from error
    final_norm, attention = overrides.pop("final_norm", True), overrides.pop("attention", "auto")
    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.4)
        raise InputError(f"training.encoder: timm has no model {name!r}; nearest: {', '.join(close) or 'none'}")
    try:
        model = timm.create_model(name, pretrained=False, in_chans=in_channels, num_classes=0, **overrides)
    except _REFUSALS as error:
        raise _refused(name, overrides, error) from error
    if not isinstance(model, VisionTransformer):
        return PooledEncoder(model)
    plain = model.cls_token is not None and model.num_prefix_tokens == 1 and not model.no_embed_class
    if not plain or model.pos_embed is None or type(model.patch_embed) is not PatchEmbed:
        raise InputError(
            f"training.encoder: {name} is not a plain ViT with one class token; take one such as vit_small_patch16_224"
        )
    if model.global_pool not in ("token", ""):
        raise InputError(
            f"training.encoder_options.global_pool: {model.global_pool} is not computed here, a ViT gives its class "
            "token; leave it out"
        )
    # images of any size, as one row of tokens whatever the model's own forward pass wants
    model.patch_embed.strict_img_size, model.patch_embed.flatten = False, True
    if not final_norm:
        model.norm.requires_grad_(False)  # gets no gradient, which DistributedDataParallel would wait for
    reference_init(model)
    set_attention(model, attention)
    return ViTEncoder(model, final_norm)


def _refuse_unknown(options: Iterable[str], known: set[str]) -> None:
    for key in options:
        if key not in known:
            close = difflib.get_close_matches(str(key), sorted(known), n=3, cutoff=0.5)
            hint = f"nearest: {', '.join(close)}" if close else f"known: {', '.join(sorted(known))}"
            raise InputError(f"training.encoder_options.{key}: is no option of {CHANNELWISE}; {hint}")


def set_attention(model: nn.Module, choice: str) -> None:
    """Choose how attention is computed: `fused` (one kernel), `eager` (matmul, softmax, matmul).

    `auto` is `eager` until the device is known: who moves the model there sets what
    :func:`cwamsn.precision.resolve_attention` gives.
    """
    fused = choice == "fused"
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = fused


@torch.no_grad()
def reference_init(model: nn.Module) -> None:
    """Initialise as the MSN reference does.

    Linear weights, position embedding and class token from a normal of standard deviation .02 (truncated at ±2, so in
    effect not at all), the patch convolution Kaiming-normal, biases 0, norms 1 and 0.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for name in ("pos_embed", "cls_token"):
        if isinstance(getattr(model, name, None), nn.Parameter):
            nn.init.trunc_normal_(getattr(model, name), std=0.02)


class ProjectionHead(nn.Module):
    """Linear, BatchNorm, GELU, twice, and a last Linear: (B, in_features) to (B, out_features)."""

    def __init__(self, in_features: int, hidden: int = 2048, out_features: int = 256):
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(in_features, hidden), GlobalBatchNorm1d(hidden)
        self.fc2, self.bn2 = nn.Linear(hidden, hidden), GlobalBatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, out_features)
        reference_init(self)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.bn1(self.fc1(x)))
        x = F.gelu(self.bn2(self.fc2(x)))
        return self.fc3(x)


class Prototypes(nn.Module):
    """(count, dimension) trainable directions, stored unnormalised, uniform in ±1/sqrt(dimension)."""

    def __init__(self, count: int, dimension: int):
        super().__init__()
        bound = 1 / math.sqrt(dimension)
        self.weight = nn.Parameter(torch.empty(count, dimension).uniform_(-bound, bound))
