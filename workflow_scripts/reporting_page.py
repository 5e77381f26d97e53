"""The report of the run as one HTML page."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn.reporting import drop_all_incomplete, table_methods
    from cwamsn.reporting.links import LinkedPage
    from cwamsn.reporting.page import ReportInputs, with_suffix, write_report
    from cwamsn.reporting.provenance import read_provenance

    params = snakemake.params
    inputs = ReportInputs(
        record=read_provenance(snakemake.input.record),
        simulated=params.simulated,
        methods=table_methods(params.methods),
        tables=with_suffix(params.tables, ".html"),
        figures=with_suffix(params.figures, ".png"),
        screens=params.screens,
        logs=params.logs,
        paired=params.paired,
        examples=params.examples,
        scores=[snakemake.input.scores],
        command=params.command,
        pages=[LinkedPage(**page) for page in params.pages],
    )
    write_report(inputs, snakemake.output[0])
    # Every table of the run is finished now: what a failed run left is of tables that are complete or no longer made.
    drop_all_incomplete(Path(snakemake.output[0]).parent / "tables")
