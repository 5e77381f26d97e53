"""An encoder by its name and options: a timm model from scratch, or one that looks at each channel alone."""

import difflib
import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import timm
import torch
from timm.layers import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from cwamsn.errors import InputError
from cwamsn.models.channelwise import ChannelwiseEncoder, CrossChannelFormer
from cwamsn.models.pretrained import build_pretrained, load_pretrained
from cwamsn.models.vit import PooledEncoder, ViTEncoder, reference_init, set_attention

CHANNELWISE = "channelwise"  # the encoder's name where else a timm model is named
# networks that can look at one channel, and the colours that they want of it
FROZEN = {"efficientnet-lite0": 3, "vit-small-imagenet": 3, "dinov2-giant": 3, "openphenom": 1}

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


@functools.cache
def takes_image_size(name: str) -> bool:
    """Whether the timm model `name` is built for one size of image: whether its class has an argument `img_size`."""
    if not timm.is_model(name):
        return False
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        family = type(timm.create_model(name, pretrained=False)).__mro__
    return any("img_size" in inspect.signature(kind.__init__).parameters for kind in family if kind is not object)


def encoder_arguments(name: str, options: Mapping[str, object], image_size: int) -> dict[str, Any]:
    """Keyword arguments of :func:`build_encoder` for the encoder `name` with these `encoder_options`.

    image_size : side of the large views, pixels. The position grid of a network that has one is made for it.

    Raises
    ------
    InputError
        An option is one that the training itself sets.
    """
    for key in SET_ELSEWHERE.keys() & options.keys():
        raise InputError(f"training.encoder_options.{key}: is no option here; it is said by {SET_ELSEWHERE[key]}")
    return ({"img_size": image_size} if takes_image_size(name) else {}) | dict(options)


def _refused(name: str, options: dict[str, Any], error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(f"training.encoder_options: {name} does not take {options}: {reason or type(error).__name__}")


def build_encoder(name: str, in_channels: int, **overrides: Any) -> nn.Module:
    """An untrained encoder around the timm model `name` with `in_channels` input channels.

    The name `channelwise` stands for :class:`cwamsn.models.channelwise.ChannelwiseEncoder`.

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


def build_channelwise(
    in_channels: int,
    frozen: str = "efficientnet-lite0",
    frozen_path: str | None = None,
    width: int | None = None,
    out_features: int = 512,
    depth: int = 12,
    heads: int = 8,
    accept_noncommercial: bool = False,
) -> ChannelwiseEncoder:
    """A :class:`ChannelwiseEncoder` around public weights, which :func:`load_frozen` loads.

    frozen: name of the weights; frozen_path: a local copy of their file. width: what the channels' features are
    narrowed to, None for no narrowing. accept_noncommercial: what the run's `accept_noncommercial_licence` says. The
    frozen network normalises each channel of each image itself.
    """
    if frozen not in FROZEN:
        raise InputError(f"training.encoder_options.frozen: {frozen!r} is not one of {', '.join(FROZEN)}")
    network = build_pretrained(frozen, FROZEN[frozen])
    network.normalise = "image"
    narrow = None if width is None else nn.Linear(network.num_features, width)
    former = CrossChannelFormer(width or network.num_features, in_channels, out_features, depth, heads)
    encoder = ChannelwiseEncoder(network, former, narrow)
    encoder.source = (frozen, frozen_path, accept_noncommercial)
    return encoder


def load_frozen(encoder: nn.Module) -> None:
    """Load the public weights of the frozen network of a :class:`ChannelwiseEncoder`; other encoders hold none.

    Raises InputError as :func:`cwamsn.models.pretrained.load_pretrained` does.
    """
    if not isinstance(encoder, ChannelwiseEncoder) or encoder.source is None:
        return
    name, path, accepted = encoder.source
    key = "training.encoder_options.frozen_path"
    weights, _ = load_pretrained(name, encoder.frozen.colours, path=path, key=key, accept_noncommercial=accepted)
    encoder.frozen.load_state_dict(weights.state_dict())
