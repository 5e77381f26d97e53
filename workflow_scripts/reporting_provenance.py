"""What the run came from, as provenance.json."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.benchmarks.symbols import table_path
    from cwamsn.notes import read_notes
    from cwamsn.paths import evaluated
    from cwamsn.reporting.method_notes import notes_by_method
    from cwamsn.reporting.provenance import Notes, ProvenanceInputs, write_provenance

    config, params = snakemake.config, snakemake.params
    used = any("gene_gene" in benchmarks for benchmarks in evaluated(config).values())
    symbols = table_path(config["gene_gene"]["aliases"]) if used else None
    inputs = ProvenanceInputs(
        config=config,
        code=params.code,
        manifests=params.manifests,
        usage=params.usage,
        products=params.products,
        computed=params.computed,
        encoders=params.encoders,
        notes=Notes(
            screens={name: read_notes(paths) for name, paths in params.screen_notes.items()},
            methods=notes_by_method(params.method_notes),
        ),
        resources={"previous gene symbols": symbols} if symbols else {},
    )
    write_provenance(inputs, snakemake.output[0])
