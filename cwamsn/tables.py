"""The tables that pass between stages: their Arrow schemas, one check, one error type.

Every Parquet file that a later stage reads is written by :func:`write` and read by :func:`read`. Nobody parses a column
anywhere else. A column marked optional may be absent; a column marked nullable may hold nulls.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn.errors import InputError
from cwamsn.files import atomic_path

TEXT, INT, REAL = pa.string(), pa.int32(), pa.float64()


@dataclass(frozen=True)
class Contract:
    """Columns of a table. `families` are prefixes of further columns (`feature_`), all of one type."""

    required: dict[str, pa.DataType]
    nullable: dict[str, pa.DataType] = field(default_factory=dict)
    optional: dict[str, pa.DataType] = field(default_factory=dict)
    families: dict[str, pa.DataType] = field(default_factory=dict)
    key: tuple[str, ...] = ()


CONTRACTS: dict[str, Contract] = {
    # one well of a screen
    "wells": Contract(
        required={
            "well_id": TEXT,
            "screen": TEXT,
            "experiment": TEXT,  # the batch
            "plate": TEXT,
            "address": TEXT,  # A01, AF48
            "row": INT,  # 1-based
            "column": INT,  # 1-based
            "perturbation_type": TEXT,  # COMPOUND or CRISPR
        },
        nullable={
            "perturbation": TEXT,  # null only for wells without a known treatment
            "control": TEXT,  # null, negative (fits an alignment) or other
            "treatment": TEXT,
            "split": TEXT,  # train, val, test or null
        },
        optional={
            "barcode": TEXT,  # of the plate, where it cannot name a file
            "plate_map": TEXT,
            "source": TEXT,  # the laboratory that imaged it, where a screen has several
            "guide": TEXT,
            "gene": TEXT,
            "smiles": TEXT,
            "inchikey": TEXT,
            "concentration": REAL,  # µM
            "cell_count": REAL,  # cells of all fields of the well
            "table_row": INT,  # place in a published table, which draws of its protocol depend on
        },
        families={"platemap_": TEXT},  # further columns of the user's plate map
        key=("well_id",),
    ),
    # one field of view; one URI a channel, see cwamsn.screens.read_plane
    "fields": Contract(
        required={"field_id": TEXT, "well_id": TEXT, "site": INT}, families={"uri_": TEXT}, key=("field_id",)
    ),
    # one crop of the store
    "crops": Contract(
        required={
            "crop_id": TEXT,
            "field_id": TEXT,
            "well_id": TEXT,
            "plate": TEXT,
            "shard": TEXT,  # path below the screen's data folder
            "shard_row": pa.int64(),
            "y": INT,
            "x": INT,
            "height": INT,
            "width": INT,
            "saturation": REAL,  # largest share over channels of pixels at the display maximum
            "focus": REAL,  # see cwamsn.crops.qc
        },
        nullable={"perturbation": TEXT, "split": TEXT},
        key=("crop_id",),
    ),
    # one field of view that was kept or skipped, and why
    "qc": Contract(
        required={"field_id": TEXT, "well_id": TEXT, "plate": TEXT, "site": INT, "status": TEXT},  # kept | skipped
        nullable={"reason": TEXT},
        optional={
            "warning": TEXT,  # what looks suspicious, `kind: details; kind: details`, see cwamsn.crops.judge
            "bits": TEXT,  # of the stored pixels
            "pixels": TEXT,  # equal only for equal crops
            "cell_count": REAL,  # where cells are counted
        },
        families={"focus_": REAL, "saturation_": REAL, "mean_": REAL},
    ),
    # one well
    "embeddings": Contract(required={"well_id": TEXT}, families={"feature_": pa.float32()}, key=("well_id",)),
    # one field of view
    "field_embeddings": Contract(
        required={"field_id": TEXT, "well_id": TEXT}, families={"feature_": pa.float32()}, key=("field_id",)
    ),
    # one perturbation (x dose)
    "map": Contract(
        required={"perturbation_type": TEXT, "perturbation": TEXT, "n_wells": INT},
        nullable={"concentration": REAL},
        families={"feature_": REAL},
        key=("perturbation_type", "perturbation", "concentration"),
    ),
    # one number
    "scores": Contract(
        required={"run": TEXT, "method": TEXT, "seed": INT, "benchmark": TEXT, "metric": TEXT, "value": REAL},
        nullable={
            "screen": TEXT,  # null where finished maps are scored without one
            "source": TEXT,
            "n": pa.int64(),
            "alignment": TEXT,
            "null": TEXT,
        },
        optional={
            "draw": INT,
            "concentration": TEXT,  # str(float) or max
            "threshold_low": REAL,
            "threshold_high": REAL,
            "controls": TEXT,
            "plate_reading": TEXT,
            "fold": TEXT,
            "ci_low": REAL,
            "ci_high": REAL,
            "shuffled": REAL,  # mean value for shuffled labels: a control, no score
            "shuffled_low": REAL,
            "shuffled_high": REAL,
            "shuffled_draws": INT,
        },
    ),
}
_SCORES = CONTRACTS["scores"]
# one number on one pair of simulated screens, which `screen` names by role: training or evaluation
CONTRACTS["study"] = replace(_SCORES, required={"point": TEXT, "screen_seed": INT, **_SCORES.required})


def feature_columns(columns: Iterable[str]) -> list[str]:
    """The feature columns among `columns` in numeric order (feature_2 before feature_10)."""
    found = [c for c in columns if c.startswith("feature_") and c[8:].isdigit()]
    return sorted(found, key=lambda c: int(c[8:]))


def schema(name: str, columns: Iterable[str]) -> pa.Schema:
    """Arrow schema of table `name` for a frame that has `columns`, in the contract's order."""
    contract = CONTRACTS[name]
    columns = list(columns)
    fixed = {**contract.required, **contract.nullable}
    fixed |= {c: t for c, t in contract.optional.items() if c in columns}
    members = []
    for prefix, kind in contract.families.items():
        found = feature_columns(columns) if prefix == "feature_" else [c for c in columns if c.startswith(prefix)]
        members += [(c, kind) for c in found]
    return pa.schema(list(fixed.items()) + members)


