"""The jobs of a configured run, by name: what each was measured as and where its notes lie.

Provenance, tables and report take from here which files belong to the run. What an earlier configuration left beside
them does not enter.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cwamsn.methods import Method
from cwamsn.paths import notes_of
from cwamsn.plan import Plan

ON_MAPS = ("gene_gene", "compound_gene")
WITH_OWN_TABLE = ("retrieval", "enrichment", "matching")  # methods are compared by the benchmark's own tables
COMPARED = (*ON_MAPS, *WITH_OWN_TABLE)
SIMULATED_UNITS = {"simulated-bray": "simulate_plate", "simulated-rxrx3-core": "simulate_shard"}


@dataclass(frozen=True)
class Job:
    """One job. `usage` is its measurement below `usage/`, without suffix; `notes` its output of that name.

    `step` is train, well_table, embeddings, untrained, alignment, compare_methods or a benchmark for a job of a method
    and seed, and the rule for a job of a screen.
    """

    step: str
    usage: str
    notes: str | None = None
    method: str | None = None
    seed: int | None = None
    screen: str | None = None
    also: bool = False
    """With another alignment than the tables'."""
    other: str | None = None
    """The method that a comparison compares with."""


def needs_map(benchmark: str, has_truth: bool) -> bool:
    """Whether a benchmark reads the aligned map: replicate retrieval only for the targets of a truth table."""
    return benchmark in ON_MAPS or (benchmark == "replicate_map" and has_truth)


def method_jobs(plan: Plan, screen: str, compared: Iterable[tuple[Method, Method, int]]) -> list[Job]:
    """Jobs of the configured methods on a screen, in order: training, embedding, alignment, benchmarks, comparisons.

    Each unit of a measured-feature embedding has a job of its own, which writes no notes; see :func:`unit_jobs`.
    """
    found = [job for method in plan.methods for seed in method.seeds for job in _of_method(plan, screen, method, seed)]
    for first, second, seed in compared:
        notes = notes_of(plan.difference(screen, first.name, second.name, seed))
        usage = f"compare_methods/{screen}/{first.name}-{second.name}/seed{seed}"
        found.append(Job("compare_methods", usage, notes, first.name, seed, other=second.name))
    return found


def _of_method(plan: Plan, screen: str, method: Method, seed: int) -> list[Job]:
    name, aligns = method.name, method.kind.embeds_wells
    place = f"{screen}/{name}/seed{seed}"
    benchmarks = [b for b in plan.benchmarks(screen) if method.kind.has(b)]
    found = []
    if method.kind.trains:
        found.append(Job("train", f"train/{name}/seed{seed}", str(plan.model(name, seed).notes), name, seed))
    if method.kind.learns:
        found.append(Job("train", f"heads/{name}/seed{seed}", str(plan.model(name, seed).notes), name, seed))
    if model := plan.published_model(screen, method):
        notes = str(plan.screen(screen).well_table_notes).replace("{model}", model)
        found.append(Job("well_table", f"well_table/{screen}/{model}", notes, name, seed))
    found.append(Job("embeddings", f"embeddings/{place}", notes_of(plan.embeddings(screen, name, seed)), name, seed))
    if aligns and any(needs_map(benchmark, plan.has_truth(screen)) for benchmark in benchmarks):
        found.append(Job("alignment", f"alignment/{place}", notes_of(plan.map(screen, name, seed)), name, seed))
    if "geometry" in benchmarks and plan.has_untrained(method):
        found.append(Job("untrained", f"untrained/{place}", notes_of(plan.untrained(screen, name, seed)), name, seed))
    for benchmark in benchmarks:
        notes = notes_of(plan.scores(benchmark, screen, name, seed))
        found.append(Job(benchmark, f"{benchmark}/{place}", notes, name, seed))
    on_maps = [b for b in benchmarks if b in ON_MAPS]
    for other in plan.config["alignment"]["also"] if on_maps and aligns else ():
        if other != plan.config["alignment"]["method"]:
            notes = notes_of(plan.map(screen, name, seed, other))
            found.append(Job("alignment", f"alignment/{place}.{other}", notes, name, seed, also=True))
            for benchmark in on_maps:
                notes = notes_of(plan.scores(benchmark, screen, name, seed, other))
                found.append(Job(benchmark, f"{benchmark}/{place}.{other}", notes, name, seed, also=True))
    return found


def unit_jobs(plan: Plan, screen: str, units: Iterable[str]) -> list[Job]:
    """Jobs that measure the features of one unit of an evaluated screen."""
    names = [method.name for method in plan.methods if method.kind.by_unit]
    return [Job("embeddings", f"embeddings/{screen}/{name}/units/{u}", method=name) for name in names for u in units]


def screen_jobs(plan: Plan, screen: str, units: Iterable[str], pictured: bool) -> list[Job]:
    """Jobs of a screen; `pictured`: its images are needed, unit by unit."""
    paths, source = plan.screen(screen), plan.source(screen)
    found = [Job("wells", f"wells/{screen}", str(paths.wells_notes), screen=screen)]
    if plan.is_simulated(screen):
        found.append(Job("simulate_layout", f"simulate_layout/{screen}", screen=screen))
    if not pictured:
        return found
    simulated = [SIMULATED_UNITS[source]] if source in SIMULATED_UNITS else []
    for unit in units:
        found += [Job(step, f"{step}/{screen}/{unit}", screen=screen) for step in (*simulated, "fetch", "crops_unit")]
    return [*found, Job("crops_gather", f"crops_gather/{screen}", str(paths.crops_notes), screen=screen)]


def notes_by_screen(jobs: Iterable[Job]) -> dict[str, list[str]]:
    """Files with the notes of each screen's jobs."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        if job.screen is not None and job.notes:
            found.setdefault(job.screen, []).append(job.notes)
    return found


def notes_by_method(jobs: Iterable[Job]) -> dict[str, dict[int, list[str]]]:
    """Files with the notes of each method's jobs, by seed, each once."""
    found: dict[str, dict[int, list[str]]] = {}
    for job in jobs:
        if job.method is not None and job.seed is not None and job.notes:
            paths = found.setdefault(job.method, {}).setdefault(job.seed, [])
            if job.notes not in paths:
                paths.append(job.notes)
    return found
