"""Files of MorphoHELM's repository: whole, of the published digest, and not the Git LFS pointer in their place."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn.errors import FetchError, InputError
from cwamsn.files import is_lfs_pointer
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.morphohelm import MorphoHelmSpec
from cwamsn.screens.hosts import Fetched, fetch, usable


def fetch_file(spec: MorphoHelmSpec, path: str, cache: Path) -> Fetched:
    """A file of the repository by its digest.

    Raises
    ------
    InputError
        A Git LFS pointer is in its place.
    FetchError
        It cannot be fetched whole, or is another file than was published.
    """
    remote = spec.remote(path)
    local = local_path(remote.url)
    if local is not None and is_lfs_pointer(local):
        raise InputError(f"{local}: is a Git LFS pointer, not the table; run `git lfs pull` in the repository")
    try:
        return fetch(remote, cache, spec.retry)
    except FetchError as error:
        if "not accepted" not in str(error):
            raise
        raise FetchError(
            f"{error}; the host may have another version of it, or send its Git LFS pointer: base_url must be one "
            "that sends large files (media.githubusercontent.com/media/...), or give `files` of the other version"
        ) from None


def read_columns(
    fetched: Fetched, columns: Sequence[str], optional: Sequence[str] = (), above: tuple[str, float] | None = None
) -> pd.DataFrame:
    """Columns of a Parquet table as text, empty where null; those of `optional` that it has not are left out.

    above : column and value: only rows in which it is greater are read

    Raises InputError for an unreadable file and a missing column.
    """
    with usable(fetched):
        try:
            names = pq.read_schema(fetched.path).names
            asked = [*columns, *([above[0]] if above else [])]
            missing = next((name for name in asked if name not in names), None)
            if missing is not None:
                raise InputError(f"{fetched.url}: has no column {missing}; it has {', '.join(names[:8])} ...")
            wanted = [*columns, *(name for name in optional if name in names)]
            rows = [(above[0], ">", above[1])] if above else None
            frame = pq.read_table(fetched.path, columns=wanted, filters=rows).to_pandas()
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{fetched.url}: cannot be read as the published Parquet file ({str(error).splitlines()[0]})"
            ) from None
    return pd.DataFrame({name: _text(frame[name]) for name in wanted})


def _text(column: pd.Series) -> pd.Series:
    """As text; whole numbers that were read as floats because some are missing lose their point."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype(object).where(column.notna(), "").astype(str)
