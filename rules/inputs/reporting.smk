"""Input functions and constants of stage reporting."""

from cwamsn.reporting import targets
from cwamsn.reporting.provenance import code_version, config_digest

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
    if row_kind(row) == "trained":
        found["training_data"] = found["training_data"] or config["training_screen"]
    return found | {
        "name": row,
        "title": found["title"] or row,
        "kind": row_kind(row),
        "seeds": row_seeds(row),
    }


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
    "run_title": config["title"],
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


def made_manifests(rows):
    """Those files of the data manifest that this workflow makes."""
    return [
        path
        for name, path in targets.manifests_of(rows, config, DATA).items()
        if name in SCREENS
    ]


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
