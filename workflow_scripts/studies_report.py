"""What all points of a study show."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import pandas as pd

    from cwamsn import tables
    from cwamsn.studies.report import write_report

    scores = pd.concat([tables.read("study", path) for path in snakemake.input], ignore_index=True)
    tables.write(scores, "study", snakemake.output.scores)
    write_report(
        scores,
        snakemake.params.study,
        snakemake.params.titles,
        snakemake.params.bounds,
        snakemake.params.screens,
        snakemake.params.title,
        Path(snakemake.output.tables),
        Path(snakemake.output.report),
        snakemake.params.level,
    )
