"""What the run came from, as provenance.json."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.benchmarks.symbols import table_path
    from cwamsn.notes import read_notes
    from cwamsn.reporting.method_notes import notes_by_method
    from cwamsn.reporting.provenance import write_provenance

    config = snakemake.config
    symbols = table_path(config["gene_gene"]["aliases"]) if "gene_gene" in config["benchmarks"] else None
    write_provenance(
        snakemake.output[0],
        config=config,
        code=snakemake.params.code,
        manifests=dict(snakemake.params.manifests),
        usage_files=dict(snakemake.params.usage),
        products=dict(snakemake.params.products),
        computed_files=dict(snakemake.params.computed),
        notes={
            "screens": {name: read_notes(paths) for name, paths in snakemake.params.screen_notes.items()},
            "rows": notes_by_method(snakemake.params.row_notes),
        },
        resources={"previous gene symbols": symbols} if symbols else {},
    )
