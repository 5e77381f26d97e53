"""Where the files of a run lie. With :mod:`cwamsn.paths` the only module that knows the layout.

Imports no pandas, no torch and no Snakemake; Snakefile, scripts and library take their paths from here. Which file
needs which is in :mod:`cwamsn.needs`, the jobs of a run are in :mod:`cwamsn.jobs`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cwamsn.errors import InputError
from cwamsn.files import DIGEST
from cwamsn.methods import Kind, Method, defined_methods, methods_of
from cwamsn.paths import NO_SCREEN, ModelPaths, PlatePaths, ProfilePaths, ScreenPaths, evaluated, one_of
from cwamsn.products import Product
from cwamsn.screen_specs.morphohelm import LABELLED, MorphoHelmSpec

TABLE_FORMATS = ("csv", "md", "tex", "html")
FIGURE_FORMATS = ("png", "svg")


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
        self.cache = f"{self.data}/cache"
        """Folder of downloads that runs share."""
        self.all_scores = f"{self.results}/scores.parquet"
        """Every score of the run."""
        self.provenance = f"{self.results}/provenance.json"
        """What the run came from."""
        self.report = f"{self.results}/report.html"
        """The run on one page."""
        self.releases = f"{config['paths']['results']}/releases"
        """Folder of the releases of all runs."""
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

    @property
    def names(self) -> list[str]:
        """Names of the methods of the run, in order."""
        return [method.name for method in self.methods]

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

    def has_labels(self, screen: str) -> bool:
        """Whether mechanisms of its compounds are published with a screen."""
        return self.source(screen) == MorphoHelmSpec.source and self.screens[screen]["set"] in LABELLED

    def published_model(self, screen: str, method: Method) -> str | None:
        """The model whose published well table a method is on a screen; None for any other method."""
        file = Path(method.entry.get("file") or "")
        of_screen = self.source(screen) == MorphoHelmSpec.source and not method.path
        return file.stem if of_screen and method.kind.reads_file and file.parent == Path("published") else None

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
        return ModelPaths(Path(self.results) / "models" / method / f"seed{seed}")

    def computation(self, method: str = "{method}") -> str:
        """Parameters and operations of a trained method's encoder."""
        return f"{self.results}/models/{method}/computation.json"

    def embeddings(self, screen: str = "{screen}", method: str = "{method}", seed: int | str = "{seed}") -> str:
        """Embeddings of a screen's wells."""
        return f"{self.results}/embeddings/{screen}/{method}/seed{seed}.parquet"

    def field_embeddings(self, screen: str = "{screen}", method: str = "{method}", seed: int | str = "{seed}") -> str:
        """Embeddings of single fields, which a head may be learned on."""
        return f"{self.results}/embeddings/{screen}/{method}/fields/seed{seed}.parquet"

    def untrained(self, screen: str = "{screen}", method: str = "{method}", seed: int | str = "{seed}") -> str:
        """Embeddings of some of a screen's wells by the method's network without its training."""
        return f"{self.results}/embeddings/{screen}/{method}/untrained/seed{seed}.parquet"

    def has_untrained(self, method: Method) -> bool:
        """Whether the geometry of a method is compared with its own network untrained."""
        options = self.config["geometry"]
        return bool(options["untrained_twin"] and method.kind.encodes and method.name not in (options["twins"] or {}))

    def unit_features(self, screen: str = "{screen}", method: str = "{method}", unit: str = "{unit}") -> str:
        """Measured features of the wells of one unit of a screen."""
        return f"{self.results}/embeddings/{screen}/{method}/units/{unit}.parquet"

    def unit_field_features(self, screen: str = "{screen}", method: str = "{method}", unit: str = "{unit}") -> str:
        """Measured features of the fields of one unit of a screen."""
        return f"{self.results}/embeddings/{screen}/{method}/fields/units/{unit}.parquet"

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

    def profiles(self, screen: str = "{screen}", method: str = "{method}", seed: int | str = "{seed}") -> ProfilePaths:
        """Profiles of a screen's wells and perturbations, for other tools."""
        return ProfilePaths(Path(self.results) / "profiles" / screen / method / f"seed{seed}")

    def plates(self, screen: str = "{screen}") -> PlatePaths:
        """The plates of a screen as heat maps."""
        return PlatePaths(Path(self.results) / "plates" / screen)

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
        self, screen: str = "{screen}", method: str = "{method}", other: str = "{other}", seed: int | str = "{seed}"
    ) -> str:
        """How much a method scores above another one."""
        return self.scores(f"minus_{other}", screen, method, seed)

    # Products of a run

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

    def study_screens(self) -> str:
        """Folder of the evaluation screens that points of a study share, until its report is written."""
        return f"{self.data}/study/{self.run}/screens"

    def study(self, name: str) -> str:
        """A file of a study's result."""
        return f"{self.results}/study/{name}"
