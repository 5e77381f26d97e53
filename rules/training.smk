"""Stage training: crop index of the training screen to encoder weights, one job a row and seed."""


include: "inputs/devices.smk"
include: "inputs/training.smk"


# The checkpoint is no declared output: Snakemake deletes the outputs of a failed job, and a rerun shall go on from it.
rule train:
    input:
        crops=of_training_screen("crops.parquet"),
        wells=of_training_screen("wells.parquet"),
        statistics=of_training_screen("statistics.json"),
    output:
        weights=f"{RESULTS}/models/{{model}}/seed{{seed}}/encoder.safetensors",
        description=f"{RESULTS}/models/{{model}}/seed{{seed}}/encoder.json",
        log=f"{RESULTS}/models/{{model}}/seed{{seed}}/log.csv",
        notes=f"{RESULTS}/models/{{model}}/seed{{seed}}/notes.json",
    log:
        log_path("train/{model}/seed{seed}"),
    benchmark:
        usage_path("train/{model}/seed{seed}")
    wildcard_constraints:
        model=trained_rows(molecules=False),
    conda:
        "../envs/training.yaml"
    threads: config["training"]["threads"] * PROCESSES
    resources:
        mem_mb=mem_mb(config["training"]["memory_mb"]),
        runtime=runtime(config["training"]["runtime_minutes"]),
        gpu=training_gpus,
    params:
        recipe=lambda wildcards: RECIPES[wildcards.model],
        processes=PROCESSES,
    script:
        "../workflow_scripts/training_train.py"


use rule train as train_with_molecules with:
    wildcard_constraints:
        model=trained_rows(molecules=True),
    conda:
        "../envs/molecules.yaml"


rule training:
    input:
        [
            f"{RESULTS}/models/{row}/seed{seed}/encoder.safetensors"
            for row in RECIPES
            for seed in row_seeds(row)
        ],
