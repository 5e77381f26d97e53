"""Where profiles come from, as plain values that every file format holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cwamsn
from cwamsn.encoder_files import encoder_files, read_description, trained_on
from cwamsn.errors import InputError
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
    code = code_version(Path(cwamsn.__file__).parent.parent)
    return {"cwamsn": cwamsn.__version__, "commit": code["commit"]}


def about_screen(name: str, source: str = "", **more: object) -> About:
    """`about` of a screen: its name, its source, and whether the simulator drew it."""
    return {"name": name, "source": source or None, "simulated": source.startswith("simulated-"), **more}


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
