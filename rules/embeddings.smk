"""Stage embeddings."""


include: "inputs/embeddings.smk"


rule embed:
    """Every well of the evaluation screen through an encoder trained here."""
    input:
        encoder=f"{RESULTS}/models/{{model}}/seed{{seed}}/encoder.safetensors",
        meta=f"{RESULTS}/models/{{model}}/seed{{seed}}/encoder.json",
        crops=evaluation("crops.parquet"),
        statistics=evaluation("statistics.json"),
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
        model=rows_of_kind("trained"),
    conda:
        "../envs/embeddings.yaml"
    threads: config["embedding"]["threads"]
    resources:
        mem_mb=embedding_mem_mb(2000),
        runtime=runtime(config["embedding"]["runtime_minutes"]),
        gpu=embedding_gpus,
    params:
        entry=embedding_entry,
        options=embedding_options,
        max_missing_share=config["max_missing_share"],
    script:
        "../workflow_scripts/embeddings_embed.py"


rule random_embedding:
    """Gaussian vectors: what chance alone scores."""
    input:
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
        model=rows_of_kind("random"),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(10),
    params:
        entry=embedding_entry,
    script:
        "../workflow_scripts/embeddings_embed.py"


rule import_embedding:
    """Published or own embeddings from a file, matched with the wells of the evaluation screen."""
    input:
        file=embedding_file,
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
        model=rows_of_kind("wells", "released"),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2500),
        runtime=runtime(20),
    params:
        entry=embedding_entry,
        max_missing_share=config["max_missing_share"],
    script:
        "../workflow_scripts/embeddings_embed.py"


rule import_map:
    """A finished map from a file, one vector per perturbation."""
    input:
        file=embedding_file,
    output:
        map=f"{RESULTS}/maps/{{model}}/seed{{seed}}.parquet",
        notes=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.notes.json",
    log:
        log_path("embeddings/{model}/seed{seed}"),
    benchmark:
        usage_path("embeddings/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind("map"),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(10),
    params:
        entry=lambda wildcards: row_entry(wildcards.model),
    script:
        "../workflow_scripts/embeddings_import_map.py"


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
        entry=embedding_entry,
        options=embedding_options,
        max_missing_share=config["max_missing_share"],
        accept=config["accept_noncommercial_licence"],
    script:
        "../workflow_scripts/embeddings_embed.py"


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
        entry=embedding_entry,
    script:
        "../workflow_scripts/embeddings_handcrafted_unit.py"


rule handcrafted_embedding:
    """Measured features of all parts, cleaned and scaled."""
    input:
        units=of_evaluation_parts(
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
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(30),
    params:
        entry=embedding_entry,
        max_missing_share=config["max_missing_share"],
    script:
        "../workflow_scripts/embeddings_embed.py"


rule latent_embedding:
    """The latent variables of a simulated evaluation screen, as embeddings."""
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
        entry=embedding_entry,
    script:
        "../workflow_scripts/embeddings_embed.py"
