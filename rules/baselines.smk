"""Embeddings of rows that are not trained here: public weights, measured features, the truth of a simulated screen."""


include: "inputs/baselines.smk"


rule pretrained_embedding:
    """Every well of the evaluation screen through an encoder with public weights."""
    input:
        weights=weights_file,
        crops=evaluation("crops.parquet"),
        wells=evaluation("wells.parquet"),
    output:
        embeddings=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.parquet",
        counts=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.json",
        notes=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.notes.json",
    log:
        log_path("embeddings/{model}/seed{seed}"),
    benchmark:
        usage_path("embeddings/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind("pretrained"),
    conda:
        "../envs/pretrained.yaml"
    threads: config["embedding"]["threads"]
    resources:
        mem_mb=embedding_mem_mb(4000),
        runtime=runtime(config["embedding"]["runtime_minutes"]),
        gpu=embedding_gpus,
    params:
        entry=lambda wildcards: row_entry(wildcards.model),
        options=embedding_options,
        max_missing_share=config["max_missing_share"],
        accept=config["accept_noncommercial_licence"],
    script:
        "../workflow_scripts/baselines_pretrained.py"


rule handcrafted_part:
    """Measured features of the wells of one part of the evaluation screen."""
    input:
        crops=evaluation_part(".parquet"),
        shards=evaluation_part(""),
    output:
        features=f"{RESULTS}/embeddings/{{model}}/parts/{{part}}.parquet",
    log:
        log_path("embeddings/{model}/parts/{part}"),
    benchmark:
        usage_path("embeddings/{model}/parts/{part}")
    wildcard_constraints:
        model=rows_of_kind("handcrafted"),
    conda:
        "../envs/handcrafted.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(600),
    params:
        entry=lambda wildcards: row_entry(wildcards.model),
    script:
        "../workflow_scripts/baselines_handcrafted_part.py"


rule handcrafted_embedding:
    """Measured features of all parts, cleaned and scaled."""
    input:
        parts=of_evaluation_parts(
            f"{RESULTS}/embeddings/{{model}}/parts/{{part}}.parquet"
        ),
        wells=evaluation("wells.parquet"),
    output:
        embeddings=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.parquet",
        counts=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.json",
        notes=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.notes.json",
    log:
        log_path("embeddings/{model}/seed{seed}"),
    benchmark:
        usage_path("embeddings/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind("handcrafted"),
    conda:
        "../envs/handcrafted.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(30),
    params:
        max_missing_share=config["max_missing_share"],
    script:
        "../workflow_scripts/baselines_handcrafted.py"


rule latent_embedding:
    """What a simulated evaluation screen was drawn from, as embeddings."""
    input:
        truth=simulated_truth,
        wells=evaluation("wells.parquet"),
    output:
        embeddings=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.parquet",
        counts=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.json",
        notes=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.notes.json",
    log:
        log_path("embeddings/{model}/seed{seed}"),
    benchmark:
        usage_path("embeddings/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind("latent"),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(10),
    params:
        part=lambda wildcards: row_entry(wildcards.model)["part"],
    script:
        "../workflow_scripts/baselines_latent.py"
