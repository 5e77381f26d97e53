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
INCOMPLETE = "incomplete"
"""Folder of the tables of a failed run, beside those of its screens; removed when a later run has ended well."""


def evaluated(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Benchmarks of each screen that a run evaluates on, in order; of :data:`NO_SCREEN` for finished maps alone."""
    found = config.get("evaluate") or {}
    return dict(found) if isinstance(found, Mapping) else {NO_SCREEN: list(found)}


class _Below:
    """A path below the folder `root` of its owner; `{name}` in it is the owner's name."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __get__(self, owner: Any, kind: type | None = None) -> Path:
        return owner.root / self.path.replace("{name}", getattr(owner, "name", ""))


@dataclass(frozen=True)
class UnitPaths:
    """Files of one unit of a screen: a plate, a shard, or whatever the source hands over as a whole."""

    root: Path
    """Folder of the screen."""
    name: str

    raw = _Below("raw/{name}")
    """Folder of the raw images; temporary."""
    fields = _Below("fields/{name}.parquet")
    """Fields table."""
    skipped = _Below("fields/{name}.skipped.parquet")
    """Fields that were left out before any crop was made, with the reasons."""
    shards = _Below("crops/{name}")
    """Folder of the crop store's shards."""
    index = _Below("crops/{name}.parquet")
    """Crops index of this unit."""
    qc = _Below("qc/{name}.parquet")
    """QC table of this unit."""
    statistics = _Below("statistics/{name}.json")
    """Channel statistics of this unit, JSON."""


@dataclass(frozen=True)
class ScreenPaths:
    """Files of one screen, below its folder."""

    root: Path

    wells = _Below("wells.parquet")
    """Wells table."""
    wells_notes = _Below("wells.notes.json")
    """Notes of the job that wrote the wells table, JSON."""
    source = _Below("source.json")
    """What says where the screen came from, JSON."""
    split = _Below("split_fields.parquet")
    """Fields of the published split, where the screen has one."""
    truth = _Below("compound_gene_truth.csv")
    """Known compound-gene relationships, CSV."""
    labels = _Below("labels.csv")
    """Mechanisms of its compounds, where they are published with the screen, CSV."""
    gene_pairs = _Below("gene_pairs.parquet")
    """Pairs of genes that belong together, where they are published with the screen."""
    well_table = _Below("published/{model}.parquet")
    """Profiles of wells by one model, where they are published with the screen."""
    well_table_notes = _Below("published/{model}.notes.json")
    """Notes of the job that fetched them."""
    host = _Below("host")
    """Folder that plays the public host of a simulated screen."""
    simulated_truth = _Below("host/truth/wells.parquet")
    """What the wells of a simulated screen were drawn from."""
    simulated_shard = _Below("host/data/{unit}.parquet")
    """One shard of a simulated RxRx3-core screen."""
    released = _Below("OpenPhenom_rxrx3_core_embeddings.parquet")
    """Embeddings that are published with RxRx3-core."""
    crops = _Below("crops.parquet")
    """Crops index of the whole screen; shards are named relative to :attr:`root`."""
    crops_notes = _Below("crops.notes.json")
    """Notes of the job that gathered the crops, JSON."""
    qc = _Below("qc.parquet")
    """QC table of the whole screen."""
    statistics = _Below("statistics.json")
    """Channel statistics of the whole screen, JSON."""

    check = _Below("check.json")
    """What the last check of the screen found, JSON."""
    check_page = _Below("check.html")
    """The same as a page."""

    def unit(self, name: str = "{unit}") -> UnitPaths:
        """Files of one of the screen's units (by default Snakemake's pattern of all of them)."""
        return UnitPaths(self.root, name)

    @property
    def simulated_plate(self) -> list[Path]:
        """Zips of one plate of a simulated Bray screen, one per stain."""
        folder = self.host / "cil" / "broad_data" / "plate_{unit}"
        return [folder / f"{{unit}}-{stain}.zip" for stain in BRAY_STAINS]


@dataclass(frozen=True)
class ModelPaths:
    """What a training leaves, below its folder."""

    root: Path

    weights = _Below("encoder.safetensors")
    """Weights of the encoder."""
    description = _Below("encoder.json")
    """What the encoder is and how it was trained, JSON."""
    log = _Below("log.csv")
    """Losses and rates by window of steps, CSV."""
    progress = _Below("progress.json")
    """What a training that runs will be; removed at its end, JSON."""
    notes = _Below("notes.json")
    """Notes of the job, JSON."""
    head = _Below("head.safetensors")
    """Weights of a head on frozen features."""
    head_description = _Below("head.json")
    """What the head takes, what it was learned on and how it did, JSON."""


@dataclass(frozen=True)
class ProfilePaths:
    """Profiles of a screen's wells by one encoder, below their folder."""

    root: Path

    wells = _Below("wells.parquet")
    """Profiles of wells, Parquet."""
    perturbations = _Below("perturbations.parquet")
    """Profiles of perturbations, Parquet."""
    anndata = _Below("profiles.h5ad")
    """Profiles of wells, as embedded and with every alignment, AnnData."""
    about = _Below("about.json")
    """Where the profiles come from, JSON."""
    notes = _Below("notes.json")
    """Notes of the job, JSON."""
    neighbours = _Below("neighbours.csv")
    """Nearest perturbations of each."""
    replicates = _Below("replicates.csv")
    """Whether the replicates of those whose neighbours are listed agree."""
    activity = _Below("activity.csv")
    """How well each perturbation and dose is told from its controls."""
    hits = _Below("hits.csv")
    """The hit list, one row per perturbation."""
    atlas = _Below("atlas.html")
    """Page with the screen's map, images and neighbours."""
    notes_atlas = _Below("atlas.notes.json")
    """Notes of the job that made it."""
    about_neighbours = _Below("neighbours.json")
    """How the neighbours were found."""
    about_hits = _Below("hits.json")
    """How the hits were found."""
    notes_neighbours = _Below("neighbours.notes.json")
    """Notes of the job that found the neighbours."""
    notes_hits = _Below("hits.notes.json")
    """Notes of the job that found the hits."""


@dataclass(frozen=True)
class PlatePaths:
    """The plates of a screen as heat maps, below their folder."""

    root: Path

    page = _Below("plates.html")
    """The page."""
    montages = _Below("montages")
    """Folder of pictures of the wells."""
    notes = _Below("notes.json")
    """Notes of the job, JSON."""


def notes_of(table: str) -> str:
    """Notes of the job that wrote a table of embeddings, a map or scores."""
    return f"{_stem(table)}.notes.json"


def counts_of(embeddings: str) -> str:
    """What is said about a table of embeddings: wells missing and surplus, precision, device; JSON."""
    return f"{_stem(embeddings)}.json"


def parts_of(embeddings: str) -> str:
    """Folder of what a job has embedded, until its table is written; no rule names it, so it survives a failed job."""
    return f"{_stem(embeddings)}.parts"


def own_table_of(scores: str) -> str:
    """The benchmark's own table beside its scores."""
    return f"{_stem(scores)}.parquet"


def _stem(path: str) -> str:
    return path.removesuffix(".parquet").removesuffix(".scores")


def one_of(names: Iterable[str]) -> str:
    """Regular expression that matches these names and nothing else."""
    return "|".join(map(re.escape, names)) or "(?!)"
