"""Stage alignment."""


include: "inputs/alignment.smk"


rule align:
    """Embeddings of wells to a map of perturbations, with the default alignment."""
    input:
        embeddings=embedding_of,
        wells=evaluation("wells.parquet"),
    output:
        map=f"{RESULTS}/maps/{{model}}/seed{{seed}}.parquet",
        notes=f"{RESULTS}/maps/{{model}}/seed{{seed}}.notes.json",
    log:
        log_path("alignment/{model}/seed{seed}"),
    benchmark:
        usage_path("alignment/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind(
            "trained",
            "pretrained",
            "handcrafted",
            "latent",
            "released",
            "random",
            "wells",
        ),
    conda:
        "../envs/alignment.yaml"
    threads: config["alignment"]["threads"]
    resources:
        mem_mb=mem_mb(2500),
        runtime=runtime(30),
    params:
        method=config["alignment"]["method"],
        options=ALIGNMENT,
    script:
        "../workflow_scripts/alignment_align.py"


use rule align as align_otherwise with:
    output:
        map=f"{RESULTS}/maps/{{model}}/seed{{seed}}.{{alignment}}.parquet",
        notes=f"{RESULTS}/maps/{{model}}/seed{{seed}}.{{alignment}}.notes.json",
    log:
        log_path("alignment/{model}/seed{seed}.{alignment}"),
    benchmark:
        usage_path("alignment/{model}/seed{seed}.{alignment}")
    wildcard_constraints:
        model=rows_of_kind(
            "trained",
            "pretrained",
            "handcrafted",
            "latent",
            "released",
            "random",
            "wells",
        ),
        alignment=r"[a-z][a-z@0-9-]*",
    params:
        method=lambda wildcards: wildcards.alignment,
        options=ALIGNMENT,


rule control_holdouts:
    """Target: how well the alignment fits controls it was not fitted on, for every row."""
    input:
        [
            f"{RESULTS}/maps/{row}/seed{seed}.control_holdout.csv"
            for row in ROWS
            if row_kind(row) != "map"
            for seed in row_seeds(row)
        ],


rule control_holdout:
    """Mean and standard deviation of the controls that the alignment was not fitted on."""
    input:
        embeddings=embedding_of,
        wells=evaluation("wells.parquet"),
    output:
        report=f"{RESULTS}/maps/{{model}}/seed{{seed}}.control_holdout.csv",
    log:
        log_path("alignment/{model}/seed{seed}.control_holdout"),
    benchmark:
        usage_path("alignment/{model}/seed{seed}.control_holdout")
    conda:
        "../envs/alignment.yaml"
    threads: config["alignment"]["threads"]
    resources:
        mem_mb=mem_mb(2500),
        runtime=runtime(30),
    params:
        method=config["alignment"]["method"],
        options=ALIGNMENT,
    script:
        "../workflow_scripts/alignment_control_holdout.py"