def check(frame: pd.DataFrame, name: str, source: str | Path) -> pd.DataFrame:
    """Return `frame` with the contract's columns in order, or raise :class:`InputError` naming `source` and the fault.

    Surplus columns are dropped; missing columns, nulls where none are allowed, duplicate keys and non-finite features
    are errors.
    """
    contract = CONTRACTS[name]
    missing = [c for c in (*contract.required, *contract.nullable) if c not in frame.columns]
    if missing:
        raise InputError(f"{source}: {name} table lacks column {', '.join(missing)}; see docs/architecture.md")
    for column in contract.required:
        empty = frame[column].isna().to_numpy()
        if empty.any():
            raise InputError(f"{source}: row {int(empty.argmax())} has no {column}; fill it in or leave the row out")
    if contract.key and len(frame):
        repeated = frame.duplicated(list(contract.key)).to_numpy()
        if repeated.any():
            first = frame.iloc[int(repeated.argmax())]
            label = ", ".join(f"{k} {first[k]!r}" for k in contract.key if pd.notna(first[k]))
            keys = frame[list(contract.key)]
            times = int((keys.eq(first[keys.columns]) | (keys.isna() & first[keys.columns].isna())).all(axis=1).sum())
            raise InputError(f"{source}: {label} stands {times} times; keep one row of each")
    wanted = schema(name, frame.columns)
    if "feature_" in contract.families:
        features = [c for c in wanted.names if c.startswith("feature_")]
        if not features:
            raise InputError(f"{source}: no feature_0, feature_1, ... column; name the feature columns so")
        bad = ~np.isfinite(frame[features].to_numpy()).all(axis=1)
        if bad.any():
            label = frame[next(iter(contract.required))].iloc[int(bad.argmax())]
            raise InputError(f"{source}: NaN or infinite feature in row {int(bad.argmax())} ({label}); fix the file")
    return frame[wanted.names]


def write(frame: pd.DataFrame, name: str, path: str | Path) -> None:
    """Check `frame` against contract `name` and write it as Parquet, atomically and with reproducible bytes."""
    frame = check(frame, name, path)
    try:
        table = pa.Table.from_pandas(frame, schema=schema(name, frame.columns), preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"{path}: {name} table has a value of the wrong type: {error}") from error
    # a dictionary of numbers that hardly repeat costs five times the time and half as much again in size
    texts = [column.name for column in table.schema if column.type == TEXT]
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd", use_dictionary=texts)


def read(name: str, path: str | Path) -> pd.DataFrame:
    """Read a Parquet table and check it against contract `name`."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path or run the stage that makes it")
    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}); delete it and run again") from error
    return check(frame, name, path)


def concentration_text(value: float | None) -> str | None:
    """A dose in µM as the tables spell it: `str(float)`; None stays None."""
    return None if value is None or pd.isna(value) else str(float(value))
