"""Stage reporting: scores to tables, figures, provenance, report and releases."""

from cwamsn.reporting.provenance import code_version, config_digest
from cwamsn.reporting.targets import ALSO, COMPARISONS, NEEDS, scored

TABLES = [f"table{number}" for number in range(1, 9)]
FIGURES = ["figure1", "figure3"]
TABLE_FORMATS = ["csv", "md", "tex", "html"]
FIGURE_FORMATS = ["png", "svg"]
CODE = code_version(ROOT)


wildcard_constraints:
    table="|".join(TABLES),
    figure="|".join(FIGURES),


localrules:
    all,
    tables,
    figures,
    report_html,
    provenance,


def report_rows(product):
    """Configured rows of a table or figure, in order."""
    number = {"figure1": 1, "figure3": 2}.get(product) or int(product[-1])
    return [
        row
        for row in ROWS
        if row_kind(row) != "quoted" and number in row_entry(row)["tables"]
    ]


def report_entry(row):
    """What tables print about a row: plain values, so that a change of any of them makes its tables again."""
    keys = [
        "title",
        "group",
        "tables",
        "paper_row",
        "training_data",
        "images",
        "parameters",
    ]
    found = {key: row_entry(row).get(key) for key in keys}
    if row_kind(row) == "trained" and not found["training_data"]:
        found["training_data"] = config["training_screen"]
    return found | {
        "name": row,
        "title": found["title"] or row,
        "kind": row_kind(row),
        "seeds": row_seeds(row),
    }


def product_scores(product):
    """Score files that a table or figure reads: of its own rows and benchmarks, and no others."""
    wanted = [
        *NEEDS[product],
        *(b for b in ALSO.get(product, ()) if b in config["benchmarks"]),
    ]
    return [
        f"{RESULTS}/scores/{row}/seed{seed}/{benchmark}.scores.parquet"
        for row in report_rows(product)
        for seed in row_seeds(row)
        for benchmark in wanted
        if scored(row_kind(row), benchmark)
    ]


def manifests(rows):
    """Files that say where the data of these rows came from, by name."""
    kinds = {row_kind(row) for row in rows}
    names = [config["evaluation_screen"]] if kinds - {"map", "quoted"} else []
    names += [config["training_screen"]] if "trained" in kinds else []
    files = {name: f"{DATA}/{name}/source.json" for name in names if name}
    return files | {
        row: config["embeddings"][row]["path"]
        for row in rows
        if row in config["embeddings"]
    }


def screen_manifests(rows):
    """The part of :func:`manifests` that this workflow makes."""
    return [path for name, path in manifests(rows).items() if name in SCREENS]


def report_setting():
    """What holds for every table and figure of the run."""
    used = {config["evaluation_screen"], config["training_screen"]} - {None}
    return {
        "null": config["gene_gene"]["null_rows"],
        "simulated": any(
            SCREENS[name]["source"].startswith("simulated") for name in used
        ),
        "run_title": config["title"],
        "quoted_rows": config["reporting"]["quoted_rows"],
        "code": CODE,
        "config_sha256": config_digest(config),
    }


def wanted_products(names):
    """Tables and figures that the configured rows and benchmarks make possible."""
    found = []
    for name in names:
        rows = [
            row
            for row in report_rows(name)
            if row_kind(row) != "random" or name not in COMPARISONS
        ]
        sized = [
            row
            for row in rows
            if row_entry(row)["images"] and row_entry(row)["parameters"]
        ]
        enough = (
            len(sized)
            if name == "figure1"
            else len(rows) // (2 if name in COMPARISONS else 1)
        )
        if enough and set(NEEDS[name]) <= set(config["benchmarks"]):
            found.append(name)
    return found


def table_files(names):
    return expand(
        f"{RESULTS}/tables/{{name}}.{{format}}", name=names, format=TABLE_FORMATS
    )


def figure_files(names):
    return expand(
        f"{RESULTS}/figures/{{name}}.{{format}}", name=names, format=FIGURE_FORMATS
    )


rule all:
    default_target: True
    input:
        table_files(wanted_products(TABLES)),
        figure_files(wanted_products(FIGURES)),
        f"{RESULTS}/scores.parquet",
        f"{RESULTS}/provenance.json",


rule tables:
    input:
        table_files(wanted_products(TABLES)),


rule figures:
    input:
        figure_files(wanted_products(FIGURES)),


for _name in TABLES:

    rule:
        name:
            _name
        input:
            table_files([_name]),


for _name in FIGURES:

    rule:
        name:
            _name
        input:
            figure_files([_name]),


rule table:
    input:
        scores=lambda wildcards: product_scores(wildcards.table),
        manifests=lambda wildcards: screen_manifests(report_rows(wildcards.table)),
    output:
        expand(f"{RESULTS}/tables/{{{{table}}}}.{{format}}", format=TABLE_FORMATS[:-1]),
        report(
            f"{RESULTS}/tables/{{table}}.html",
            caption="captions/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        log_path("reporting/{table}"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        entries=lambda wildcards: [
            report_entry(row) for row in report_rows(wildcards.table)
        ],
        setting=report_setting(),
        manifests=lambda wildcards: manifests(report_rows(wildcards.table)),
    script:
        "../workflow_scripts/reporting_table.py"


rule figure:
    input:
        scores=lambda wildcards: product_scores(wildcards.figure),
    output:
        report(
            f"{RESULTS}/figures/{{figure}}.png",
            caption="captions/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        f"{RESULTS}/figures/{{figure}}.svg",
    log:
        log_path("reporting/{figure}"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        entries=lambda wildcards: [
            report_entry(row) for row in report_rows(wildcards.figure)
        ],
        setting=report_setting(),
    script:
        "../workflow_scripts/reporting_figure.py"


rule provenance:
    input:
        tables=table_files(wanted_products(TABLES)),
        figures=figure_files(wanted_products(FIGURES)),
        manifests=screen_manifests(ROWS),
    output:
        f"{RESULTS}/provenance.json",
    log:
        log_path("reporting/provenance"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        code=CODE,
        manifests=manifests(ROWS),
        usage=f"{RESULTS}/usage",
        products={
            name: product_scores(name) for name in wanted_products([*TABLES, *FIGURES])
        },
    script:
        "../workflow_scripts/reporting_provenance.py"
