"""What a run's tables and figures are made from: plain data and paths, worked out when the workflow is parsed.

`rows` are the configured rows in order, dictionaries with `name`, `kind`, `seeds`, `tables` and what tables print.
"""

from collections.abc import Iterable
from typing import Any

from cwamsn.reporting.run_jobs import Job, needs_map

PAPER_TABLES = [f"table{number}" for number in range(1, 9)]
FURTHER_TABLES = ["replicates", "signal", "latent"]  # of benchmarks that the paper has no table of: every row's
TABLES = PAPER_TABLES + FURTHER_TABLES
FIGURES = ["figure1", "figure3"]

NEEDS: dict[str, tuple[str, ...]] = {
    **{f"table{number}": ("gene_gene",) for number in (1, 3, 4, 5, 6, 7)},
    "table2": ("compound_gene",),
    "table8": ("plate_probe",),
    "figure1": ("gene_gene",),
    "figure3": ("compound_gene",),
    "replicates": ("replicate_map",),
    "signal": ("signal",),
    "latent": ("latent_probe",),
}

# Read too where the run computes them anyway.
ALSO: dict[str, tuple[str, ...]] = {"table8": ("gene_gene",)}

# Tables that compare variants of one method: with fewer than two rows beside chance they say nothing.
COMPARISONS = ("table3", "table4", "table5", "table6")

# Products that print the size of trained encoders, of their training data, or the device they were trained on.
SIZED = ("table1", "table4", "table7", "figure1")

Rows = list[dict[str, Any]]


def scored(kind: str, benchmark: str) -> bool:
    """Whether a row of this kind has scores of a benchmark; a finished map has those of gene_gene alone."""
    return kind != "quoted" and (kind != "map" or benchmark == "gene_gene")


def rows_of(product: str, rows: Rows) -> Rows:
    """Rows of a table or figure."""
    if product in FURTHER_TABLES:
        return [row for row in rows if all(scored(row["kind"], b) for b in NEEDS[product])]
    number = {"figure1": 1, "figure3": 2}.get(product) or int(product.removeprefix("table"))
    return [row for row in rows if row["kind"] != "quoted" and number in row["tables"]]


def scores_of(product: str, rows: Rows, benchmarks: Iterable[str], results: str) -> list[str]:
    """Score files that a table or figure reads: of its own rows and benchmarks, and no others."""
    wanted = [*NEEDS[product], *(b for b in ALSO.get(product, ()) if b in benchmarks)]
    return [
        f"{results}/scores/{row['name']}/seed{seed}/{benchmark}.scores.parquet"
        for row in rows_of(product, rows)
        for seed in row["seeds"]
        for benchmark in wanted
        if scored(row["kind"], benchmark)
    ]


def comparisons_of(product: str, rows: Rows, pairs: Iterable[tuple[str, str]], results: str) -> list[str]:
    """Paired differences of two rows of a product, of those `pairs` that the configuration compares, seed by seed."""
    seeds = {row["name"]: row["seeds"] for row in rows_of(product, rows)}
    return [
        f"{results}/scores/{first}/seed{seed}/minus_{second}.scores.parquet"
        for first, second in pairs
        if product in PAPER_TABLES and product != "table8" and {first, second} <= seeds.keys()
        for seed in seeds[first]
        if seed in seeds[second]
    ]


def jobs_of(product: str, rows: Rows, benchmarks: Iterable[str], jobs: Iterable[Job], has_truth: bool) -> list[Job]:
    """Those `jobs` (:func:`cwamsn.reporting.run_jobs.row_jobs`) whose results stand in a product."""
    names = {row["name"] for row in rows_of(product, rows)}
    wanted = {*NEEDS[product], *(b for b in ALSO.get(product, ()) if b in benchmarks)}
    steps = {"train", "embeddings", *wanted}
    steps |= {"alignment"} if any(needs_map(b, has_truth) for b in wanted) else set()
    steps |= {"compare_rows"} if product in PAPER_TABLES and product != "table8" else set()
    return [
        job for job in jobs if job.row in names and job.step in steps and not job.also and job.other in {None, *names}
    ]


def possible(products: Iterable[str], rows: Rows, benchmarks: Iterable[str]) -> list[str]:
    """Those of `products` that the configured rows and benchmarks make worth making."""
    found = []
    for product in products:
        own = [row for row in rows_of(product, rows) if any(scored(row["kind"], b) for b in NEEDS[product])]
        own = [row for row in own if row["kind"] != "random" or product not in (*COMPARISONS, "table7", "figure1")]
        if product in ("table7", "figure1"):
            own = [row for row in own if row["kind"] == "trained" or row["parameters"]]
        if len(own) >= (2 if product in COMPARISONS else 1) and set(NEEDS[product]) <= set(benchmarks):
            found.append(product)
    return found


def computations_of(product: str, rows: Rows, results: str) -> list[str]:
    """Counts of the trained encoders that a product prints."""
    trained = [row for row in rows_of(product, rows) if row["kind"] == "trained"]
    return [f"{results}/models/{row['name']}/computation.json" for row in trained] if product in SIZED else []


def training_usage(rows: Rows, results: str) -> dict[str, list[str]]:
    """Snakemake's measurement of each training job, by row; table 4 prints it."""
    return {
        row["name"]: [f"{results}/usage/train/{row['name']}/seed{seed}.tsv" for seed in row["seeds"]]
        for row in rows
        if row["kind"] == "trained"
    }


def screens_of(rows: Rows, config: dict[str, Any]) -> list[str]:
    """Screens that the rows come from: the training screen of trained rows, the evaluation screen of all but maps."""
    kinds = {row["kind"] for row in rows}
    names = [config["training_screen"]] if "trained" in kinds else []
    names += [config["evaluation_screen"]] if kinds - {"map", "quoted"} else []
    return [name for name in dict.fromkeys(names) if name]


def pictured_screens(rows: Rows, config: dict[str, Any]) -> list[str]:
    """Those of :func:`screens_of` whose images are needed: a file of embeddings needs none."""
    seen = [row for row in rows if row["kind"] in ("trained", "pretrained", "handcrafted")]
    return screens_of(seen, config)


def manifests_of(rows: Rows, config: dict[str, Any], data: str) -> dict[str, str]:
    """Files that say where the data of these rows came from, by name: each screen's `source.json`, the user's files."""
    files = {name: f"{data}/{name}/source.json" for name in screens_of(rows, config)}
    return files | {row["name"]: row["path"] for row in rows if row.get("path")}
