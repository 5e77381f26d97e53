"""An encoder by its name and options: a timm model from scratch, or one for channels of its own kind."""

import difflib
import functools
import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import timm
import torch
from timm.layers import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from cwamsn.errors import InputError, nearest
from cwamsn.models.agnostic import BagOfChannels, ChannelAgnosticEncoder, ChannelTokens
from cwamsn.models.base import Encoder
from cwamsn.models.channelwise import ChannelwiseEncoder, ChannelwiseOptions, CrossChannelFormer
from cwamsn.models.filter_bank import FILTER_BANK, FilterBank
from cwamsn.models.pretrained import build_pretrained, load_pretrained
from cwamsn.models.vit import PooledEncoder, ViTEncoder, reference_init, set_attention

CHANNELWISE = "channelwise"  # the encoder's name in place of a timm model's
# encoders for any number of channels, by the same key, and the timm model that looks at one channel
AGNOSTIC: dict[str, type[ChannelAgnosticEncoder]] = {"bag-of-channels": BagOfChannels, "channel-tokens": ChannelTokens}
BACKBONE = "vit_small_patch16_224"
# networks that can look at one channel, and how many colours each takes
FROZEN = {"efficientnet-lite0": 3, "vit-small-imagenet": 3, "dinov2-giant": 3, "openphenom": 1}

# arguments of the networks that the training itself sets, and the key that sets them
SET_ELSEWHERE = {
    "attention": "training.attention",
    "in_channels": "the images",
    "in_chans": "the images",
    "num_classes": "the objective",
    "name": "training.encoder",
    "pretrained": "nothing: training starts from scratch; a method of kind pretrained takes published weights",
    "pretrained_cfg": "nothing: training starts from scratch",
    "checkpoint_path": "nothing: training starts from scratch",
    "features_only": "nothing: the encoder gives one vector per image",
    "patch_drop_rate": "training.mask_ratio",
}
# what networks raise for arguments that they do not know or that do not fit together
_REFUSALS = (TypeError, AssertionError, ValueError, RuntimeError, KeyError, ZeroDivisionError)


@functools.cache
def takes_image_size(name: str) -> bool:
    """Whether the timm model `name` is built for one size of image: whether its class has an argument `img_size`."""
    if not timm.is_model(name):
        return False
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        family = type(timm.create_model(name, pretrained=False)).__mro__
    return any("img_size" in inspect.signature(kind.__init__).parameters for kind in family if kind is not object)  # type: ignore[misc]


def encoder_arguments(name: str, options: Mapping[str, object], image_size: int) -> dict[str, Any]:
    """Keyword arguments of :func:`build_encoder` for the encoder `name` with these `encoder_options`.

    image_size : side of the large views, pixels. Networks with a position grid get one of this size.

    Raises
    ------
    InputError
        An option is one that the training itself sets.
    """
    for key in SET_ELSEWHERE.keys() & options.keys():
        raise InputError(f"training.encoder_options.{key}: is no option here; it is set by {SET_ELSEWHERE[key]}")
    timm_model = str(options.get("backbone", BACKBONE)) if name in AGNOSTIC else name
    return ({"img_size": image_size} if takes_image_size(timm_model) else {}) | dict(options)


