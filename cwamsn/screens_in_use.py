"""Which runs use a screen's folder, and with what settings: `<data>/<screen>/made_by.json`.

Runs share a screen's images and crops by its name. Two runs that mean different things by one name would overwrite each
other's crops and retrain forever, so the second is refused.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cwamsn.config import crops_of_screen
from cwamsn.errors import InputError
from cwamsn.files import read_json, write_json

RECORD = "made_by.json"
# Keys of a screen that say how to get it, not what it holds.
MANNER = ("retry", "watch_images", "cell_counts")


def settings(config: Mapping[str, Any], screen: str) -> dict[str, object]:
    """What of the resolved configuration decides the content of a screen's folder, by dotted key."""
    spec = {key: value for key, value in config["screens"][screen].items() if key not in (*MANNER, "crops")}
    # plates only judges; cells that are not counted change nothing, and older records do not have the key
    section = crops_of_screen(config, screen)
    crops = {k: v for k, v in section.items() if k != "plates" and (k != "cells" or v["count"])}
    chosen = {f"screens.{screen}": spec, "crops": crops}
    if name := spec.get("channel_map"):
        chosen[f"channel_maps.{name}"] = config["channel_maps"].get(name)
    return dict(_flat("", chosen))


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield prefix, value
        return
    for key, part in value.items():
        yield from _flat(f"{prefix}.{key}" if prefix else str(key), part)


def others(folder: str | Path, run: str) -> list[str]:
    """Other runs that use the screen in `folder` and whose results are still there."""
    path = Path(folder) / RECORD
    runs = read_json(path)["runs"] if path.exists() else {}
    return sorted(name for name, results in runs.items() if name != run and Path(results).exists())


def check(folder: str | Path, screen: str, run: str, wanted: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` if another run made the screen in `folder` with other settings than `wanted`."""
    used_by = others(folder, run)
    if not used_by:
        return
    found = read_json(Path(folder) / RECORD)["settings"]
    for key in sorted(found.keys() | wanted.keys()):
        if found.get(key) != wanted.get(key):
            raise InputError(
                f"screens.{screen}: run {used_by[0]!r} made {folder} with {key}: {_text(found.get(key))}, this run "
                f"has {_text(wanted.get(key))} and would overwrite it; give the screen another name or the run "
                "another paths.data"
            )


def _text(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def claim(folder: str | Path, run: str, results: str | Path, wanted: Mapping[str, Any]) -> None:
    """Record that `run`, whose results lie in `results`, uses the screen in `folder` with these settings."""
    path = Path(folder) / RECORD
    runs = read_json(path)["runs"] if path.exists() else {}
    record = {"settings": wanted, "runs": runs | {run: str(Path(results).resolve())}}
    if not path.exists() or read_json(path) != record:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(record, path)
