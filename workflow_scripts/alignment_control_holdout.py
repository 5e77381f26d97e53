"""How well an alignment fitted on half of the controls fits the other half."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.alignment import AlignOptions, control_holdout_report
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.embeddings import load_features
    from cwamsn.files import atomic_path

    given = snakemake.input
    all_wells = with_cell_counts(tables.read("wells", given.wells), given.get("qc"), given.get("counts"))
    features, wells = load_features(given.embeddings, all_wells)
    options = AlignOptions.from_config(snakemake.params.options)
    report = control_holdout_report(features, wells, snakemake.params.method, options, threads=snakemake.threads)
    with atomic_path(snakemake.output.report) as path:
        report.to_csv(path, index=False)
