"""Where profiles come from, as plain values that every file format holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import cwamsn
from cwamsn.encoder_files import encoder_files, read_description, trained_on
from cwamsn.errors import InputError
from cwamsn.files import sha256
from cwamsn.version import code_version

About = dict[str, object]


def plain(value: object, key: str = "about") -> object:
    """`value` as text, numbers, booleans, lists of them and mappings; what is None is left out of a mapping.

    Raises InputError, naming the key, for anything else: it would not come back as it was written.
    """
    if isinstance(value, Mapping):
        found = {str(k): plain(v, f"{key}.{k}") for k, v in value.items() if v is not None}
        return {k: found[k] for k in sorted(found)}
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sequence):
        items = [plain(item, key) for item in value]
        if all(isinstance(item, str) for item in items) or all(isinstance(i, int | float) for i in items):
            return items
    raise InputError(f"profiles: {key} holds {type(value).__name__}; text, numbers, lists and mappings are kept")


def versions() -> About:
    """Versions of this package: its own, and the commit of its code where it runs from a repository."""
    root = Path(cwamsn.__file__).parent.parent
    commit = code_version(root)["commit"] if (root / ".git").exists() else None  # not that of a repository around it
    return {"cwamsn": cwamsn.__version__, "commit": commit}


def about_screen(name: str, source: str = "", **more: object) -> About:
    """`about` of a screen: its name, its source, and whether the simulator drew it."""
    return {"name": name, "source": source or None, "simulated": source.startswith("simulated-"), **more}


# Of section `embedding`: what decides a vector.
_VIEW = ("view", "view_size", "tile_size", "n_crops", "seed", "antialias", "feature", "encoder")
# Of the counts beside embeddings: what was left out, and what computed the others.
_COUNTED = ("wells", "matched", "missing", "surplus", "repeated", "precision", "device", "channels")


def about_view(embedding: Mapping[str, object]) -> About:
    """`about` of how an image became a vector: what of the section `embedding` decides that."""
    return {key: embedding[key] for key in _VIEW if embedding.get(key) is not None}


def about_embedding(
    known: Mapping[str, object],
    counts: Mapping[str, object],
    wells: str | Path,
    description: str | Path | None = None,
    file: str | Path | None = None,
) -> About:
    """`about` of a run's embeddings.

    Parameters
    ----------
    known : what the configuration says, as :meth:`cwamsn.needs.Needs.about_profiles` gives it
    counts : content of the JSON file beside the embeddings
    wells : the screen's wells table, whose SHA-256 is kept
    description : of the encoder, where one was trained; its SHA-256 and features are kept
    file : that the vectors were read from; its SHA-256 is kept
    """
    about = dict(known)
    view = cast(Mapping[str, object], about.pop("view", {}))
    method = cast(Mapping[str, object], about.pop("method"))
    encoder: About = dict(method)
    if description:
        network, feature = str(view.get("encoder", "target")), str(view.get("feature", "cls_last_block"))
        encoder = about_encoder(Path(description).parent, network, feature) | encoder
    elif isinstance(found := counts.get("encoder"), Mapping):  # public weights
        encoder |= {key: value for key, value in found.items() if isinstance(value, str | int | float)}
    if file:
        encoder |= {"file": Path(file).name, "sha256": sha256(file)}
    about["encoder"] = encoder
    about["screen"] = {**cast(Mapping[str, object], about["screen"]), "wells_sha256": sha256(wells)}
    about["embedding"] = about_view(view) | {key: counts[key] for key in _COUNTED if key in counts}
    return about


def about_encoder(folder: str | Path, network: str = "target", feature: str = "cls_last_block") -> About:
    """`about` of an encoder: its name, the SHA-256 of its weights, and which of its features were taken.

    Parameters
    ----------
    folder : of a training or an export
    network, feature : as in section `embedding`
    """
    files = encoder_files(folder)
    description = read_description(files.description)
    screen = description.get("training_screen") or {}
    return {
        "name": Path(folder).resolve().parent.name if not files.exported else Path(folder).resolve().name,
        "sha256": description.get("weights_sha256"),
        "architecture": description["recipe"].get("encoder"),
        "channels": list(description["channels"]),
        "input_size": description.get("input_size"),
        "network": network,
        "feature": feature,
        "trained_on": trained_on(description),
        "trained_on_simulated": bool(screen.get("simulated")),
    }
