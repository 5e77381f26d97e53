"""A host in the layout of MorphoHELM's repository, with tables of the same columns and other numbers."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.files import sha256
from cwamsn.screen_specs.morphohelm import DATABASES, MorphoHelmSpec

DMSO = "JCP2022_033924"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n"
LABELS = "data/enrichment/moa_databases/cpjump16_moa/labeled_moa_samples.csv"


class Host:
    """Files below `root`; `listing` is the list of them that a screen's key `files` takes."""

    def __init__(self, root: Path) -> None:
        self.root, self.listing = root, root / "files.csv"
        self.known: dict[str, tuple[int, str]] = {}

    def table(self, path: str, frame: pd.DataFrame) -> None:
        """Write a Parquet file and list it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(file, index=False)
        self.known[path] = (file.stat().st_size, sha256(file))
        with self.listing.open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(["path", "size", "sha256"])
            writer.writerows([name, *facts] for name, facts in self.known.items())

    def models(self, spec: MorphoHelmSpec, frame: pd.DataFrame) -> None:
        """The table of every model of a screen; each has features of its own where `frame` has none."""
        for number, model in enumerate(spec.models):
            own = frame if any(name.startswith("PC_") for name in frame) else with_features(frame, number)
            self.table(spec.table(model), own)

    def labels(self, frame: pd.DataFrame) -> None:
        """The table of mechanisms of cpg-moa, which is not among the listed files."""
        file = self.root / LABELS
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(file)

    def pairs(self, frames: dict[str, pd.DataFrame]) -> None:
        """The tables of pairs of genes."""
        for database in DATABASES:
            self.table(f"data/enrichment/protein_databases/{database}.parquet", frames[database])

    def section(self, name: str, base: str | None = None, **more: object) -> dict[str, object]:
        """The keys of a screen on this host."""
        base = base or str(self.root)
        found = {"source": "morphohelm", "set": name, "base_url": base, "labels_url": f"{base}/{LABELS}"}
        quick = {"attempts": 2, "backoff_s": 0.01, "timeout_s": 5}
        return {**found, "files": str(self.listing), "retry": quick, **more}


def with_features(frame: pd.DataFrame, seed: int, width: int = 8) -> pd.DataFrame:
    """A table of wells with PC_0 ... of a signal per compound and noise."""
    draw = np.random.default_rng(seed)
    name = "Metadata_Symbol" if "Metadata_Symbol" in frame else "Metadata_JCP2022"
    codes, values = pd.factorize(frame[name]) if name in frame else (np.arange(len(frame)) // 3, range(len(frame)))
    centres = draw.normal(size=(len(values) + 1, width))
    features = (centres[codes] + draw.normal(size=(len(frame), width))).astype(np.float32)
    return pd.concat([frame, pd.DataFrame(features, columns=[f"PC_{i}" for i in range(width)])], axis=1)


def address(number: int) -> str:
    """A01 ... H12."""
    return f"{'ABCDEFGH'[number // 12]}{number % 12 + 1:02d}"


def jump_wells(sources=("source_2", "source_5", "source_10"), batches=2, plates=1, compounds=40) -> pd.DataFrame:
    """Wells of a JUMP-like set: every compound on every plate, moved between them, and 16 controls per plate."""
    rows = []
    for source in sources:
        for batch in range(batches):
            for plate in range(plates):
                shift = 7 * len(rows) // 96
                for i in range(compounds + 16):
                    name = f"JCP2022_{100000 + i:06d}" if i < compounds else DMSO
                    place = address((i + shift) % 96)
                    rows.append((source, f"{source}_b{batch}", f"{source[7:]}{batch}{plate}", place, name))
    columns = ["Source", "Batch", "Plate", "Well", "JCP2022"]
    return pd.DataFrame(rows, columns=[f"Metadata_{c}" for c in columns])


def counts_of(wells: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Cells of every well."""
    counts = np.random.default_rng(seed).poisson(120, len(wells))
    return wells[["Metadata_Plate", "Metadata_Well"]].assign(cell_count=counts, n_fovs=4, bbox_source="cpg")
