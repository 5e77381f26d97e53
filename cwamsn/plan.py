"""Where the files of a run lie. The only module that knows the layout of data and results.

Imports no pandas, no torch and no Snakemake; Snakefile, scripts and library take their paths from here. Which file
needs which is in :mod:`cwamsn.needs`, the jobs of a run are in :mod:`cwamsn.jobs`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cwamsn.config import NO_SCREEN, evaluated
from cwamsn.errors import InputError
from cwamsn.files import DIGEST
from cwamsn.methods import Kind, Method, defined_methods, methods_of
from cwamsn.products import Product
from cwamsn.vocabulary import BRAY_STAINS

TABLE_FORMATS = ("csv", "md", "tex", "html")
FIGURE_FORMATS = ("png", "svg")


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

    root: str

    @property
    def weights(self) -> str:
        """Weights of the encoder."""
        return f"{self.root}/encoder.safetensors"

    @property
    def description(self) -> str:
        """What the encoder is and how it was trained, JSON."""
        return f"{self.root}/encoder.json"

    @property
    def log(self) -> str:
        """Losses and rates by window of steps, CSV."""
        return f"{self.root}/log.csv"

    @property
    def notes(self) -> str:
        """Notes of the job, JSON."""
        return f"{self.root}/notes.json"


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


class Plan:
    """Every path of a run. Arguments that are left out stay wildcards, as a rule declares them.

    Parameters
    ----------
    config : the configuration as resolved.
    root : the repository.
    """

    def __init__(self, config: Mapping[str, Any], root: str | Path) -> None:
        self.config, self.root = config, Path(root)
        self.run: str = config["run"]
        self.data: str = config["paths"]["data"]
        self.results = f"{config['paths']['results']}/{self.run}"
        self.screens: Mapping[str, Any] = config["screens"]
        self.training_screen: str | None = config["training_screen"]
        self.evaluated: dict[str, list[str]] = evaluated(config)
        self.defined: dict[str, Method] = defined_methods(config)
        self.methods: list[Method] = methods_of(config)
        self._check()

    def _check(self) -> None:
        for method in self.methods if NO_SCREEN in self.evaluated else ():
            if method.kind.embeds_wells:
                raise InputError(
                    f"evaluate: names no screen, and method {method.name} embeds the wells of one; write evaluate: "
                    "{screen: [benchmarks]}, or give finished maps (kind: map)"
                )

    # Patterns of wildcards

    @property
    def screen_names(self) -> list[str]:
        """What stands for a screen in a path."""
        return [*self.screens, *(name for name in self.evaluated if name == NO_SCREEN)]

    def pattern(self, *kinds: Kind) -> str:
        """Pattern of a wildcard that matches the methods of these kinds and no other."""
        return one_of(name for name, method in self.defined.items() if method.kind in kinds)

    def screens_from(self, *sources: str) -> str:
        """Pattern of a wildcard that matches the screens with these sources and no other."""
        return one_of(name for name, spec in self.screens.items() if spec["source"] in sources)

    # Screens

    def source(self, screen: str) -> str:
        """The source of a screen; empty where finished maps are scored without one."""
        return str(self.screens[screen]["source"]) if screen in self.screens else ""

    def is_simulated(self, screen: str) -> bool:
        """Whether a screen is drawn by the simulator."""
        return self.source(screen).startswith("simulated-")

    def benchmarks(self, screen: str) -> list[str]:
        """Benchmarks that methods are scored with on a screen."""
        return self.evaluated.get(screen, [])

    def has_truth(self, screen: str) -> bool:
        """Whether a screen comes with a table of known compound-gene relationships, or the configuration names one."""
        return bool(self.config["compound_gene"]["truth"]) or "rxrx3-core" in self.source(screen)

    @property
    def cache(self) -> str:
        """Folder of downloads that runs share."""
        return f"{self.data}/cache"

    def screen(self, screen: str | None = "{screen}") -> ScreenPaths:
        """Files of a screen, shared by runs."""
        return ScreenPaths(Path(self.data) / str(screen))

    def truth(self, screen: str = "{screen}") -> str:
        """Known compound-gene relationships that a screen is scored with."""
        own: str | None = self.config["compound_gene"]["truth"]
        return own.replace("{screen}", screen) if own else str(self.screen(screen).truth)

    # Results of a method

    def model(self, method: str = "{method}", seed: int | str = "{seed}") -> ModelPaths:
        """What a method's training leaves."""
        return ModelPaths(f"{self.results}/models/{method}/seed{seed}")

    def computation(self, method: str = "{method}") -> str:
        """Parameters and operations of a trained method's encoder."""
        return f"{self.results}/models/{method}/computation.json"

    def embeddings(self, screen: str = "{screen}", method: str = "{method}", seed: int | str = "{seed}") -> str:
        """Embeddings of a screen's wells."""
        return f"{self.results}/embeddings/{screen}/{method}/seed{seed}.parquet"

    def unit_features(self, screen: str = "{screen}", method: str = "{method}", unit: str = "{unit}") -> str:
        """Measured features of the wells of one unit of a screen."""
        return f"{self.results}/embeddings/{screen}/{method}/units/{unit}.parquet"

    def map(
        self,
        screen: str = "{screen}",
        method: str = "{method}",
        seed: int | str = "{seed}",
        alignment: str | None = None,
    ) -> str:
        """Map of a screen's perturbations; `alignment` names another one than the tables'."""
        other = "" if alignment in (None, self.config["alignment"]["method"]) else f".{alignment}"
        return f"{self.results}/maps/{screen}/{method}/seed{seed}{other}.parquet"

    def control_holdout(self, screen: str = "{screen}", method: str = "{method}", seed: int | str = "{seed}") -> str:
        """How well the alignment fits controls that it was not fitted on, CSV."""
        return f"{self.results}/maps/{screen}/{method}/seed{seed}.control_holdout.csv"

    def scores(
        self,
        benchmark: str,
        screen: str = "{screen}",
        method: str = "{method}",
        seed: int | str = "{seed}",
        alignment: str | None = None,
    ) -> str:
        """Scores of a benchmark; `alignment` names another one than the tables'."""
        other = "" if alignment in (None, self.config["alignment"]["method"]) else f"/{alignment}"
        return f"{self.results}/scores/{screen}/{method}/seed{seed}{other}/{benchmark}.scores.parquet"

    def difference(
        self,
        screen: str = "{screen}",
        method: str = "{method}",
        other: str = "{other}",
        seed: int | str = "{seed}",
    ) -> str:
        """How much a method scores above another one."""
        return self.scores(f"minus_{other}", screen, method, seed)

    # Products of a run

    @property
    def all_scores(self) -> str:
        """Every score of the run."""
        return f"{self.results}/scores.parquet"

    @property
    def provenance(self) -> str:
        """What the run came from, JSON."""
        return f"{self.results}/provenance.json"

    @property
    def report(self) -> str:
        """The run on one page."""
        return f"{self.results}/report.html"

    @property
    def releases(self) -> str:
        """Folder of the releases of all runs."""
        return f"{self.config['paths']['results']}/releases"

    def digest(self, file: str = "{file}") -> str:
        """Digest of a user's file, by the name it goes under (:meth:`cwamsn.needs.Needs.files`)."""
        return f"{self.results}/digests/{file}{DIGEST}"

    @property
    def only_screen(self) -> str | None:
        """The screen that the run evaluates on, where it is one; with several, each has its tables in a folder."""
        return next(iter(self.evaluated)) if len(self.evaluated) == 1 else None

    def on_screen(self, name: str, screen: str = "{screen}") -> str:
        """`name` where the run evaluates on one screen or none, else `<screen>/<name>`."""
        return f"{screen}/{name}" if len(self.evaluated) > 1 else name

    def tables(self, format: str, name: str = "{product}", screen: str = "{screen}") -> str:
        """One file of a table."""
        return f"{self.results}/tables/{self.on_screen(name, screen)}.{format}"

    def figures(self, format: str, name: str = "{product}", screen: str = "{screen}") -> str:
        """One file of a figure."""
        return f"{self.results}/figures/{self.on_screen(name, screen)}.{format}"

    def product_files(self, made: Iterable[tuple[Product, str]]) -> list[str]:
        """Every file of tables and figures, each on a screen."""
        return [
            path
            for product, screen in made
            for path in (
                [self.figures(format, product.name, screen) for format in FIGURE_FORMATS]
                if product.figure
                else [self.tables(format, product.name, screen) for format in TABLE_FORMATS]
            )
        ]

    # Jobs

    def log(self, job: str) -> str:
        """Log of a job."""
        return f"{self.results}/logs/{job}.log"

    def usage(self, job: str) -> str:
        """Snakemake's measurement of a job."""
        return f"{self.results}/usage/{job}.tsv"

    # Studies

    def study_scores(self, point: str = "{point}", screen_seed: int | str = "{screen_seed}") -> str:
        """Scores of one point of a study on one pair of screens."""
        return f"{self.results}/study/points/{point}/{screen_seed}.parquet"

    def study_work(self, point: str = "{point}", screen_seed: int | str = "{screen_seed}") -> str:
        """Folder in which a job of a study works."""
        return f"{self.data}/study/{self.run}/{point}-{screen_seed}"

    def study(self, name: str) -> str:
        """A file of a study's result."""
        return f"{self.results}/study/{name}"
