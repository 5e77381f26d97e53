"""Profiles as files: Parquet and CSV with `Metadata_` columns first, AnnData. Equal profiles give equal bytes."""

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.profiles.about import plain
from cwamsn.profiles.metadata import TEXT
from cwamsn.profiles.table import UNALIGNED, Profiles

if TYPE_CHECKING:
    from anndata import AnnData

ABOUT = b"cwamsn"  # key of a Parquet file's metadata that holds `about` as JSON
WRITTEN = "vectors"  # key of `about` in a file that holds one kind of vectors: which


def write_profiles(profiles: Profiles, path: str | Path, alignment: str | None = None) -> None:
    """Write profiles in the format of the suffix: .parquet, .csv, .csv.gz, .tsv; .h5ad, which holds every alignment."""
    check_suffix(path)
    name = Path(path).name.lower()
    if name.endswith(".h5ad"):
        write_anndata(profiles, path)
    elif name.endswith((".parquet", ".pq")):
        write_parquet(profiles, path, alignment)
    else:
        write_csv(profiles, path, alignment)


def check_suffix(path: str | Path) -> None:
    """Raise InputError for a name that says no format of profiles."""
    if not Path(path).name.lower().endswith((".h5ad", ".parquet", ".pq", ".csv", ".csv.gz", ".tsv", ".tsv.gz")):
        raise InputError(f"{path}: no format of profiles; end the name with .parquet, .csv, .csv.gz, .tsv or .h5ad")


def write_parquet(profiles: Profiles, path: str | Path, alignment: str | None = None) -> None:
    """Write `Metadata_` columns and one kind of vectors, so that every other column is a feature.

    Parameters
    ----------
    path : Parquet file; replaced
    alignment : whose vectors; None: the first alignment, or the features where there is none; `none`: the features.
        The file says which under `vectors`, with everything that :attr:`Profiles.about` says.
    """
    frame, about = flat(profiles, alignment)
    fields = [pa.field(name, _arrow_type(name, frame[name])) for name in frame]
    schema = pa.schema(fields, metadata={ABOUT: json.dumps(about, sort_keys=True).encode()})
    texts = [f.name for f in fields if f.type == pa.string()]
    with atomic_path(path) as temporary:
        table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
        pq.write_table(
            table.replace_schema_metadata(schema.metadata), temporary, compression="zstd", use_dictionary=texts
        )


def write_csv(profiles: Profiles, path: str | Path, alignment: str | None = None) -> None:
    """Write the columns of :func:`write_parquet` as text; tabs where the name ends in .tsv, gzip where in .gz."""
    frame, _ = flat(profiles, alignment)
    name = Path(path).name.lower()
    text = frame.to_csv(None, index=False, sep="\t" if ".tsv" in name else ",", lineterminator="\n").encode()
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)


def write_anndata(profiles: Profiles, path: str | Path) -> None:
    """Write AnnData: `.obs` the metadata, `.X` the features, `.obsm` each alignment, `.uns` what :attr:`about` says."""
    with atomic_path(path) as temporary:
        to_anndata(profiles).write_h5ad(temporary, compression="gzip")


def to_anndata(profiles: Profiles) -> "AnnData":
    """Profiles as an AnnData object; texts of `.obs` are categories, as scverse's tools expect them.

    Rows are named by their number: pycytominer opens no file whose rows have other names. Ids are in `Metadata_WellID`.
    """
    import anndata  # takes two seconds, and only this format needs it

    said = plain({**profiles.about, "alignments": list(profiles.aligned) or None})  # sorted: bytes follow the order
    obs = profiles.obs.set_index(pd.Index(map(str, range(len(profiles))), dtype=object))
    for name in obs:
        if obs[name].dtype == object:
            obs[name] = pd.Categorical(obs[name], categories=sorted({v for v in obs[name] if v is not None}))
    return anndata.AnnData(
        X=profiles.features,
        obs=obs,
        var=pd.DataFrame(index=pd.Index(profiles.names, dtype=object)),
        obsm=dict(profiles.aligned),
        uns=said,
    )


def flat(profiles: Profiles, alignment: str | None = None) -> tuple[pd.DataFrame, dict[str, object]]:
    """One table, `Metadata_` columns first, and `about` with what the others are."""
    chosen = profiles.alignment(alignment)
    values = profiles.vectors(chosen)
    names = profiles.names if chosen == UNALIGNED else [f"feature_{i}" for i in range(values.shape[1])]
    features = pd.DataFrame(values, columns=list(names))
    frame = pd.concat([profiles.obs.reset_index(drop=True), features], axis=1)
    return frame, {**profiles.about, WRITTEN: profiles.about.get(WRITTEN, chosen) if chosen == UNALIGNED else chosen}


def _arrow_type(name: str, column: pd.Series) -> pa.DataType:
    if name in TEXT or column.dtype == object:
        return pa.string()
    return pa.from_numpy_dtype(np.dtype(column.dtype))
