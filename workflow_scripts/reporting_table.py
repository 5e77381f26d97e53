"""One table as CSV, Markdown, LaTeX and HTML."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.reporting import TableInputs, write_table

    write_table(TableInputs.of(snakemake).make(snakemake.wildcards.product), snakemake.output)
