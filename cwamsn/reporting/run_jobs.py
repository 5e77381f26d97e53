"""The jobs of a configured run, by name: what each was measured as and where its notes lie.

Provenance, tables and report take from here which files belong to the run. What an earlier configuration left beside
them does not enter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Rows = list[dict[str, Any]]
ON_MAPS = ("gene_gene", "compound_gene")


@dataclass(frozen=True)
class Job:
    """One job. `usage` is its measurement below `usage/`, without suffix; `notes` its output of that name.

    `step` is train, embeddings, alignment, compare_rows or a benchmark for a job of a row and seed, and the rule for a
    job of a screen.
    """

    step: str
    usage: str
    notes: str | None = None
    row: str | None = None
    seed: int | None = None
    screen: str | None = None
    also: bool = False  # with another alignment than the tables'
    other: str | None = None  # the row that a comparison compares with


def needs_map(benchmark: str, has_truth: bool) -> bool:
    """Whether a benchmark reads the aligned map: replicate retrieval only for the targets of a truth table."""
    return benchmark in ON_MAPS or (benchmark == "replicate_map" and has_truth)


def row_jobs(rows: Rows, config: Mapping[str, Any], results: str, has_truth: bool) -> list[Job]:
    """Jobs of the configured rows, in order: training, embedding, alignment, benchmarks, comparisons.

    A part of a measured-feature embedding has a job of its own, which writes no notes; see :func:`part_jobs`.
    """
    seeds = {row["name"]: row["seeds"] for row in rows}
    found = []
    for row in rows:
        for seed in row["seeds"]:
            found += _of_row(row, seed, config, results, has_truth)
    for first, second in config["comparisons"] if "gene_gene" in config["benchmarks"] else ():
        for seed in seeds.get(first, ()):
            if seed in seeds.get(second, ()):
                notes = f"{results}/scores/{first}/seed{seed}/minus_{second}.notes.json"
                usage = f"compare_rows/{first}-{second}/seed{seed}"
                found.append(Job("compare_rows", usage, notes, first, seed, other=second))
    return found


def _of_row(row: dict[str, Any], seed: int, config: Mapping[str, Any], results: str, has_truth: bool) -> list[Job]:
    name, given = row["name"], row["kind"] == "map"
    place = f"{name}/seed{seed}"
    benchmarks = [b for b in config["benchmarks"] if not given or b == "gene_gene"]
    default = config["alignment"]["method"]
    found = []
    if row["kind"] == "trained":
        found.append(Job("train", f"train/{place}", f"{results}/models/{place}/notes.json", name, seed))
    found.append(Job("embeddings", f"embeddings/{place}", f"{results}/embeddings/{place}.notes.json", name, seed))
    if not given and any(needs_map(b, has_truth) for b in benchmarks):
        found.append(Job("alignment", f"alignment/{place}", f"{results}/maps/{place}.notes.json", name, seed))
    for benchmark in benchmarks:
        notes = f"{results}/scores/{place}/{benchmark}.notes.json"
        found.append(Job(benchmark, f"{benchmark}/{place}", notes, name, seed))
    on_maps = [b for b in benchmarks if b in ON_MAPS]
    for other in config["alignment"]["also"] if on_maps and not given else ():
        if other != default:
            notes = f"{results}/maps/{place}.{other}.notes.json"
            found.append(Job("alignment", f"alignment/{place}.{other}", notes, name, seed, also=True))
            for benchmark in on_maps:
                notes = f"{results}/scores/{place}/{other}/{benchmark}.notes.json"
                found.append(Job(benchmark, f"{benchmark}/{place}.{other}", notes, name, seed, also=True))
    return found


def part_jobs(rows: Rows, parts: Iterable[str]) -> list[Job]:
    """Jobs that measure the features of one part of the evaluation screen."""
    handcrafted = [row["name"] for row in rows if row["kind"] == "handcrafted"]
    return [Job("embeddings", f"embeddings/{row}/parts/{part}", row=row) for row in handcrafted for part in parts]


def screen_jobs(screen: str, source: str, parts: Iterable[str], data: str, pictured: bool) -> list[Job]:
    """Jobs of a screen; `pictured`: its images are needed, part by part."""
    found = [Job("wells", f"wells/{screen}", f"{data}/{screen}/wells.notes.json", screen=screen)]
    if source.startswith("simulated-"):
        found.append(Job("simulate_layout", f"simulate_layout/{screen}", screen=screen))
    if not pictured:
        return found
    simulated = {"simulated-bray": "simulate_plate", "simulated-rxrx3-core": "simulate_shard"}.get(source)
    for part in parts:
        steps = [*([simulated] if simulated else ()), "fetch", "crops_part"]
        found += [Job(step, f"{step}/{screen}/{part}", screen=screen) for step in steps]
    gathered = f"{data}/{screen}/crops.notes.json"
    return [*found, Job("crops_gather", f"crops_gather/{screen}", gathered, screen=screen)]


def notes_of_screens(jobs: Iterable[Job]) -> dict[str, list[str]]:
    """Files with the notes of each screen's jobs."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        if job.screen is not None and job.notes:
            found.setdefault(job.screen, []).append(job.notes)
    return found


def notes_of_rows(jobs: Iterable[Job]) -> dict[str, dict[int, list[str]]]:
    """Files with the notes of each row's jobs, by seed."""
    found: dict[str, dict[int, list[str]]] = {}
    for job in jobs:
        if job.row is not None and job.notes:
            found.setdefault(job.row, {}).setdefault(job.seed, []).append(job.notes)
    return found
