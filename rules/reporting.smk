"""Stage reporting: scores to tables, figures, provenance, report and releases."""


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


rule tables:
    input:
        reporting.product_files(TABLES),


rule figures:
    input:
        reporting.product_files(FIGURES),


rule computation:
    """Parameters and operations of an encoder that a training described."""
    input:
        of(reporting.first_description),
    output:
        plan.computation(),
    log:
        plan.log("computation/{method}"),
    wildcard_constraints:
        method=plan.pattern(TRAINED, ENCODER),
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
        of(reporting.file),
    output:
        plan.digest(),
    log:
        plan.log("digest/{file}"),
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
        scores=of(reporting.scores_in),
        computations=of(reporting.computations_in),
        manifests=of(reporting.manifest_files_in),
        notes=of(reporting.note_files_in),
    output:
        plan.tables("csv"),
        plan.tables("md"),
        plan.tables("tex"),
        report(
            plan.tables("html"),
            caption="captions/table.rst",
            category="Tables",
            labels={"table": plan.on_screen("{product}")},
        ),
    log:
        plan.log(f"table/{plan.on_screen('{product}')}"),
    wildcard_constraints:
        product=one_of(TABLES),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        methods=of(reporting.entries_in),
        context=of(reporting.context),
        manifests=of(reporting.manifests_in),
        notes=of(reporting.notes_in),
        usage=of(reporting.training_usage),
    script:
        "../workflow_scripts/reporting_table.py"


rule figure:
    input:
        scores=of(reporting.scores_in),
        computations=of(reporting.computations_in),
    output:
        report(
            plan.figures("png"),
            caption="captions/figure.rst",
            category="Figures",
            labels={"figure": plan.on_screen("{product}")},
        ),
        plan.figures("svg"),
    log:
        plan.log(f"figure/{plan.on_screen('{product}')}"),
    wildcard_constraints:
        product=one_of(FIGURES),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        methods=of(reporting.entries_in),
        context=of(reporting.context),
    script:
        "../workflow_scripts/reporting_figure.py"


rule provenance:
    """What all results of the run came from."""
    input:
        of(reporting.recorded),
    output:
        plan.provenance,
    log:
        plan.log("provenance"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        code=reporting.version["code"],
        computed=reporting.computed(),
        encoders=reporting.encoders(),
        manifests=reporting.manifests(),
        usage=of(reporting.measured_jobs),
        products=reporting.scores_by_product(),
        method_notes=of(reporting.all_notes),
        screen_notes=of(reporting.screen_notes),
    script:
        "../workflow_scripts/reporting_provenance.py"


rule report_html:
    input:
        tables=reporting.product_files(TABLES),
        figures=reporting.product_files(FIGURES),
        record=plan.provenance,
        screens=reporting.pictures(),
        logs=reporting.log_files(),
        paired=list(reporting.paired().values()),
        scores=plan.all_scores,
    output:
        plan.report,
    log:
        plan.log("report_html"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(20),
    params:
        simulated=reporting.is_simulated(),
        methods=reporting.entries(),
        tables=reporting.files_by_screen(TABLES),
        figures=reporting.files_by_screen(FIGURES),
        screens=reporting.pictured_folders(),
        logs=reporting.training_logs(),
        paired=reporting.paired(),
        examples=config["reporting"]["example_crops"],
        command=own_command(workflow.overwrite_configfiles),
        pages=reporting.pages(),
    script:
        "../workflow_scripts/reporting_page.py"


rule release:
    input:
        reporting.everything(),
        record=plan.provenance,
    log:
        plan.log("release"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        files=reporting.everything(),
        releases=plan.releases,
        workflow=str(ROOT / "Snakefile"),
    script:
        "../workflow_scripts/reporting_release.py"


rule verify:
    log:
        plan.log("verify"),
    conda:
        "../envs/reporting.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
    params:
        releases=plan.releases,
    script:
        "../workflow_scripts/reporting_verify.py"
