"""Stage training: crop index of the training screen to encoder weights, one job a row and seed."""

from cwamsn.training import recipe_of


def recipe_of_row(row):
    """The row's own recipe, checked like the shared one."""
    merged = recipe_of(config["training"], config["models"][row] | {"title": row})
    try:
        return {
            key: value
            for key, value in resolve({"training": merged}, SCHEMA)["training"].items()
            if key in merged
        }
    except InputError as error:
        raise InputError(
            str(error).replace("training.", f"models.{row}.recipe.", 1)
        ) from None


try:
    SCHEMA = load_schema(ROOT / "config" / "schemas")
    RECIPES = {
        row: recipe_of_row(row) for row in config["rows"] if row_kind(row) == "trained"
    }
except InputError as error:
    raise WorkflowError(str(error))

PROCESSES = config["training"]["gpus"] or config["training"]["processes"]


def of_training_screen(name):
    """A file of the training screen."""
    return f"{DATA}/{config['training_screen']}/{name}"


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
    log:
        log_path("train/{model}/seed{seed}"),
    benchmark:
        usage_path("train/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind("trained"),
    conda:
        "../envs/training.yaml"
    threads: config["training"]["threads"] * PROCESSES
    resources:
        mem_mb=mem_mb(config["training"]["memory_mb"]),
        runtime=runtime(config["training"]["runtime_minutes"]),
        gpu=config["training"]["gpus"],
    params:
        recipe=lambda wildcards: RECIPES[wildcards.model],
        processes=PROCESSES,
    script:
        "../workflow_scripts/training_train.py"


rule training:
    input:
        [
            f"{RESULTS}/models/{row}/seed{seed}/encoder.safetensors"
            for row in RECIPES
            for seed in SEEDS
        ],
