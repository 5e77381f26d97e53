"""Which file needs which, and what decides a result: the input functions and parameters of the rules.

Every method takes names (of a screen, a method, a unit) and returns paths or plain values, so that the workflow knows
before it runs what each job waits for. Imports no pandas, no torch and no Snakemake.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from cwamsn.alignment_names import steps_of
from cwamsn.config import crops_of_screen, embedding_of_method, load_schema
from cwamsn.encoder_files import EncoderFiles, encoder_files
from cwamsn.errors import InputError, nearest
from cwamsn.jobs import COMPARED, ON_MAPS, WITH_OWN_TABLE, needs_map
from cwamsn.methods import Method, chain
from cwamsn.paths import NO_SCREEN, own_table_of
from cwamsn.plan import Plan
from cwamsn.recipes import MOLECULAR, complete_recipe
from cwamsn.screen_specs import host_spec, lacks_images, local_files, parse_spec, unit_state, units
from cwamsn.screen_specs.image_options import ImageOptions
from cwamsn.screen_specs.morphohelm import MorphoHelmSpec
from cwamsn.screens_in_use import check, claim
from cwamsn.screens_in_use import settings as screen_settings
from cwamsn.vocabulary import doses_kept

# Keys of a screen that do not change what is fetched.
MANNER = ("channel_map", "retry", "watch_images", "crops", "microns_per_pixel", "cell_counts")
# Keys of `images` that say which planes and files are fetched; the others say how they are read.
IMAGES_FETCHED = ("planes", "illumination")


class Needs:
    """What the jobs of a run need.

    Parameters
    ----------
    plan : paths of the run.
    guards : whether to refuse a screen's folder that another run made with other settings.
    """

    def __init__(self, plan: Plan, guards: bool = False) -> None:
        self.plan, self.config, self.guards = plan, plan.config, guards

    # Screens

    def units(self, screen: str) -> list[str]:
        """Units of a screen, known before anything is fetched."""
        return self._of_screen(screen, units, screen, self.spec(screen))

    def spec(self, screen: str) -> Mapping[str, Any]:
        """A screen's keys."""
        return self.plan.screens[screen]

    def _of_screen(self, screen: str, function: Any, *arguments: Any) -> Any:
        """Result of `function`; what is wrong with the user's files names the screen."""
        try:
            return function(*arguments)
        except InputError as error:
            raise InputError(f"screens.{screen}: {error}") from None

    def _guard(self, screen: str) -> None:
        """Refuse a screen's folder that another run made with other settings."""
        if self.guards:
            root = self.plan.screen(screen).root
            check(root, screen, self.plan.run, screen_settings(self.config, screen))

    def claim(self, screen: str) -> None:
        """Record that the run uses a screen's folder, and with what settings."""
        root = self.plan.screen(screen).root
        claim(root, self.plan.run, self.plan.results, screen_settings(self.config, screen))

    def source_spec(self, screen: str) -> dict[str, object]:
        """The screen's keys as its real source takes them, those that decide what is fetched."""
        spec = host_spec(screen, self.spec(screen), self.plan.data)
        kept = {key: value for key, value in spec.items() if key not in MANNER}
        images = kept.get("images")
        if images is None or isinstance(images, Mapping):
            fetched = {key: images[key] for key in IMAGES_FETCHED if images and isinstance(images[key], Mapping)}
            kept = {key: value for key, value in kept.items() if key != "images"}
            kept |= {"images": fetched} if fetched else {}
        return kept

    def tables_of_screen(self, screen: str, kind: str) -> list[str]:
        """What the `kind` of table (metadata, truth, released) of a screen is made from, as far as it is local."""
        self._guard(screen)
        if self.plan.is_simulated(screen):
            return [str(self.plan.screen(screen).simulated_truth)]
        return self._of_screen(screen, local_files, self.spec(screen), kind)

    def unit_state(self, screen: str, unit: str) -> str:
        """Changes when the user's own images of a unit do."""
        return self._of_screen(screen, unit_state, self.spec(screen), unit)

    def host_files(self, screen: str, unit: str) -> list[str]:
        """What a simulated screen's unit waits for: its five zips, or its shard and those it may share wells with."""
        spec, paths = self.spec(screen), self.plan.screen(screen)
        if spec["source"] == MorphoHelmSpec.source:
            raise InputError(
                f"screens.{screen}: has published profiles and no images; leave out the methods that train on images "
                "or embed them"
            )
        if lacks_images(spec):
            raise InputError(
                f"screens.{screen}.load_data: is null, and this run needs images of the screen; give load_data, or "
                "leave out the methods that train on images or embed them"
            )
        if spec["source"] == "simulated-bray":
            return [str(path).format(unit=unit) for path in paths.simulated_plate]
        if spec["source"] == "simulated-rxrx3-core":
            shards = self.units(screen)
            at = shards.index(unit)
            return [str(paths.simulated_shard).format(unit=shard) for shard in shards[max(0, at - 1) : at + 2]]
        return []

    # Checks

    def used_screens(self) -> list[str]:
        """Screens that the run trains on or evaluates on."""
        names = [self.plan.training_screen, *(s for s in self.plan.evaluated if s != NO_SCREEN)]
        names += [self.learned_on(m.name) for m in self.plan.methods if m.kind.learns]
        return [name for name in dict.fromkeys(names) if name]

    def all_check_files(self) -> list[str]:
        """What a check of the run's screens waits for: files that the simulator writes, and the user's own tables."""
        found: list[str] = []
        for screen in self.used_screens():
            found += self.tables_of_screen(screen, "metadata")
            if self.plan.is_simulated(screen):
                found += [path for unit in self.units(screen) for path in self.host_files(screen, unit)]
        return list(dict.fromkeys(found))

    def specs_to_check(self) -> dict[str, dict[str, object]]:
        """Keys of the run's screens as their real sources take them."""
        licence = self.config["accept_noncommercial_licence"]
        return {
            name: {**host_spec(name, self.spec(name), self.plan.data), "accept_noncommercial_licence": licence}
            for name in self.used_screens()
        }

    # Crops

    def crop_keys(self, screen: str) -> dict[str, object]:
        """What of a screen's keys decides the bytes of its crops."""
        return {"channel_map": self.spec(screen).get("channel_map")} | self.images(screen)

    def images(self, screen: str) -> dict[str, object]:
        """The key `images` of a screen as a parameter; nothing where it says nothing, as for most screens."""
        found = self._of_screen(screen, parse_spec, self.spec(screen)).image_options()
        found = dataclasses.replace(found, microns_per_pixel=None)  # it changes no crop
        return {} if found == ImageOptions() else {"images": dataclasses.asdict(found)}

    def crop_options(self, screen: str) -> dict[str, object]:
        """What of the section `crops` decides the crops of a unit; the key `plates` only judges all units together.

        Without the key `cells` where none are counted: crops of before it came are not made again.
        """
        section = crops_of_screen(self.config, screen)
        return {k: v for k, v in section.items() if k != "plates" and (k != "cells" or v["count"])}

    def crop_plates(self, screen: str) -> dict[str, object]:
        """What to do about whole plates of a screen; and the size of its pixels where it is known."""
        size = self._of_screen(screen, parse_spec, self.spec(screen)).pixel_size()
        return crops_of_screen(self.config, screen)["plates"] | ({} if size is None else {"microns_per_pixel": size})

    def of_units(self, screen: str, file: str) -> list[str]:
        """One file (`index`, `qc`, `statistics`) of every unit of a screen."""
        self._guard(screen)
        return [str(getattr(self.plan.screen(screen).unit(unit), file)) for unit in self.units(screen)]

    def all_crops(self) -> list[str]:
        """Crop indices of the screens of the run."""
        return [str(self.plan.screen(name).crops) for name in self.used_screens()]

    # Training

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """Schema of the configuration."""
        return load_schema(self.plan.root / "config" / "schemas")

    @cached_property
    def recipes(self) -> dict[str, Mapping[str, Any]]:
        """Complete recipe of each trained method of the run."""
        return {m.name: complete_recipe(self.config, self.schema, m.name) for m in self.trained()}

    def trained(self) -> list[Method]:
        """Methods of the run that are trained here."""
        return [method for method in self.plan.methods if method.kind.trains]

    def recipe(self, method: str) -> Mapping[str, Any]:
        """Complete recipe of a method."""
        return self.recipes[method]

    def molecular(self) -> list[str]:
        """Trained methods whose training looks at molecules."""
        return [name for name, recipe in self.recipes.items() if recipe["objective"] in MOLECULAR]

    def imaged(self) -> list[str]:
        """Trained methods whose training looks at images alone."""
        return [name for name in self.recipes if name not in self.molecular()]

    def training_data(self) -> dict[str, str]:
        """Crops, wells and channel statistics of the training screen."""
        if self.plan.training_screen is None:
            raise InputError("training_screen: is missing; name the screen that methods of kind trained learn from")
        screen = self.plan.screen(self.plan.training_screen)
        return {"crops": str(screen.crops), "wells": str(screen.wells), "statistics": str(screen.statistics)}

    def all_models(self) -> list[str]:
        """Weights of every training of the run."""
        return [str(self.plan.model(m.name, seed).weights) for m in self.trained() for seed in m.seeds]

    # Embeddings

    def entry(self, method: str) -> Mapping[str, Any]:
        """A method's entry in the configuration."""
        return self.plan.defined[method].entry

    def entry_of_embeddings(self, method: str) -> dict[str, object]:
        """Keys of a method's entry that its embeddings depend on."""
        return self.plan.defined[method].entry_of_embeddings

    def embedding_options(self, method: str) -> dict[str, object]:
        """How a method's images are embedded, without what says how a job is run."""
        return embedding_of_method(self.config["embedding"], method, self.entry(method)["embedding"])

    def kept_wells(self, screen: str, method: str) -> str:
        """Which wells of a screen a method embeds: those of which the screen keeps images.

        Methods that see no image follow those that do, so that a table compares them on the same wells; a file brings
        its own wells.
        """
        kind = self.plan.defined[method].kind
        pictured = any(other.kind.needs_images for other in self.plan.methods)
        if kind.reads_file or not (kind.needs_images or pictured):
            return "all"
        return str(self.config["screens"].get(screen, {}).get("keep", "all"))

    def embedding_file(self, screen: str, method: str) -> str:
        """The file that a method's vectors are read from."""
        if path := self.file_of(self.plan.defined[method], screen):
            return path
        entry = self.entry(method)
        where = f"; published at {entry['url']}" if entry.get("url") else ""
        raise InputError(f"definitions.{method}.path: is missing; give the path of a local copy{where}")

    def embedding_table(self, method: str) -> list[str]:
        """The table with the ids of a file's rows, where a method names one."""
        return [table] if (table := self.entry(method).get("table")) else []

    def file_of(self, method: Method, screen: str) -> str | None:
        """File of embeddings or weights that a method names; of a released one perhaps beside the screen's images."""
        if method.kind.brings_encoder:
            return str(self.encoder(method.name).weights)
        if method.path:
            return method.path.replace("{screen}", screen)
        if method.entry.get("file") and screen in self.plan.screens:
            return str(self.plan.screen(screen).root / method.entry["file"])
        return None

    @cached_property
    def encoders(self) -> dict[str, EncoderFiles]:
        """Files of each method of the run that brings its encoder; InputError, naming the key, where there are none."""
        return {m.name: self._encoder(m) for m in self.plan.methods if m.kind.brings_encoder}

    def _encoder(self, method: Method) -> EncoderFiles:
        try:
            return encoder_files(method.path or "")
        except InputError as error:
            raise InputError(f"definitions.{method.name}.path: {error}") from None

    def encoder(self, method: str) -> EncoderFiles:
        """Files of the encoder that a method brings."""
        return self.encoders.get(method) or self._encoder(self.plan.defined[method])

    def encoder_weights(self, method: str) -> str:
        """Weights of the encoder that a method brings."""
        return str(self.encoder(method).weights)

    def encoder_description(self, method: str) -> str:
        """What the training of the encoder that a method brings wrote about it."""
        return str(self.encoder(method).description)

    def weights(self, method: str) -> list[str]:
        """Local weight files that a pretrained method names; none where its weights are fetched."""
        entry = self.entry(method)
        return [entry[key] for key in ("path", "backbone_path") if entry[key]]

    def features_of_units(self, screen: str, method: str) -> list[str]:
        """Measured features of every unit of a screen."""
        return [self.plan.unit_features(screen, method, unit) for unit in self.units(screen)]

    def features_of_fields(self, screen: str, method: str) -> list[str]:
        """Measured features of the fields of every unit of a screen."""
        return [self.plan.unit_field_features(screen, method, unit) for unit in self.units(screen)]

    def simulated_truth(self, screen: str) -> str:
        """What the wells of a screen were drawn from, which only a simulated one has."""
        if not self.plan.is_simulated(screen):
            raise InputError(
                f"screens.{screen}: is not simulated; methods of kind latent and the benchmark latent_probe need a "
                "simulated evaluation screen, leave them out"
            )
        return str(self.plan.screen(screen).simulated_truth)

    def wells_embedded(self, screen: str, method: str, seed: str) -> str:
        """Embeddings of a screen's wells; finished maps have none."""
        if not self.plan.defined[method].kind.embeds_wells:
            raise InputError(f"method {method}: has no embeddings of wells")
        return self.plan.embeddings(screen, method, seed)

    # Alignment

    def doses(self, screen: str) -> Sequence[float] | None:
        """Doses in a screen's maps, µM; None: all."""
        return doses_kept(self.config["alignment"]["concentrations"], self.plan.source(screen))

    def alignment_options(self, screen: str) -> dict[str, object]:
        """What of the section `alignment` changes a map, so that a change of the rest recomputes none."""
        rest = {k: v for k, v in self.config["alignment"].items() if k not in ("method", "also", "threads")}
        return rest | {"concentrations": self.doses(screen)}

    def alignment_method(self, alignment: str | None = None) -> str:
        """The alignment of a job."""
        return alignment or self.config["alignment"]["method"]

    def alignment(self, alignment: str | None = None) -> dict[str, object]:
        """The section `alignment` with the method of a job."""
        return self.config["alignment"] | {"method": self.alignment_method(alignment)}

    def cells(self, screen: str) -> dict[str, str]:
        """Where the cells of a screen's wells are counted, if an alignment or the least number of cells takes them."""
        names = (self.config["alignment"]["method"], *self.config["alignment"]["also"])
        steps = [step.name for name in names for step in steps_of(name, self.config["alignment"]["recipes"])]
        return self.all_cells(screen) if self._has_minimum() or "regress-cell-count" in steps else {}

    def _has_minimum(self) -> bool:
        """Whether wells need a number of cells to be scored."""
        return any(self.config["minimum_cells"][key] is not None for key in ("number", "quantile"))

    def all_cells(self, screen: str) -> dict[str, str]:
        """The user's own table of cells per well, else the QC table where cells are counted; else the wells say it."""
        if screen == NO_SCREEN:
            return {}
        spec = self.spec(screen)
        if own := spec["cell_counts"]:
            if not Path(own).is_file():
                raise InputError(f"screens.{screen}.cell_counts: {own}: no such file; correct the path")
            return {"counts": own}
        counted = crops_of_screen(self.config, screen)["cells"]["count"] and not lacks_images(spec)
        return {"qc": str(self.plan.screen(screen).qc)} if counted else {}

    def control_holdouts(self) -> list[str]:
        """Control hold-outs of every method with embeddings, on every screen."""
        return [self.plan.control_holdout(screen, m.name, seed) for screen, m, seed in self.embedded()]

    def embedded(self) -> list[tuple[str, Method, int]]:
        """Every embedding of wells that the run computes: screen, method, seed."""
        return [
            (screen, method, seed)
            for screen in self.plan.evaluated
            for method in self.plan.methods
            if method.kind.embeds_wells
            for seed in method.seeds
        ]

    # Profiles

    def profiles(self) -> list[str]:
        """Profiles of every method with embeddings, on every screen."""
        return [str(self.plan.profiles(screen, m.name, seed).anndata) for screen, m, seed in self.embedded()]

    def neighbours(self) -> list[str]:
        """Neighbours by every method with embeddings, on every screen."""
        return [str(self.plan.profiles(screen, m.name, seed).neighbours) for screen, m, seed in self.embedded()]

    def hits(self) -> list[str]:
        """Hit lists of every method with embeddings, on every screen."""
        return [str(self.plan.profiles(screen, m.name, seed).hits) for screen, m, seed in self.embedded()]

    def of_profiles(self, screen: str, method: str, seed: str) -> dict[str, str]:
        """What profiles are made from: embeddings, wells, and what says more of them where the method has it."""
        kind = self.plan.defined[method].kind
        found = {"embeddings": self.wells_embedded(screen, method, seed), "wells": str(self.plan.screen(screen).wells)}
        if kind.needs_images:
            found["crops"] = str(self.plan.screen(screen).crops)
            found |= self.all_cells(screen)
        else:
            found |= self.cells(screen)
        if kind.described:
            trained = str(self.plan.model(method, seed).description)
            found["description"] = trained if kind.trains else self.encoder_description(method)
        if kind.reads_file:
            found["file"] = self.embedding_file(screen, method)
        return found

    # Atlas

    def all_atlases(self) -> list[str]:
        """The atlas of every method whose embeddings say something, of its first seed, on every screen."""
        return list(self.atlases().values())

    def atlases(self) -> dict[tuple[str, str], str]:
        """The same by screen and method."""
        shown = [(on, m, seed) for on, m, seed in self._shown_on_plates() if not m.kind.chance]
        return {(on, m.name): str(self.plan.profiles(on, m.name, seed).atlas) for on, m, seed in shown}

    def of_atlas(self, screen: str, method: str, seed: str) -> dict[str, str]:
        """What an atlas is made from: profiles, and crops where the run makes crops of the screen."""
        found = {"profiles": str(self.plan.profiles(screen, method, seed).anndata)}
        return found | ({"crops": str(self.plan.screen(screen).crops)} if self._has_crops(screen) else {})

    def title_of_atlas(self, screen: str, method: str) -> str:
        """What the page is called."""
        return f"{self.plan.defined[method].title} on {screen}"

    def _has_crops(self, screen: str) -> bool:
        """Whether the run makes crops of a screen."""
        evaluated = screen in self.plan.evaluated
        return screen == self.plan.training_screen or (
            evaluated and any(m.kind.needs_images for m in self.plan.methods)
        )

    # Plates

    def all_plates(self) -> list[str]:
        """Plates of the screens that the run uses."""
        return [str(self.plan.plates(screen).page) for screen in self.used_screens()]

    def of_plates(self, screen: str) -> dict[str, str | list[str]]:
        """What the page of a screen's plates shows: its QC and crops where the run makes crops of it, and profiles."""
        paths = self.plan.screen(screen)
        found: dict[str, str | list[str]] = {"wells": str(paths.wells)}
        if self._has_crops(screen):
            found |= {"qc": str(paths.qc), "crops": str(paths.crops)}
        shown = [(m, seed) for on, m, seed in self._shown_on_plates() if on == screen]
        return found | {"profiles": [str(self.plan.profiles(screen, m.name, seed).anndata) for m, seed in shown]}

    def labels_of_plates(self, screen: str) -> list[str]:
        """What the profiles of :meth:`of_plates` are called."""
        return [method.name for on, method, _ in self._shown_on_plates() if on == screen]

    def _shown_on_plates(self) -> list[tuple[str, Method, int]]:
        """One embedding per method and screen: of the first seed."""
        first: dict[tuple[str, str], tuple[str, Method, int]] = {}
        for screen, method, seed in self.embedded():
            first.setdefault((screen, method.name), (screen, method, seed))
        return list(first.values())

    def about_profiles(self, screen: str, method: str) -> dict[str, object]:
        """What of the configuration profiles say of where they come from."""
        found, source = self.plan.defined[method], self.plan.source(screen)
        return {
            "run": self.plan.run,
            "screen": {"name": screen, "source": source, "simulated": self.plan.is_simulated(screen)},
            "method": {"name": method, "kind": found.kind.name},
            "view": self.embedding_options(method) if found.kind.encodes else {},
        }

    def alignments(self) -> list[str]:
        """The alignment of the tables, then the further ones of the run."""
        return list(dict.fromkeys([self.config["alignment"]["method"], *self.config["alignment"]["also"]]))

    # Benchmarks

    def fixed(
        self, benchmark: str, screen: str, method: str, seed: str, alignment: str | None = None
    ) -> dict[str, object]:
        """Columns of the scores table that are the same in every row of a benchmark's file."""
        return {
            "run": self.plan.run,
            "screen": None if screen == NO_SCREEN else screen,
            "method": method,
            "seed": int(seed),
            "benchmark": benchmark,
            "alignment": self.alignment_method(alignment) if self.plan.defined[method].kind.embeds_wells else None,
        }

    def own_symbols(self) -> dict[str, str]:
        """The user's table of gene symbols, so that a change of it is noticed."""
        path = self.config["gene_gene"]["aliases"]
        return {"aliases": path} if path not in (None, "hgnc") else {}

    def gene_gene(self, screen: str, method: str, seed: str) -> dict[str, str]:
        """Beside the map: the wells, and embeddings for noise ceiling and levels; neither for a finished map."""
        found = self.own_symbols()
        if self.plan.defined[method].kind.embeds_wells:
            found["wells"] = str(self.plan.screen(screen).wells)
            found |= self.cells(screen)
            if self.config["gene_gene"]["split_half_repeats"] or self._has_levels_of_genes():
                found["embeddings"] = self.plan.embeddings(screen, method, seed)
        return found

    def _has_levels_of_genes(self) -> bool:
        """Whether gene-gene recalls are scored at a level that the map alone does not give."""
        return set(self.config["gene_gene"]["levels"]) != {"NR"}

    def training_wells(self, screen: str, method: str) -> dict[str, str]:
        """Wells of the training screen, for a method that was trained on another one than it is scored on."""
        trained, other = any(m.kind.trains for m in self.chain(method)), self.plan.training_screen
        return {"training_wells": str(self.plan.screen(other).wells)} if trained and other not in (None, screen) else {}

    def truth(self, screen: str) -> str:
        """Known compound-gene relationships that a screen is scored with."""
        if not self.plan.has_truth(screen):
            raise InputError(
                f"screens.{screen}: comes with no known compound-gene relationships; set compound_gene.truth, or leave "
                "compound_gene out of evaluate"
            )
        return self.plan.truth(screen)

    def labels(self, screen: str) -> dict[str, str]:
        """The table of mechanisms, the user's before the screen's, and of gene symbols; a change of them is noticed."""
        published = str(self.plan.screen(screen).labels) if self.plan.has_labels(screen) else None
        path = self.config["enrichment"]["labels"] or published
        return self.own_symbols() | ({"labels": path} if path else {})

    def published_set(self, screen: str) -> str | None:
        """Which of MorphoHELM's sets a screen is."""
        return self.spec(screen).get("set")

    def relations(self, screen: str) -> dict[str, str]:
        """What MorphoHELM's protocol scores enrichment of on a screen."""
        if self.plan.source(screen) != MorphoHelmSpec.source:
            raise InputError(
                f"screens.{screen}: the benchmark morphohelm is of screens with the source morphohelm; for others take "
                "retrieval and enrichment"
            )
        if self.plan.has_labels(screen):
            return {"labels": str(self.plan.screen(screen).labels)}
        if self.spec(screen)["set"] == "cpg-crispr":
            return {"gene_pairs": str(self.plan.screen(screen).gene_pairs)}
        return {}

    def twin(self, screen: str, method: str, seed: str) -> dict[str, str]:
        """Embeddings of a method's untrained twin: the one that is named, else its own network; some have neither."""
        options, found = self.config["geometry"], self.plan.defined[method]
        if other := (options["twins"] or {}).get(method):
            if other not in self.plan.defined:
                raise InputError(
                    f"geometry.twins.{method}: {other!r} is no method; {nearest(other, self.plan.defined)}"
                )
            seeds = self.plan.defined[other].seeds
            return {"twin": self.wells_embedded(screen, other, seed if int(seed) in seeds else str(seeds[0]))}
        return {"twin": self.plan.untrained(screen, method, seed)} if self.plan.has_untrained(found) else {}

    def twin_sample(self) -> dict[str, int]:
        """Which wells untrained twins embed."""
        options = self.config["geometry"]
        return {"max_wells": options["max_wells"], "sample_seed": options["seed"]}

    def known_targets(self, screen: str) -> dict[str, str]:
        """The user's table of targets, so that a change of it is noticed, else the screen's truth table, if any."""
        path = self.config["matching"]["targets"]
        if path:
            return {"targets": path}
        return {"truth": self.plan.truth(screen)} if self.plan.has_truth(screen) else {}

    def targets(self, screen: str, method: str, seed: str) -> dict[str, str]:
        """Map and truth table for the retrieval of shared targets, where there is a truth table."""
        if not self.plan.has_truth(screen):
            return {}
        return {"map": self.plan.map(screen, method, seed), "truth": self.plan.truth(screen)}

    def is_in_sample(self, screen: str, method: str) -> bool | None:
        """Whether a method was trained on the screen that it is scored on, as far as the configuration says.

        None: it does not; where an encoder was trained elsewhere, its description may.
        """
        found = self.chain(method)
        if any(m.kind.trains for m in found) and self.plan.training_screen == screen:
            return True
        stated: bool | None = found[-1].entry.get("sees_evaluation_screen", False)
        learned = any(m.kind.learns and self.learned_on(m.name) != screen for m in found)
        return None if learned and stated is False else stated

    def training_elsewhere(self, screen: str, method: str, seed: str) -> dict[str, list[str]]:
        """What the training of an encoder that a method brings wrote about it, and that of a head on its features.

        A head that was learned on the very screen leaves out what it saw there.
        """
        found = self.chain(method)
        paths = [self.encoder_description(m.name) for m in found if m.kind.brings_encoder]
        for above in found:
            if above.kind.learns and self.learned_on(above.name) != screen:
                paths.append(str(self.plan.model(above.name, self.seed_of(above.name, seed)).head_description))
        return {"training": paths} if paths else {}

    # Methods on the features of another

    def chain(self, method: str) -> list[Method]:
        """A method and those that its features come from."""
        return chain(method, self.plan.defined)

    def seed_of(self, method: str, seed: str) -> str:
        """The seed of a method whose features one with this seed takes: the same, or its first."""
        seeds = self.plan.defined[method].seeds
        return seed if int(seed) in seeds else str(seeds[0])

    def learned_on(self, method: str) -> str:
        """The screen that a head is learned on: its own key, `training_screen`, or the one that is evaluated."""
        screen = self.entry(method)["learn_on"] or self.plan.training_screen or self.plan.only_screen
        if screen is None or screen == NO_SCREEN:
            raise InputError(f"definitions.{method}.learn_on: is missing; name the screen that the head is learned on")
        if screen not in self.plan.screens:
            raise InputError(
                f"definitions.{method}.learn_on: no screen is called {screen!r}; {nearest(screen, self.plan.screens)}"
            )
        return str(screen)

    def missing_share(self, screen: str) -> float:
        """Largest share of a screen's wells that may lack an embedding; a head is learned on those that there are."""
        share: float = self.config["max_missing_share"]
        return share if screen in self.plan.evaluated else 1.0

    def comparison(self, screen: str, method: str, other: str, seed: str) -> dict[str, str]:
        """What two methods are compared by: maps, with what recalls and compounds need; tables of other benchmarks."""
        found = self.own_symbols()
        benchmarks = self._comparable(screen, self.plan.defined[method], self.plan.defined[other])
        levels = self._has_levels_of_genes() and self._embed_wells(method, other)
        for which, name in (("first", method), ("second", other)):
            if "gene_gene" in benchmarks:
                found[f"{which}_map"] = self.plan.map(screen, name, seed)
            for benchmark in WITH_OWN_TABLE:
                if benchmark in benchmarks:
                    found[f"{which}_{benchmark}"] = own_table_of(self.plan.scores(benchmark, screen, name, seed))
            if "gene_gene" in benchmarks and levels:
                found[f"{which}_embeddings"] = self.plan.embeddings(screen, name, seed)
        if {"gene_gene", "compound_gene"} <= set(benchmarks):
            found["truth"] = self.truth(screen)
        if {"truth", "first_embeddings"} & found.keys():
            found |= {"wells": str(self.plan.screen(screen).wells)} | self.cells(screen)
        return found

    def _embed_wells(self, *methods: str) -> bool:
        return all(self.plan.defined[name].kind.embeds_wells for name in methods)

    def _comparable(self, screen: str, *methods: Method) -> list[str]:
        """Benchmarks of a screen that all `methods` have and that methods are compared by; none without the main ones.

        Compounds are compared beside genes alone, whose maps they share.
        """
        shared = [b for b in self.plan.benchmarks(screen) if all(method.kind.has(b) for method in methods)]
        compared = [b for b in shared if b in COMPARED]
        return compared if {"gene_gene", *WITH_OWN_TABLE} & set(compared) else []

    def score_files(self) -> list[str]:
        """Scores of every method on every screen, then of the comparisons."""
        return [path for screen in self.plan.evaluated for path in self._scores_on(screen)]

    def gathered_scores(self) -> list[str]:
        """:meth:`score_files`; InputError where there are methods to be scored and none has a score."""
        files = self.score_files()
        if not files and any(method.kind.measured for method in self.plan.methods):
            raise InputError(
                "evaluate: no method of the run is scored; write evaluate: {screen: [benchmarks]}, or [gene_gene] for "
                "finished maps (kind: map)"
            )
        return files

    def _scores_on(self, screen: str) -> list[str]:
        benchmarks, files = self.plan.benchmarks(screen), []
        for method in self.plan.methods:
            own = [b for b in benchmarks if method.kind.has(b)]
            for seed in method.seeds:
                files += [self.plan.scores(b, screen, method.name, seed) for b in own]
                files += [
                    self.plan.scores(b, screen, method.name, seed, other)
                    for other in self._further_alignments(method)
                    for b in own
                    if b in ON_MAPS
                ]
        return files + [
            self.plan.difference(screen, first.name, second.name, seed) for first, second, seed in self.compared(screen)
        ]

    def _further_alignments(self, method: Method) -> list[str]:
        """Alignments that a method's maps are made with beside that of the tables."""
        default = self.config["alignment"]["method"]
        return [other for other in self.config["alignment"]["also"] if other != default and method.kind.embeds_wells]

    def compared(self, screen: str, methods: Iterable[Method] | None = None) -> list[tuple[Method, Method, int]]:
        """Pairs of `methods` (default: all of the run) that the configuration compares, seed by seed."""
        known = {method.name: method for method in (self.plan.methods if methods is None else methods)}
        return [
            (known[first], known[second], seed)
            for first, second in self.config["comparisons"]
            if {first, second} <= known.keys() and self._comparable(screen, known[first], known[second])
            for seed in known[first].seeds
            if seed in known[second].seeds
        ]

    def embeddings_and_maps(self) -> list[str]:
        """Embeddings and maps that the scores come from. Targets of their own: deleted, they are recomputed."""
        embeddings = [self.plan.embeddings(screen, m.name, seed) for screen, m, seed in self.embedded()]
        maps = []
        for screen, method, seed in self.embedded():
            benchmarks = self.plan.benchmarks(screen)
            also = self.config["alignment"]["also"] if set(ON_MAPS) & set(benchmarks) else []
            if any(needs_map(benchmark, self.plan.has_truth(screen)) for benchmark in benchmarks):
                maps += [self.plan.map(screen, method.name, seed, alignment) for alignment in (None, *also)]
        return list(dict.fromkeys(embeddings + maps))
