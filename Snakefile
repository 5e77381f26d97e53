"""CWA-MSN from raw plates to the paper's tables and figures."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"
include: "rules/screens.smk"
include: "rules/crops.smk"
include: "rules/training.smk"
include: "rules/embeddings.smk"
include: "rules/alignment.smk"
include: "rules/benchmarks.smk"
include: "rules/reporting.smk"
include: "rules/studies.smk"


onstart:
    begin(Path.cwd(), local=workflow.local_exec)
    for name in {
        job.wildcards.screen
        for job in workflow.dag.jobs
        if job.rule.name == "wells"
    }:
        claim(
            f"{DATA}/{name}", config["run"], RESULTS, screen_settings(config, name)
        )
    if line := trainings(planned(workflow.dag.needrun_jobs()), RESULTS):
        logger.info(line)


onsuccess:
    for line in products(planned(workflow.dag.jobs), RESULTS):
        logger.info(line)


rule all:
    default_target: True
    input:
        everything(),
        embeddings_and_maps(),
