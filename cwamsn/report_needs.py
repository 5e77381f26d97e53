"""What tables, figures, provenance and report need: which scores, notes, digests and measurements, on which screen."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from cwamsn.errors import InputError
from cwamsn.jobs import Job, method_jobs, needs_map, notes_by_method, notes_by_screen, screen_jobs, unit_jobs
from cwamsn.methods import Method
from cwamsn.needs import Needs
from cwamsn.paths import NO_SCREEN, counts_of
from cwamsn.products import FIGURES, PRODUCTS, TABLES, Product
from cwamsn.version import code_version, config_digest

# What tables print about a method.
PRINTED = ("group", "paper_row", "images", "parameters")


class ReportNeeds:
    """What the products of a run need.

    Parameters
    ----------
    needs : what the stages before need.
    """

    def __init__(self, needs: Needs) -> None:
        self.needs, self.plan, self.config = needs, needs.plan, needs.config

    # Tables and figures

    def methods_in(self, product: Product) -> list[Method]:
        """Methods that a table or figure shows."""
        measured = [method for method in self.plan.methods if method.kind.measured]
        if product.of_features:
            chains = [self.needs.chain(method.name) for method in measured if method.kind.on_method]
            related = {method.name for found in chains for method in found}
            measured = [method for method in measured if method.name in related]
        if product.number is None:
            return [m for m in measured if all(m.kind.has(benchmark) for benchmark in product.needs)]
        return [method for method in measured if product.number in method.tables]

    def is_made(self, product: Product, screen: str) -> bool:
        """Whether the methods and benchmarks of the run make a product worth making."""
        if not product.scored_by:
            return bool(self.needs.compared(screen))
        if product.shuffled and not self.config["shuffled_labels"]["draws"]:
            return False
        shown = [m for m in self.methods_in(product) if any(m.kind.has(b) for b in product.scored_by)]
        if not product.shows_chance_alone:
            shown = [m for m in shown if not m.kind.chance]
        if product.needs_sizes:
            shown = [m for m in shown if m.kind.described or m.parameters]
        return len(shown) >= product.minimum and product.can_be_made_of(self.plan.benchmarks(screen))

    def products(self, known: Mapping[str, Product] = PRODUCTS) -> list[tuple[Product, str]]:
        """Those of the known tables and figures that the run makes, each with its screen."""
        return [(p, screen) for screen in self.plan.evaluated for p in known.values() if self.is_made(p, screen)]

    def product_files(self, known: Mapping[str, Product]) -> list[str]:
        """Files of the known tables or figures that the run makes."""
        return self.plan.product_files(self.products(known))

    def files_by_screen(self, known: Mapping[str, Product]) -> dict[str, list[str]]:
        """:meth:`product_files` by screen; under an empty name where the run evaluates on one screen."""
        found: dict[str, list[str]] = {}
        for product, screen in self.products(known):
            name = "" if screen == self.plan.only_screen else screen
            found.setdefault(name, []).extend(self.plan.product_files([(product, screen)]))
        return found

    def one_product(self, name: str) -> list[str]:
        """Files of one table or figure on every screen; where no screen makes it worth making, on all of them."""
        if not self.plan.evaluated:
            raise InputError(f"evaluate: is empty, and {name} needs scores; write evaluate: {{screen: [benchmarks]}}")
        made = self.products({name: PRODUCTS[name]})
        return self.plan.product_files(made or [(PRODUCTS[name], screen) for screen in self.plan.evaluated])

    def _benchmarks_in(self, product: Product, screen: str) -> list[str]:
        return product.benchmarks(self.plan.benchmarks(screen))

    def scores_in(self, product: str, screen: str) -> list[str]:
        """Scores that a table or figure reads: of its methods and benchmarks, and the differences among its methods."""
        wanted, methods = PRODUCTS[product], self.methods_in(PRODUCTS[product])
        files = [
            self.plan.scores(benchmark, screen, method.name, seed)
            for method in methods
            for seed in method.seeds
            for benchmark in self._benchmarks_in(wanted, screen)
            if method.kind.has(benchmark)
        ]
        pairs = self.needs.compared(screen, methods) if wanted.paired else []
        return files + [self.plan.difference(screen, first.name, second.name, seed) for first, second, seed in pairs]

    def computations_in(self, product: str) -> list[str]:
        """Sizes of the encoders that a product prints, of those whose training described them."""
        described = [m for m in self.methods_in(PRODUCTS[product]) if m.kind.described]
        return [self.plan.computation(m.name) for m in described] if PRODUCTS[product].prints_sizes else []

    def first_description(self, method: str) -> str:
        """Description of the encoder that a method's sizes are counted of."""
        if method in self.encoders():
            return self.encoders()[method]
        return str(self.plan.model(method, self.plan.defined[method].seeds[0]).description)

    def entries_in(self, product: str, screen: str) -> list[dict[str, object]]:
        """What a product prints about its methods: plain values, so that a change of any of them makes it again."""
        return [self._printed(method, screen) for method in self.methods_in(PRODUCTS[product])]

    def entries(self) -> list[dict[str, object]]:
        """What the report prints about every method."""
        return [self._printed(method, next(iter(self.plan.evaluated), NO_SCREEN)) for method in self.plan.methods]

    def _printed(self, method: Method, screen: str) -> dict[str, object]:
        own = self.plan.training_screen if method.kind.trains else None
        own = self.needs.learned_on(method.name) if method.kind.learns else own
        data = method.entry.get("training_data") or own
        return {key: method.entry.get(key) for key in PRINTED} | {
            "name": method.name,
            "title": method.title,
            "kind": method.kind.name,
            "seeds": list(method.seeds),
            "tables": list(method.tables),
            "training_data": data,
            "path": self.needs.file_of(method, screen),
        }

    @cached_property
    def version(self) -> dict[str, object]:
        """Versions of code and configuration."""
        return {"code": code_version(self.plan.root), "config_sha256": config_digest(self.config)}

    def context(self, screen: str) -> dict[str, object]:
        """What holds for every table and figure of a screen."""
        used = self._screens_of(self.plan.methods, [screen])
        return self.version | {
            "null": self.config["gene_gene"]["null_rows"],
            "simulated": any(self.plan.is_simulated(name) for name in used),
            "on_rxrx3_core": self.plan.source(screen) == "rxrx3-core",
            "screen": "" if screen == self.plan.only_screen else screen,
            "run_title": self.config["title"],
            "published_methods": self.config["reporting"]["published_methods"],
            "notes": self.config["reporting"]["notes"],
        }

    # Provenance and report

    def _screens_of(self, methods: Sequence[Method], evaluated: Iterable[str]) -> list[str]:
        """Screens that methods come from: those that they were trained on, the evaluated ones of all but maps."""
        names = [self.plan.training_screen] if any(m.kind.trains for m in methods) else []
        names += [self.needs.learned_on(m.name) for m in methods if m.kind.learns]
        names += evaluated if any(m.kind.embeds_wells for m in methods) else []
        return [name for name in dict.fromkeys(names) if name and name != NO_SCREEN]

    def screens(self) -> list[str]:
        """Screens that the run uses."""
        return self._screens_of(self.plan.methods, self.plan.evaluated)

    def is_simulated(self) -> bool:
        """Whether any screen of the run is drawn by the simulator."""
        return any(self.plan.is_simulated(screen) for screen in self.screens())

    def pictured(self) -> list[str]:
        """Those of :meth:`screens` whose images are needed: a file of embeddings needs none."""
        methods = [m for m in self.plan.methods if self.needs.chain(m.name)[-1].kind.needs_images]
        return self._screens_of(methods, self.plan.evaluated)

    def files(self) -> dict[str, str]:
        """The user's files that methods come from, by the name of the method; by screen and name where they differ."""
        found = {}
        for method in self.plan.methods:
            paths = {screen: self.needs.file_of(method, screen) for screen in self.plan.evaluated}
            for screen, path in paths.items():
                same = len(set(paths.values())) == 1
                if path:
                    found[method.name if same else f"{screen}/{method.name}"] = path
        return found

    def file(self, file: str) -> str:
        """One of :meth:`files`."""
        return self.files()[file]

    def manifests(
        self, methods: Sequence[Method] | None = None, screens: Iterable[str] | None = None
    ) -> dict[str, str]:
        """What says where the data of methods came from, by name: each screen's `source.json`, digests of files."""
        methods = self.plan.methods if methods is None else methods
        evaluated = list(self.plan.evaluated if screens is None else screens)
        found = {name: str(self.plan.screen(name).source) for name in self._screens_of(methods, evaluated)}
        labels = {label for m in methods for label in (m.name, *(f"{screen}/{m.name}" for screen in evaluated))}
        return found | {label: self.plan.digest(label) for label in self.files() if label in labels}

    def manifests_in(self, product: str, screen: str) -> dict[str, str]:
        """:meth:`manifests` of the methods of a table or figure."""
        return self.manifests(self.methods_in(PRODUCTS[product]), [screen])

    def manifest_files_in(self, product: str, screen: str) -> list[str]:
        """Files of :meth:`manifests_in`."""
        return list(self.manifests_in(product, screen).values())

    def jobs(self) -> list[Job]:
        """Jobs of the methods of the run, in order."""
        found = [job for screen in self.plan.evaluated for job in self._jobs_on(screen)]
        return list(dict.fromkeys(found))  # a method is trained once, however many screens it is scored on

    def _jobs_on(self, screen: str) -> list[Job]:
        return method_jobs(self.plan, screen, self.needs.compared(screen))

    def jobs_of_screens(self, with_units: bool = True) -> list[Job]:
        """Jobs of the screens of the run, and those that measure features unit by unit."""
        found: list[Job] = []
        for screen in self.screens():
            pictured = screen in self.pictured()
            names = self.needs.units(screen) if pictured and with_units else []
            found += screen_jobs(self.plan, screen, names, pictured)
            found += unit_jobs(self.plan, screen, names) if screen in self.plan.evaluated else []
        return found

    def measured_jobs(self) -> dict[str, str]:
        """Snakemake's measurement of every job of the run, by the job's name."""
        return {job.usage: self.plan.usage(job.usage) for job in [*self.jobs_of_screens(), *self.jobs()]}

    def training_usage(self, product: str) -> dict[str, list[str]]:
        """Snakemake's measurement of each training that a product shows, by method."""
        return {
            m.name: [self.plan.usage(f"train/{m.name}/seed{seed}") for seed in m.seeds]
            for m in self.methods_in(PRODUCTS[product])
            if m.kind.trains
        }

    def notes_in(self, product: str, screen: str) -> dict[str, dict[int, list[str]]]:
        """Files with the notes of the jobs whose results a product shows, by method and seed."""
        wanted = PRODUCTS[product]
        names = {method.name for method in self.methods_in(wanted)}
        benchmarks = self._benchmarks_in(wanted, screen)
        steps = {"train", "embeddings", *benchmarks}
        steps |= {"alignment"} if any(needs_map(b, self.plan.has_truth(screen)) for b in benchmarks) else set()
        steps |= {"compare_methods"} if wanted.paired else set()
        return notes_by_method(
            job
            for job in self._jobs_on(screen)
            if job.method in names and job.step in steps and not job.also and job.other in {None, *names}
        )

    def note_files_in(self, product: str, screen: str) -> list[str]:
        """Files of :meth:`notes_in`."""
        return flat(self.notes_in(product, screen))

    def all_notes(self) -> dict[str, dict[int, list[str]]]:
        """Files with the notes of every method's jobs, by seed; those of several screens by screen and method."""
        if len(self.plan.evaluated) < 2:
            return notes_by_method(self.jobs())
        found = notes_by_method(job for job in self.jobs() if job.step == "train")
        for screen in self.plan.evaluated:
            there = notes_by_method(job for job in self._jobs_on(screen) if job.step != "train")
            found |= {f"{screen}/{method}": files for method, files in there.items()}
        return found

    def screen_notes(self) -> dict[str, list[str]]:
        """Files with the notes of every screen's jobs."""
        return notes_by_screen(self.jobs_of_screens(with_units=False))

    def computed(self) -> dict[str, str]:
        """Descriptions of what trained or embedded: they hold the precision and the device that were taken."""
        found = {
            f"training/{m.name}/seed{seed}": str(self.plan.model(m.name, seed).description)
            for m in self.needs.trained()
            for seed in m.seeds
        }
        found |= {f"training/{name}/seed0": path for name, path in self.encoders().items()}
        return found | {
            f"embeddings/{screen}/{m.name}/seed{seed}": counts_of(self.plan.embeddings(screen, m.name, seed))
            for screen, m, seed in self.needs.embedded()
            if m.kind.encodes
        }

    def encoders(self) -> dict[str, str]:
        """Descriptions of the encoders that methods bring, by the method's name."""
        return {name: str(files.description) for name, files in self.needs.encoders.items()}

    def training_logs(self) -> dict[str, list[str]]:
        """Logs of every training, by the title of the method."""
        return {m.title: [str(self.plan.model(m.name, seed).log) for seed in m.seeds] for m in self.needs.trained()}

    def log_files(self) -> list[str]:
        """Files of :meth:`training_logs`."""
        return [path for paths in self.training_logs().values() for path in paths]

    def pictured_folders(self) -> dict[str, str]:
        """Folder of each screen of :meth:`pictured`."""
        return {name: str(self.plan.screen(name).root) for name in self.pictured()}

    def paired(self) -> dict[str, str]:
        """Wells table of each screen whose wells trainings pair, those of heads too, by its name."""
        names = [self.plan.training_screen] if any(m.kind.trains for m in self.plan.methods) else []
        names += [self.needs.learned_on(m.name) for m in self.plan.methods if m.kind.learns]
        return {name: str(self.plan.screen(name).wells) for name in dict.fromkeys(names) if name}

    def scores_by_product(self) -> dict[str, list[str]]:
        """Scores that each table and figure was made from."""
        return {self.plan.on_screen(p.name, screen): self.scores_in(p.name, screen) for p, screen in self.products()}

    def recorded(self) -> list[str]:
        """What the provenance waits for: every score, not those of the tables alone."""
        return [
            *self.product_files(TABLES),
            *self.product_files(FIGURES),
            *self.computed().values(),
            self.plan.all_scores,
            *self.manifests().values(),
            *flat(self.all_notes()),
            *(path for paths in self.screen_notes().values() for path in paths),
        ]

    def pictures(self) -> list[str]:
        """Tables about the images that the report shows."""
        screens = [self.plan.screen(name) for name in self.pictured()]
        return [str(path) for screen in screens for path in (screen.qc, screen.crops)]

    def pages(self) -> list[dict[str, str]]:
        """Pages that the run makes on request: title, path, and the target that makes it."""
        found = [
            (f"Map of {self.needs.title_of_atlas(screen, method)}", path, "atlas")
            for (screen, method), path in self.needs.atlases().items()
        ]
        for screen in self.needs.used_screens():
            found.append((f"Plates of {screen}", str(self.plan.plates(screen).page), "plates"))
            found.append((f"Check of {screen}", str(self.plan.screen(screen).check_page), "check"))
        return [{"title": title, "path": path, "target": target} for title, path, target in found]

    def everything(self) -> list[str]:
        """What the run makes; a release holds these files."""
        whole = [self.plan.all_scores, self.plan.provenance, self.plan.report]
        return [*self.product_files(TABLES), *self.product_files(FIGURES), *whole]


def flat(notes: Mapping[str, Mapping[int, Iterable[str]]]) -> list[str]:
    """Files of notes by method and seed, as a list."""
    return [path for seeds in notes.values() for paths in seeds.values() for path in paths]
