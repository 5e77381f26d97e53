"""Where files lie inside a screen's folder and a model's, and what lies beside a table. Imports nothing of the package.

Library and scripts take these in place of many paths; :mod:`cwamsn.plan` says where the folders themselves are.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cwamsn.vocabulary import BRAY_STAINS

NO_SCREEN = "no-screen"
"""Stands for the screen in the paths of a run that scores finished maps without one."""


def evaluated(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Benchmarks of each screen that a run evaluates on, in order; of :data:`NO_SCREEN` for finished maps alone."""
    found = config.get("evaluate") or {}
    return dict(found) if isinstance(found, Mapping) else {NO_SCREEN: list(found)}


@dataclass(frozen=True)
class UnitPaths:
    """Files of one unit of a screen: a plate, a shard, or whatever the source hands over as a whole."""

    root: Path
    """Folder of the screen."""
    name: str

    @property
    def raw(self) -> Path:
        """Folder of the raw images; temporary."""
        return self.root / "raw" / self.name

    @property
    def fields(self) -> Path:
        """Fields table."""
        return self.root / "fields" / f"{self.name}.parquet"

    @property
    def skipped(self) -> Path:
        """Fields that were left out before any crop was made, with the reasons."""
        return self.root / "fields" / f"{self.name}.skipped.parquet"

    @property
    def shards(self) -> Path:
        """Folder of the crop store's shards."""
        return self.root / "crops" / self.name

    @property
    def index(self) -> Path:
        """Crops index of this unit."""
        return self.root / "crops" / f"{self.name}.parquet"

    @property
    def qc(self) -> Path:
        """QC table of this unit."""
        return self.root / "qc" / f"{self.name}.parquet"

    @property
    def statistics(self) -> Path:
        """Channel statistics of this unit, JSON."""
        return self.root / "statistics" / f"{self.name}.json"


@dataclass(frozen=True)
class ScreenPaths:
    """Files of one screen, below its folder."""

    root: Path

    def unit(self, name: str = "{unit}") -> UnitPaths:
        """Files of one of the screen's units (by default Snakemake's pattern of all of them)."""
        return UnitPaths(self.root, name)

    @property
    def wells(self) -> Path:
        """Wells table."""
        return self.root / "wells.parquet"

    @property
    def wells_notes(self) -> Path:
        """Notes of the job that wrote the wells table, JSON."""
        return self.root / "wells.notes.json"

    @property
    def source(self) -> Path:
        """What says where the screen came from, JSON."""
        return self.root / "source.json"

    @property
    def split(self) -> Path:
        """Fields of the published split, where the screen has one."""
        return self.root / "split_fields.parquet"

    @property
    def truth(self) -> Path:
        """Known compound-gene relationships, CSV."""
        return self.root / "compound_gene_truth.csv"

    @property
    def host(self) -> Path:
        """Folder that plays the public host of a simulated screen."""
        return self.root / "host"

    @property
    def simulated_truth(self) -> Path:
        """What the wells of a simulated screen were drawn from."""
        return self.host / "truth" / "wells.parquet"

    @property
    def simulated_plate(self) -> list[Path]:
        """Zips of one plate of a simulated Bray screen, one per stain."""
        folder = self.host / "cil" / "broad_data" / "plate_{unit}"
        return [folder / f"{{unit}}-{stain}.zip" for stain in BRAY_STAINS]

    @property
    def simulated_shard(self) -> Path:
        """One shard of a simulated RxRx3-core screen."""
        return self.host / "data" / "{unit}.parquet"

    @property
    def released(self) -> Path:
        """Embeddings that are published with RxRx3-core."""
        return self.root / "OpenPhenom_rxrx3_core_embeddings.parquet"

    @property
    def crops(self) -> Path:
        """Crops index of the whole screen; shards are named relative to :attr:`root`."""
        return self.root / "crops.parquet"

    @property
    def crops_notes(self) -> Path:
        """Notes of the job that gathered the crops, JSON."""
        return self.root / "crops.notes.json"

    @property
    def qc(self) -> Path:
        """QC table of the whole screen."""
        return self.root / "qc.parquet"

    @property
    def statistics(self) -> Path:
        """Channel statistics of the whole screen, JSON."""
        return self.root / "statistics.json"


@dataclass(frozen=True)
class ModelPaths:
    """What a training leaves, below its folder."""

    root: Path

    @property
    def weights(self) -> Path:
        """Weights of the encoder."""
        return self.root / "encoder.safetensors"

    @property
    def description(self) -> Path:
        """What the encoder is and how it was trained, JSON."""
        return self.root / "encoder.json"

    @property
    def log(self) -> Path:
        """Losses and rates by window of steps, CSV."""
        return self.root / "log.csv"

    @property
    def notes(self) -> Path:
        """Notes of the job, JSON."""
        return self.root / "notes.json"


def notes_of(table: str) -> str:
    """Notes of the job that wrote a table of embeddings, a map or scores."""
    return f"{_stem(table)}.notes.json"


def counts_of(embeddings: str) -> str:
    """What is said about a table of embeddings: wells missing and surplus, precision, device; JSON."""
    return f"{_stem(embeddings)}.json"


def own_table_of(scores: str) -> str:
    """The benchmark's own table beside its scores."""
    return f"{_stem(scores)}.parquet"


def _stem(path: str) -> str:
    return path.removesuffix(".parquet").removesuffix(".scores")


def one_of(names: Iterable[str]) -> str:
    """Regular expression that matches these names and nothing else."""
    return "|".join(map(re.escape, names)) or "(?!)"
