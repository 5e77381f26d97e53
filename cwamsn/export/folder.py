"""The files of an exported encoder: weights under timm's own names, what they are, and how images are prepared."""

import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

import cwamsn
from cwamsn.crops import CropOptions
from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.encoder import load_encoder
from cwamsn.encoder_files import (
    CONFIG,
    CONFIG_DIGEST,
    ENCODER,
    TRAINING,
    WEIGHTS,
    check_weights,
    config_digest,
    encoder_files,
    read_description,
)
from cwamsn.errors import InputError
from cwamsn.export.card import Publication, model_card
from cwamsn.exposure import SEEN
from cwamsn.files import atomic_directory, atomic_path, sha256, write_json
from cwamsn.models import (
    BACKBONE,
    ChannelAgnosticEncoder,
    FilterBank,
    PooledEncoder,
    ViTEncoder,
    encoder_arguments,
    exported_state,
)
from cwamsn.training import Recipe

FEATURES = {
    "cls_last_block": "class token after the last block, without the final LayerNorm",
    "cls_norm": "class token after the final LayerNorm",
}
POOLED = "pooled features of the network"
STATISTICS = "mean and spread of the responses of its filters, level by level"


def export_encoder(
    folder: str | Path,
    to: str | Path,
    *,
    crops: CropOptions | None = None,
    embedding: EmbedOptions | None = None,
    publication: Publication | None = None,
) -> Path:
    """Write an encoder as a folder that others load without this package.

    It holds `model.safetensors` (the network, a timm model under timm's names), `config.json` (architecture, channels,
    feature, how it was trained), `preprocessing.json`, `README.md` (the model card) and `load_encoder.py`. It is a
    valid `path` of a method of kind `encoder`, with the same embeddings.

    Parameters
    ----------
    folder : of the training
    to : folder to write; it must not exist or be empty
    crops : how the images of the training became 8-bit, section `crops`; None: its defaults
    embedding : section `embedding`: which of the two encoders, which feature, and the view that is described
    publication : what the model card says besides: title, terms, scores

    Raises
    ------
    InputError
        The folder holds no encoder, one around a frozen published network, or is exported already; the feature is that
        of the projection head; `to` holds files.
    """
    crops, embedding, to = crops or CropOptions(), embedding or EmbedOptions(), Path(to)
    files = encoder_files(folder)
    if files.exported:
        raise InputError(f"{folder}: is exported already; copy the folder, or export that of the training")
    digest = check_weights(files)
    if embedding.feature not in FEATURES:
        raise InputError(
            f"embedding.feature: {embedding.feature} is computed by the projection head, which an export does not "
            f"hold; export one of {', '.join(FEATURES)}"
        )
    if to.exists() and (to.is_file() or any(to.iterdir())):
        raise InputError(f"{to}: exists and is not empty; give a new folder, or remove it")
    publication, description = publication or Publication(), dict(read_description(files.description))
    if not publication.perturbations:
        description.pop(SEEN, None)
    module = load_encoder(folder, embedding.encoder, embedding.feature).encoder
    state = _state(module.encoder, folder)
    if to.exists():
        to.rmdir()
    with atomic_directory(to) as temporary:
        with atomic_path(temporary / WEIGHTS) as weights:
            save_file(state, weights, metadata={"format": "pt"})
        config = _config(module.encoder, description, embedding) | {
            "weights_sha256": sha256(temporary / WEIGHTS),
            TRAINING: description | {"weights_sha256": digest},
        }
        write_json(config | {CONFIG_DIGEST: config_digest(config)}, temporary / CONFIG)
        preparation = preprocessing(description, crops, embedding)
        write_json(preparation, temporary / "preprocessing.json")
        card = model_card(config, preparation, publication)
        (temporary / "README.md").write_text(card)
        shutil.copyfile(Path(__file__).with_name(_loader(module.encoder)), temporary / "load_encoder.py")
    return to


def _loader(encoder: object) -> str:
    """The file that loads the folder of such an encoder."""
    if isinstance(encoder, FilterBank):
        return "load_filter_bank_encoder.py"
    return "load_channels_encoder.py" if isinstance(encoder, ChannelAgnosticEncoder) else "load_encoder.py"


