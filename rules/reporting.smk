"""Stage reporting: scores to tables, figures, provenance, report and releases."""


include: "inputs/reporting.smk"


wildcard_constraints:
    table="|".join(targets.TABLES),
    figure="|".join(targets.FIGURES),


localrules:
    tables,
    figures,
    computation,
    digest,
    table,
    figure,
    provenance,
    report_html,
    release,
    verify,


onerror:
    from cwamsn.reporting.partial import mark_stale, write_partial_tables
    from snakemake.logging import logger

    if any(job.rule.name == "report_html" for job in workflow.dag.needrun_jobs()):
        mark_stale(f"{RESULTS}/report.html")
    for gap in write_partial_tables(
        job for job in workflow.dag.needrun_jobs() if job.rule.name == "table"
    ):
        logger.error(f"gap in {gap}")


rule tables:
    input:
        table_files(REPORT_TABLES),


rule figures:
    input:
        figure_files(REPORT_FIGURES),


for _name in targets.TABLES:

    rule:
        name:
            _name
        input:
            table_files([_name]),
        localrule: True


for _name in targets.FIGURES:

    rule:
        name:
            _name
        input:
            figure_files([_name]),
        localrule: True


rule computation:
    input:
        lambda wildcards: f"{RESULTS}/models/{wildcards.model}/seed{row_seeds(wildcards.model)[0]}/encoder.json",
    output:
        f"{RESULTS}/models/{{model}}/computation.json",
    log:
        log_path("computation/{model}"),
    wildcard_constraints:
        model=rows_of_kind("trained"),
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(10),
    script:
        "../workflow_scripts/reporting_computation.py"


rule digest:
    """SHA-256 of a user's file, taken once for all tables and the provenance."""
    input:
        digested_file,
    output:
        f"{RESULTS}/digests/{{model}}{DIGEST}",
    log:
        log_path("digest/{model}"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(30),
    script:
        "../workflow_scripts/reporting_digest.py"


rule table:
    input:
        scores=lambda wildcards: scores_of(wildcards.table),
        computations=lambda wildcards: targets.computations_of(
            wildcards.table, REPORT_ROWS, RESULTS
        ),
        manifests=lambda wildcards: manifests_of(rows_of(wildcards.table)).values(),
        notes=lambda wildcards: flat(notes_of_table(wildcards.table)),
    output:
        expand(f"{RESULTS}/tables/{{{{table}}}}.{{format}}", format=TABLE_FORMATS[:-1]),
        report(
            f"{RESULTS}/tables/{{table}}.html",
            caption="captions/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        log_path("table/{table}"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        methods=lambda wildcards: rows_of(wildcards.table),
        context=SETTING,
        manifests=lambda wildcards: manifests_of(rows_of(wildcards.table)),
        notes=lambda wildcards: notes_of_table(wildcards.table),
        usage=lambda wildcards: targets.training_usage(
            rows_of(wildcards.table), RESULTS
        ),
    script:
        "../workflow_scripts/reporting_table.py"


rule figure:
    input:
        scores=lambda wildcards: scores_of(wildcards.figure),
        computations=lambda wildcards: targets.computations_of(
            wildcards.figure, REPORT_ROWS, RESULTS
        ),
    output:
        report(
            f"{RESULTS}/figures/{{figure}}.png",
            caption="captions/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        f"{RESULTS}/figures/{{figure}}.svg",
    log:
        log_path("figure/{figure}"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        methods=lambda wildcards: rows_of(wildcards.figure),
        context=SETTING,
    script:
        "../workflow_scripts/reporting_figure.py"


rule provenance:
    """What all results of the run came from; hence it waits for every score, not for those of the tables alone."""
    input:
        table_files(REPORT_TABLES),
        figure_files(REPORT_FIGURES),
        COMPUTED.values(),
        f"{RESULTS}/scores.parquet",
        manifests_of(REPORT_ROWS).values(),
        lambda wildcards: flat(run_jobs.notes_of_rows(jobs_of_rows())),
        lambda wildcards: [job.notes for job in jobs_of_screens(False) if job.notes],
    output:
        f"{RESULTS}/provenance.json",
    log:
        log_path("provenance"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        code=SETTING["code"],
        computed=COMPUTED,
        manifests=manifests_of(REPORT_ROWS),
        usage=lambda wildcards: measured_jobs(),
        products={name: scores_of(name) for name in [*REPORT_TABLES, *REPORT_FIGURES]},
        method_notes=lambda wildcards: run_jobs.notes_of_rows(jobs_of_rows()),
        screen_notes=lambda wildcards: run_jobs.notes_of_screens(jobs_of_screens(False)),
    script:
        "../workflow_scripts/reporting_provenance.py"


rule report_html:
    input:
        tables=table_files(REPORT_TABLES),
        figures=figure_files(REPORT_FIGURES),
        record=f"{RESULTS}/provenance.json",
        screens=[
            f"{folder}/{name}.parquet"
            for folder in PICTURED.values()
            for name in ("qc", "crops")
        ],
        logs=[path for paths in LOGS.values() for path in paths],
    output:
        f"{RESULTS}/report.html",
    log:
        log_path("report_html"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(20),
    params:
        simulated=SETTING["simulated"],
        methods=REPORT_ROWS,
        tables={"": table_files(REPORT_TABLES)},
        figures={"": figure_files(REPORT_FIGURES)},
        screens=PICTURED,
        logs=LOGS,
        examples=config["reporting"]["example_crops"],
    script:
        "../workflow_scripts/reporting_page.py"


rule release:
    input:
        everything(),
        record=f"{RESULTS}/provenance.json",
    log:
        log_path("release"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        files=everything(),
        releases=f"{config['paths']['results']}/releases",
        workflow=str(ROOT / "Snakefile"),
    script:
        "../workflow_scripts/reporting_release.py"


rule verify:
    log:
        log_path("verify"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        releases=f"{config['paths']['results']}/releases",
    script:
        "../workflow_scripts/reporting_verify.py"
