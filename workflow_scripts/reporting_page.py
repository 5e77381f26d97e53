"""The report of the run as one HTML page."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn.reporting import drop_incomplete
    from cwamsn.reporting.page import Parts, write_page
    from cwamsn.reporting.provenance import read_provenance

    write_page(
        Parts(
            record=read_provenance(snakemake.input.record),
            simulated=snakemake.params.simulated,
            rows=list(snakemake.params.rows),
            tables=[Path(path) for path in snakemake.input.tables if path.endswith(".html")],
            figures=[Path(path) for path in snakemake.input.figures if path.endswith(".png")],
            screens={name: Path(folder) for name, folder in snakemake.params.screens.items()},
            logs={title: [Path(path) for path in paths] for title, paths in snakemake.params.logs.items()},
            examples=snakemake.params.examples,
        ),
        snakemake.output[0],
    )
    # Every table of the run is finished now: what a failed run left is of tables that are complete or no longer made.
    drop_incomplete(Path(snakemake.output[0]).parent / "tables")