def _state(encoder: object, folder: str | Path) -> dict[str, Tensor]:
    """The weights under the names of :func:`cwamsn.models.exported_state`, as a file takes them."""
    if isinstance(encoder, ChannelAgnosticEncoder | ViTEncoder | PooledEncoder | FilterBank):
        return {name: tensor.detach().cpu().contiguous() for name, tensor in exported_state(encoder).items()}
    raise InputError(
        f"{folder}: its encoder cannot be exported: it holds a frozen network whose weights are published elsewhere, "
        "on terms of their own; pass the folder of the training on, kind: encoder takes it"
    )


def _config(encoder: Any, description: Mapping[str, Any], embedding: EmbedOptions) -> dict[str, object]:
    """What the weights are. The keys up to `pretrained_cfg` are those that timm itself reads."""
    recipe = Recipe.from_config(description["recipe"])
    size, channels = description["input_size"], description["channels"]
    arguments = encoder_arguments(recipe.network.encoder, recipe.network.encoder_options, size)
    if isinstance(encoder, FilterBank):
        arguments = dict(encoder.options)
    agnostic = isinstance(encoder, ChannelAgnosticEncoder)
    class_token = agnostic or isinstance(encoder, ViTEncoder)
    # a network of one channel has no numbers of several
    unit = {} if agnostic else {key: [value / 255 for value in description[key]] for key in ("mean", "std")}
    named = {ENCODER: recipe.network.encoder} if agnostic else {}
    pooled = STATISTICS if isinstance(encoder, FilterBank) else POOLED
    architecture = str(arguments.pop("backbone", BACKBONE)) if agnostic else recipe.network.encoder
    return named | {
        "architecture": architecture,
        "num_classes": 0,
        "num_features": encoder.num_features,
        "model_args": {key: value for key, value in arguments.items() if key != "final_norm"},
        "pretrained_cfg": {
            "input_size": [1 if agnostic else len(channels), size, size],
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "num_classes": 0,
            **unit,
        },
        "class_token": class_token,
        "feature": embedding.feature,
        "features": FEATURES if class_token else dict.fromkeys(FEATURES, pooled),
        "network": "anchor" if "target" not in description["networks"] else embedding.encoder,
        "channels": channels,
        "input_size": size,
        "written_by": {"cwamsn": cwamsn.__version__, "timm": version("timm"), "torch": version("torch")},
    }


def preprocessing(description: Mapping[str, Any], crops: CropOptions, embedding: EmbedOptions) -> dict[str, object]:
    """How images become what the encoder takes, in words and numbers.

    Parameters
    ----------
    description : content of the `encoder.json`
    crops, embedding : how images of the training became 8-bit, and which view of an image is embedded
    """
    size = embedding.view_size or description["input_size"]
    views = {
        "resize": {"side": size},
        "resize_center": {"side": size},
        "tiles": {"tile_size": embedding.tile_size, "side": size},
        "center": {"side": size},
        "random_crops": {"side": size, "crops": embedding.n_crops, "seed": embedding.seed},
    }
    return {
        "channels": description["channels"],
        "to_8_bit": {
            "rule": "per plane: n = max(1, round(H * W * saturated_share)), T the n-th largest value after black_level "
            "is subtracted (not below 0); v becomes trunc(min(v * 256 / T, 255)) in double precision. Planes that are "
            "8-bit already are taken as they are unless convert_uint8",
            "saturated_share": crops.saturated_share,
            "black_level": crops.black_level,
            "convert_uint8": crops.convert_uint8,
        },
        "normalisation": {
            "rule": "(v - mean) / std per channel, v and both numbers in 0-255 units. Use mean and std of the screen "
            "that is embedded, over all of its images: stains and exposures differ from screen to screen. Those below "
            "are of the training screen",
            "mean": description["mean"],
            "std": description["std"],
        },
        "view": {
            "rule": "resize: the whole image; resize_center: its centre square of 7/8 of the shorter side; tiles: "
            "tiles that cover it, each resized, features averaged; center: one crop; random_crops: several, averaged. "
            "The images of a well are averaged",
            "name": embedding.view,
            **views[embedding.view],
            "interpolation": "bilinear, align_corners=False",
            "antialias": embedding.antialias,
        },
    }