def _refused(name: str, options: Mapping[str, object], error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(f"training.encoder_options: {name} does not take {options}: {reason or type(error).__name__}")


def build_encoder(name: str, in_channels: int, **overrides: Any) -> Encoder:
    """An untrained encoder around the timm model `name` with `in_channels` input channels.

    The name `channelwise` means :class:`cwamsn.models.channelwise.ChannelwiseEncoder`, `filter-bank`
    :class:`cwamsn.models.filter_bank.FilterBank`, the names of :data:`AGNOSTIC` those of :mod:`cwamsn.models.agnostic`
    around the timm model that the option `backbone` names.

    Weights are drawn as the MSN reference draws them (a filter bank's as torch draws those of convolutions), from
    torch's global generator.

    Parameters
    ----------
    name : of the timm model.
    in_channels : channels of the images.
    **overrides : `final_norm` (default True: apply the final LayerNorm), `attention` (`eager`, `fused` or `auto`, see
        :func:`set_attention`) and any argument of the timm model, such as `embed_dim`, `depth`, `num_heads`,
        `patch_size`, `img_size`.

    Raises
    ------
    InputError
        There is no such model, it does not take the options, or it is a ViT without a class token of its own.
    """
    if name == CHANNELWISE:
        options = {key: value for key, value in overrides.items() if key != "attention"}
        chosen = channelwise_options(options)
        try:
            return build_channelwise(in_channels, chosen)
        except _REFUSALS as error:
            raise _refused(name, options, error) from error
    if name == FILTER_BANK:
        options = {key: value for key, value in overrides.items() if key != "attention"}
        try:
            return FilterBank(in_channels, **options)
        except _REFUSALS as error:
            raise _refused(name, options, error) from error
    if name in AGNOSTIC:
        backbone = str(overrides.pop("backbone", BACKBONE))
        single = _build_timm(backbone, 1, overrides, "training.encoder_options.backbone")
        if not isinstance(single, ViTEncoder):
            raise InputError(
                f"training.encoder_options.backbone: {backbone} is no vision transformer, which {name} needs; take one "
                f"such as {BACKBONE}"
            )
        return AGNOSTIC[name](single, in_channels)
    return _build_timm(name, in_channels, overrides, "training.encoder")


def _build_timm(name: str, in_channels: int, options: Mapping[str, Any], key: str) -> ViTEncoder | PooledEncoder:
    """As :func:`build_encoder`, of a timm model; `key` is the configuration's key of `name`, for messages."""
    overrides = dict(options)
    final_norm, attention = overrides.pop("final_norm", True), overrides.pop("attention", "auto")
    if not timm.is_model(name):
        own = [] if key.endswith("backbone") else [CHANNELWISE, FILTER_BANK, *AGNOSTIC]
        close = difflib.get_close_matches(name, [*timm.list_models(), *own], n=3, cutoff=0.4)
        raise InputError(f"{key}: timm has no model {name!r}; nearest: {', '.join(close) or 'none'}")
    try:
        model: Any = timm.create_model(name, pretrained=False, in_chans=in_channels, num_classes=0, **overrides)
    except _REFUSALS as error:
        raise _refused(name, overrides, error) from error
    if not isinstance(model, VisionTransformer):
        return PooledEncoder(model, model.num_features)
    plain = model.cls_token is not None and model.num_prefix_tokens == 1 and not model.no_embed_class
    if not plain or model.pos_embed is None or type(model.patch_embed) is not PatchEmbed:
        raise InputError(
            f"{key}: {name} is not a plain ViT with one class token; take one such as vit_small_patch16_224"
        )
    if model.global_pool not in ("token", ""):
        raise InputError(
            f"training.encoder_options.global_pool: {model.global_pool} is not computed here, a ViT gives its class "
            "token; leave it out"
        )
    # images of any size, flattened to a sequence of tokens even if the model's own forward pass wants a grid
    model.patch_embed.strict_img_size, model.patch_embed.flatten = False, True
    if not final_norm:
        model.norm.requires_grad_(False)  # gets no gradient, which DistributedDataParallel would wait for
    reference_init(model)
    set_attention(model, attention)
    return ViTEncoder(model, final_norm)


def channelwise_options(options: Mapping[str, Any]) -> ChannelwiseOptions:
    """The options of the encoder `channelwise`. Raises InputError for an unknown one, with the nearest known ones."""
    known = [field.name for field in fields(ChannelwiseOptions)]
    for key in options:
        if key not in known:
            raise InputError(f"training.encoder_options.{key}: is no option of {CHANNELWISE}; {nearest(key, known)}")
    return ChannelwiseOptions(**options)


def build_channelwise(in_channels: int, options: ChannelwiseOptions) -> ChannelwiseEncoder:
    """A :class:`ChannelwiseEncoder` around public weights, which :func:`load_frozen` loads.

    The frozen network normalises each channel of each image itself.
    """
    if options.frozen not in FROZEN:
        raise InputError(f"training.encoder_options.frozen: {options.frozen!r} is not one of {', '.join(FROZEN)}")
    network = build_pretrained(options.frozen, FROZEN[options.frozen])
    network.normalise = "image"
    narrow = None if options.width is None else nn.Linear(network.num_features, options.width)
    width = options.width or network.num_features
    former = CrossChannelFormer(width, in_channels, options.out_features, options.depth, options.heads)
    return ChannelwiseEncoder(network, former, narrow, options)


def load_frozen(encoder: nn.Module) -> None:
    """Load the public weights of the frozen network of a :class:`ChannelwiseEncoder`; other encoders hold none.

    Raises InputError as :func:`cwamsn.models.pretrained.load_pretrained` does.
    """
    if not isinstance(encoder, ChannelwiseEncoder) or encoder.source is None:
        return
    weights, _ = load_pretrained(
        encoder.source.frozen,
        encoder.frozen.colours,
        path=encoder.source.frozen_path,
        key="training.encoder_options.frozen_path",
        accept_noncommercial=encoder.source.accept_noncommercial,
    )
    encoder.frozen.load_state_dict(weights.state_dict())
