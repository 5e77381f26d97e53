"""Studies: the configured rows on many pairs of simulated screens, one job a pair, then what they say together."""


include: "inputs/studies.smk"


rule study_point:
    """Make a pair of screens, train and score every row on it. A killed job goes on from what it had finished."""
    output:
        f"{RESULTS}/study/points/{{point}}/{{screen_seed}}.parquet",
    log:
        log_path("study/{point}/{screen_seed}"),
    benchmark:
        usage_path("study/{point}/{screen_seed}")
    wildcard_constraints:
        point="|".join(map(re.escape, STUDY["points"])) or "(?!)",
        screen_seed=r"\d+",
    conda:
        "../envs/studies.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(240),
        gpu=study_gpus,
    params:
        screens=study_screens,
        rows=study_rows,
        first=STUDY["first"],
        sections=STUDY_SECTIONS,
        work=f"{DATA}/study/{config['run']}/{{point}}-{{screen_seed}}",
    script:
        "../workflow_scripts/studies_point.py"


rule study_report:
    """Means, paired differences, claims and plots of all points."""
    input:
        study_files,
    output:
        scores=f"{RESULTS}/study/scores.parquet",
        report=f"{RESULTS}/study/report.md",
        tables=directory(f"{RESULTS}/study/tables"),
    log:
        log_path("study/report"),
    conda:
        "../envs/studies.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(20),
    params:
        study=STUDY,
        titles={row: row_entry(row).get("title") or row for row in ROWS},
        bounds=[row for row in ROWS if row_kind(row) == "latent"],
        screens=study_designs,
        title=config["title"],
        level=config["bootstrap"]["level"],
    script:
        "../workflow_scripts/studies_report.py"


rule study:
    input:
        f"{RESULTS}/study/report.md",
