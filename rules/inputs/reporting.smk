"""Input functions and constants of stage reporting."""

from cwamsn.reporting import run_jobs, targets
from cwamsn.files import DIGEST
from cwamsn.version import code_version, config_digest

TABLE_FORMATS = ["csv", "md", "tex", "html"]
FIGURE_FORMATS = ["png", "svg"]
PRINTED = [
    "title",
    "group",
    "tables",
    "paper_row",
    "training_data",
    "images",
    "parameters",
    "path",
]


def report_row(row):
    """What tables print about a row: plain values, so that a change of any of them makes its tables again."""
    found = {key: row_entry(row).get(key) for key in PRINTED}
    if not found["path"] and row_entry(row).get("file"):
        found["path"] = f"{DATA}/{config['evaluation_screen']}/{row_entry(row)['file']}"
    if row_kind(row) == "trained":
        found["training_data"] = found["training_data"] or config["training_screen"]
    return found | {
        "name": row,
        "title": found["title"] or row,
        "kind": row_kind(row),
        "seeds": row_seeds(row),
    }


def evaluation_source():
    """Source of the evaluation screen; None where every row is a finished map."""
    return (SCREENS.get(config["evaluation_screen"]) or {}).get("source")


REPORT_ROWS = [report_row(row) for row in ROWS]
REPORT_TABLES = targets.possible(targets.TABLES, REPORT_ROWS, config["benchmarks"])
REPORT_FIGURES = targets.possible(targets.FIGURES, REPORT_ROWS, config["benchmarks"])
USED_SCREENS = targets.screens_of(REPORT_ROWS, config)
PICTURED = {
    name: f"{DATA}/{name}" for name in targets.pictured_screens(REPORT_ROWS, config)
}
LOGS = {
    row["title"]: [
        f"{RESULTS}/models/{row['name']}/seed{seed}/log.csv" for seed in row["seeds"]
    ]
    for row in REPORT_ROWS
    if row["kind"] == "trained"
}
# Descriptions of what trained or embedded: they hold the precision and the device that were taken.
COMPUTED = {
    f"{stage}/{row['name']}/seed{seed}": f"{RESULTS}/{path.format(row['name'], seed)}"
    for stage, kinds, path in (
        ("training", ["trained"], "models/{}/seed{}/encoder.json"),
        ("embeddings", ["trained", "pretrained"], "embeddings/{}/seed{}.json"),
    )
    for row in REPORT_ROWS
    if row["kind"] in kinds
    for seed in row["seeds"]
}
# What holds for every table and figure of the run.
SETTING = {
    "null": config["gene_gene"]["null_rows"],
    "simulated": any(
        SCREENS[name]["source"].startswith("simulated") for name in USED_SCREENS
    ),
    "on_rxrx3_core": evaluation_source() == "rxrx3-core",
    "run_title": config["title"] or config["run"],
    "quoted_rows": config["reporting"]["quoted_rows"],
    "notes": config["reporting"]["notes"],
    "code": code_version(ROOT),
    "config_sha256": config_digest(config),
}


def rows_of(product):
    return targets.rows_of(product, REPORT_ROWS)


def scores_of(product):
    """Scores of the product's rows, and the paired differences among them."""
    of_rows = targets.scores_of(product, REPORT_ROWS, config["benchmarks"], RESULTS)
    return of_rows + targets.comparisons_of(
        product, REPORT_ROWS, config["comparisons"], RESULTS
    )


def manifests_of(rows):
    """What says where the rows' data came from, by name: each screen's `source.json`, a digest of the user's files."""
    return {
        name: path if name in SCREENS else f"{RESULTS}/digests/{name}{DIGEST}"
        for name, path in targets.manifests_of(rows, config, DATA).items()
    }


def digested_file(wildcards):
    """Input function: the file of the user's that a row comes from."""
    return targets.manifests_of(REPORT_ROWS, config, DATA)[wildcards.model]


def jobs_of_rows():
    return run_jobs.row_jobs(REPORT_ROWS, config, RESULTS, has_truth())


def jobs_of_screens(with_parts=True):
    """Jobs of the screens in use, and those that measure features part by part."""
    found, parts = [], {}
    for name in USED_SCREENS:
        pictured = name in PICTURED
        parts[name] = screen_parts(name) if pictured and with_parts else []
        source = SCREENS[name]["source"]
        found += run_jobs.screen_jobs(name, source, parts[name], DATA, pictured)
    return found + run_jobs.part_jobs(
        REPORT_ROWS, parts.get(config["evaluation_screen"], [])
    )


def notes_of_table(table):
    """Files with the notes of a table's rows, by row and seed."""
    jobs = targets.jobs_of(
        table, REPORT_ROWS, config["benchmarks"], jobs_of_rows(), has_truth()
    )
    return run_jobs.notes_of_rows(jobs)


def flat(notes):
    """The files of :func:`notes_of_table` as a list."""
    return [
        path for seeds in notes.values() for paths in seeds.values() for path in paths
    ]


def measured_jobs():
    """Snakemake's measurement of every job of the configured run, by the job's name."""
    jobs = [*jobs_of_screens(), *jobs_of_rows()]
    return {job.usage: usage_path(job.usage) for job in jobs}


def table_files(names):
    return expand(
        f"{RESULTS}/tables/{{name}}.{{format}}", name=names, format=TABLE_FORMATS
    )


def figure_files(names):
    return expand(
        f"{RESULTS}/figures/{{name}}.{{format}}", name=names, format=FIGURE_FORMATS
    )


def everything():
    """What the default run makes. Its target stands in the Snakefile, since an included file cannot set the default."""
    names = ["scores.parquet", "provenance.json", "report.html"]
    return [
        *table_files(REPORT_TABLES),
        *figure_files(REPORT_FIGURES),
        *(f"{RESULTS}/{name}" for name in names),
    ]
