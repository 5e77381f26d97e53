"""The folder of profiles: whose it is, and that one process at a time works in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cwamsn.errors import InputError
from cwamsn.files import alone, read_json, write_json

MARK, LOCK = "cwamsn.json", ".lock"
ABOUT, WELLS, PERTURBATIONS, ANNDATA = "about.json", "wells.parquet", "perturbations.parquet", "profiles.h5ad"


@contextmanager
def working_in(folder: Path, identity: Mapping[str, str]) -> Iterator[None]:
    """Take `folder` for the profiles that `identity` names (screen, encoder), alone, until the end of the block.

    Raises
    ------
    InputError
        The folder holds something else, profiles of another screen or encoder, or another process works in it.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; give a folder for the profiles")
    mark = folder / MARK
    if mark.exists():
        known = read_json(mark)
        for key, value in identity.items():
            if known.get(key) != value:
                raise InputError(
                    f"{folder}: holds profiles of {key} {_short(known.get(key))}, these would be of {_short(value)}; "
                    "give another --out, or remove the folder"
                )
    elif folder.exists() and (found := sorted(p.name for p in folder.iterdir() if p.name != LOCK)):
        raise InputError(
            f"{folder}: holds {', '.join(found[:3])}{', ...' * (len(found) > 3)}, which cwamsn embed did not write; "
            "give a new folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / LOCK):
        if not mark.exists():
            write_json(dict(identity), mark)
        yield


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 else text
