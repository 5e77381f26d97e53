"""CWA-MSN from raw plates to the paper's tables and figures."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"
include: "rules/screens.smk"
include: "rules/crops.smk"
include: "rules/checks.smk"
include: "rules/training.smk"
include: "rules/embeddings.smk"
include: "rules/heads.smk"
include: "rules/alignment.smk"
include: "rules/profiles.smk"
include: "rules/plates.smk"
include: "rules/atlas.smk"
include: "rules/benchmarks.smk"
include: "rules/reporting.smk"
include: "rules/studies.smk"


onstart:
    from cwamsn.where import outputs, trainings

    begin(Path.cwd(), local=workflow.local_exec)
    for job in workflow.dag.jobs:
        if job.rule.name == "wells":
            needs.claim(job.wildcards.screen)
    if line := trainings(outputs(workflow.dag.needrun_jobs()), plan):
        logger.info(line)


onsuccess:
    from cwamsn.where import has_pages, outputs, products

    made = outputs(workflow.dag.jobs)
    if has_pages(made):
        from cwamsn.reporting.links import refresh_links

        refresh_links(plan.report)
    for line in products(made, plan):
        logger.info(line)


onerror:
    from cwamsn.reporting.partial import mark_stale, write_partial_tables

    unfinished = list(workflow.dag.needrun_jobs())
    if any(job.rule.name == "report_html" for job in unfinished):
        mark_stale(plan.report)
    for gap in write_partial_tables(
        job for job in unfinished if job.rule.name == "table"
    ):
        logger.error(f"gap in {gap}")


rule all:
    default_target: True
    input:
        reporting.everything(),
        needs.embeddings_and_maps(),
