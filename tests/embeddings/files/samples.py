"""A table of features under CellProfiler-like names, and what a reader finds in it."""

import numpy as np
import pandas as pd

from cwamsn.embeddings import read_embeddings, read_map
from cwamsn.notes import collected
from cwamsn.tables import feature_columns

N, D = 24, 4
IDS = [f"e-000_1_{'ABC'[i // 8]}{i % 8 + 1:02d}" for i in range(N)]
GENES = [f"G{i:02d}" for i in range(N)]
NAMES = [f"Cells_F{i}" for i in range(D)]
WELLS = pd.DataFrame({"well_id": IDS})


def values():
    return np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)


def table(**extra):
    frame = pd.DataFrame(values(), columns=NAMES)
    frame.insert(0, "well_id", IDS)
    return frame.assign(**extra)


def write(frame, path):
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path, index=False)
    return path


def read(path, **entry):
    """Number of features, and what is said."""
    with collected() as said:
        frame, _ = read_embeddings(path, entry, WELLS)
    return len(feature_columns(frame)), " | ".join(said)


def read_genes(path, **entry):
    with collected() as said:
        _, counts = read_map(path, {"perturbation_column": "gene"} | entry)
    return counts["features"], " | ".join(said)
