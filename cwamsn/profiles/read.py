"""Profiles from files: those of :mod:`cwamsn.profiles.write`, and others that follow the same convention."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.feather as feather
import pyarrow.parquet as pq

from cwamsn.embeddings.files.tabular import open_folder
from cwamsn.errors import InputError
from cwamsn.files import refuse_lfs_pointer
from cwamsn.paths import ProfilePaths
from cwamsn.profiles.about import plain
from cwamsn.profiles.metadata import TEXT, named, typed
from cwamsn.profiles.table import PREFIX, Level, Profiles
from cwamsn.profiles.write import ABOUT

_ZEROS = r"[-+]?0\d.*"  # a number is not written so
SUFFIXES = {".parquet": "Parquet", ".pq": "Parquet", ".csv": "CSV", ".tsv": "CSV", ".feather": "Feather"}
SUFFIXES |= {".arrow": "Feather", ".h5ad": "AnnData", ".zarr": "Zarr"}


def read_profiles(path: str | Path) -> Profiles:
    """Read profiles of wells or of perturbations.

    Parameters
    ----------
    path : Parquet (or a folder of such files), CSV (or .csv.gz, .tsv) or Feather, whose columns begin with `Metadata_`
        or are features; AnnData (.h5ad or .zarr) with `Metadata_` columns in `.obs`; a folder that `cwamsn embed` or a
        run has written, of which the AnnData file is read. By this package, pycytominer or another tool

    Returns
    -------
    Profiles. A table of another tool says nothing of where it comes from: `about` is then empty.

    Raises
    ------
    InputError
        No such file, no file of these formats, neither `Metadata_Plate` and `Metadata_Well` nor
        `Metadata_Perturbation`, a value that is NaN or not a number.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; give a table of profiles ({', '.join(SUFFIXES)})")
    refuse_lfs_pointer(path)
    if path.is_dir() and (inside := ProfilePaths(path).anndata).is_file():
        return read_profiles(inside)
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    kind = SUFFIXES.get(suffix.lower()) or ("Parquet" if path.is_dir() else None)
    if kind is None:
        raise InputError(f"{path}: not known as profiles by its suffix; known: {', '.join(SUFFIXES)}, .csv.gz")
    try:
        return _READERS[kind](path)
    except InputError as error:
        raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: not readable as {kind} ({reason}); is it whole?") from error


def _parquet(path: Path) -> Profiles:
    if path.is_dir():
        dataset = open_folder(path)
        said = {
            f.path: json.loads((f.physical_schema.metadata or {}).get(ABOUT, b"{}")) for f in dataset.get_fragments()
        }
        return _of_table(path, dataset.to_table().to_pandas(), _common(said))
    table = pq.read_table(path)
    about = json.loads((table.schema.metadata or {}).get(ABOUT, b"{}"))
    return _of_table(path, table.to_pandas(), about)


