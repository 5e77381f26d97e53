"""Every row on one pair of simulated screens."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.studies.point import discard, run_point

    scores = run_point(
        snakemake.wildcards.point,
        int(snakemake.wildcards.screen_seed),
        snakemake.params.screens,
        snakemake.params.methods,
        snakemake.params.first,
        snakemake.params.sections,
        Path(snakemake.params.work),
    )
    tables.write(scores, "study", snakemake.output[0])
    discard(Path(snakemake.params.work))
