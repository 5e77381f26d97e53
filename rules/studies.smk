"""Studies: the configured methods on many pairs of simulated screens, one job per pair, then what they show together."""


rule study_point:
    """Make a pair of screens, train and score every method on it. A killed job continues from what it had finished.

    Points share evaluation screens, which the report removes.
    """
    output:
        plan.study_scores(),
    log:
        plan.log("study/{point}/{screen_seed}"),
    benchmark:
        plan.usage("study/{point}/{screen_seed}")
    conda:
        "../envs/studies.yaml"
    threads: study_threads
    resources:
        mem_mb=study_mem_mb,
        runtime=study_runtime,
        gpu=study_gpus,
    params:
        screens=of(study.screens),
        methods=of(study.methods),
        first=config["study"]["first"],
        sections=study.sections,
        work=plan.study_work(),
        shared=plan.study_screens(),
    script:
        "../workflow_scripts/studies_point.py"


rule study_report:
    """Means, paired differences, claims and plots of all points."""
    input:
        of(study.scores),
    output:
        scores=plan.study("scores.parquet"),
        report=plan.study("report.md"),
        tables=directory(plan.study("tables")),
    log:
        plan.log("study/report"),
    conda:
        "../envs/studies.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(20),
    params:
        study=config["study"],
        titles=study.titles(),
        bounds=study.bounds(),
        screens=of(study.designs),
        title=config["title"],
        level=config["bootstrap"]["level"],
        shared=plan.study_screens(),
    script:
        "../workflow_scripts/studies_report.py"


rule study:
    input:
        plan.study("report.md"),
