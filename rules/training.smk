"""Stage training: crop index of the training screen to encoder weights, one job per method and seed."""


# The checkpoint is not a declared output: Snakemake deletes the outputs of a failed job, and a rerun continues from it.
rule train:
    input:
        unpack(of(needs.training_data)),
    output:
        weights=plan.model().weights,
        description=plan.model().description,
        log=plan.model().log,
        notes=plan.model().notes,
    log:
        plan.log("train/{method}/seed{seed}"),
    benchmark:
        plan.usage("train/{method}/seed{seed}")
    wildcard_constraints:
        method=one_of(needs.imaged()),
    conda:
        "../envs/training.yaml"
    threads: training_threads
    resources:
        mem_mb=training_mem_mb,
        runtime=runtime(config["training"]["runtime_minutes"]),
        gpu=training_gpus,
        slurm_extra=SAVE_BEFORE_TIME_LIMIT,
    params:
        recipe=of(needs.recipe),
        processes=PROCESSES,
    script:
        "../workflow_scripts/training_train.py"


use rule train as train_with_molecules with:
    wildcard_constraints:
        method=one_of(needs.molecular()),
    conda:
        "../envs/molecules.yaml"


rule training:
    input:
        needs.all_models(),
