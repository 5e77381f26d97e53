"""Every score of the run in one table."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.benchmarks.scores import gather
    from cwamsn.tables import write

    write(gather(snakemake.input, snakemake.params.methods), "scores", snakemake.output[0])