def _common(said: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """What all files of a folder say. InputError where their vectors are not of one kind: they cannot be compared."""
    (first, one), *others = said.items()
    for path, other in others:
        for what, kind in _KINDS.items():
            if kind(one) != kind(other):
                raise InputError(
                    f"{Path(path).name}: says of its {what} {kind(other)}, {Path(first).name} {kind(one)}; their "
                    "profiles cannot be compared, give files of one kind"
                )
    return {key: value for key, value in one.items() if all(other.get(key) == value for _, other in others)}


def _encoder(about: Mapping[str, object]) -> object:
    found = about.get("encoder")
    return [found.get(key) for key in ("sha256", "network", "feature")] if isinstance(found, Mapping) else found


# What profiles of one table have in common.
_KINDS: dict[str, Callable[[Mapping[str, object]], object]] = {
    "level": lambda about: about.get("level"),
    "vectors": lambda about: about.get("vectors"),
    "encoder": _encoder,
}


def _feather(path: Path) -> Profiles:
    return _of_table(path, feather.read_table(path).to_pandas(), {})


def _csv(path: Path) -> Profiles:
    separator = "\t" if ".tsv" in path.name.lower() else ","
    with path.open("rb") as file:  # pycytominer writes x.csv.gz uncompressed unless it is told otherwise
        compression = "gzip" if file.read(2) == b"\x1f\x8b" else None
    header = pd.read_csv(path, sep=separator, compression=compression, nrows=0).columns
    texts = dict.fromkeys([name for name in header if str(name).startswith(PREFIX)], str)
    as_written = {"keep_default_na": False, "na_values": [""], "low_memory": False}  # NA is a name too
    frame = pd.read_csv(path, sep=separator, compression=compression, dtype=texts, **as_written)
    unknown = [name for name in texts if name not in TEXT]
    return _of_table(path, frame.assign(**{name: _as_numbers(frame[name]) for name in unknown}), {})


def _as_numbers(column: pd.Series) -> pd.Series:
    """Texts as what they are: numbers, true and false, or texts. A lot 007 makes its column one of texts."""
    given = column.dropna()
    if len(given) == len(column) and given.isin(["True", "False"]).all():
        return column == "True"
    if given.str.fullmatch(_ZEROS).any():
        return column
    try:
        numbers = column.astype(object).map(float)  # exactly what is written, unlike pandas' own
        whole = len(given) == len(column) and given.str.fullmatch(r"[-+]?\d{1,18}").all()
        return column.astype("int64") if whole else numbers
    except ValueError:
        return column


def _of_table(path: Path, frame: pd.DataFrame, about: Mapping[str, object]) -> Profiles:
    metadata = [name for name in frame if str(name).startswith(PREFIX)]
    names = [name for name in frame if name not in metadata]
    text = [name for name in names if frame[name].dtype.kind not in "iuf"]
    if text:
        raise InputError(
            f"{path}: column {str(text[0])!r} is no number and not {PREFIX}...; rename it {PREFIX}{text[0]}"
        )
    level = _level(path, metadata, about)
    obs = named(typed(frame[metadata]), level)
    return Profiles(obs, frame[names].to_numpy(np.float32), names, about=about, level=level)


def _anndata(path: Path) -> Profiles:
    import anndata  # takes two seconds, and only this format needs it

    data = anndata.read_zarr(path) if path.is_dir() else anndata.read_h5ad(path)
    about = plain(_python(data.uns))
    assert isinstance(about, dict)
    order = about.pop("alignments", [])
    metadata = [name for name in data.obs if str(name).startswith(PREFIX)]
    obs = data.obs[metadata].astype({n: object for n in metadata if data.obs[n].dtype.kind not in "iufb"})
    # pycytominer writes every column of numbers to X
    moved = data.var_names.str.startswith(PREFIX)
    values, names = _dense(data.X), list(data.var_names[~moved])
    for place in np.flatnonzero(moved):
        obs[data.var_names[place]] = values[:, place]
    metadata = list(obs)
    known = [*order, *sorted(set(data.obsm) - set(order))]
    level = _level(path, metadata, about)
    return Profiles(
        named(typed(obs), level),
        values[:, ~moved],
        names,
        {name: _dense(data.obsm[name]) for name in known},
        about,
        level,
    )


def _dense(values: object) -> np.ndarray:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values)


def _python(value: object) -> object:
    """What AnnData has made an array is a list again, or a number."""
    if isinstance(value, Mapping):
        return {key: _python(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def _level(path: Path, metadata: list[str], about: Mapping[str, object]) -> Level:
    if about.get("level") == "perturbation":
        return "perturbation"
    if {"Metadata_Plate", "Metadata_Well"} <= set(metadata):
        return "well"
    if "Metadata_Perturbation" in metadata:
        return "perturbation"
    raise InputError(
        f"{path}: has neither Metadata_Plate with Metadata_Well nor Metadata_Perturbation "
        f"(it has {', '.join(metadata[:8]) or 'no such column'}); rename its columns"
    )


_READERS = {"Parquet": _parquet, "CSV": _csv, "Feather": _feather, "AnnData": _anndata, "Zarr": _anndata}
