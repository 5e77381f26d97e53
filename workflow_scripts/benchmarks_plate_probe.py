"""Macro-F1 of technical labels predicted from the embeddings, before and after alignment."""

from _job import job, snakemake

with job(snakemake):
    import pandas as pd

    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks import plate_probe as pp
    from cwamsn.benchmarks.scores import as_scores
    from cwamsn.embeddings import load_features
    from cwamsn.files import atomic_path
    from cwamsn.tables import read, write

    section, how = snakemake.params.options, snakemake.params.alignment
    features, wells = load_features(snakemake.input.embeddings, read("wells", snakemake.input.wells))
    tables = []
    for state in section["embeddings"]:
        method = how["method"] if state == "aligned" else "none"
        if method == "none" and state == "aligned" and "raw" in section["embeddings"]:
            continue
        x = features if method == "none" else align(features, wells, method, AlignOptions.from_config(how))
        table = pp.probe_plates(
            x,
            wells,
            section["plate_readings"],
            section["controls"],
            section["probes"],
            section["folds"],
            section["n_folds"],
            section["neighbours"],
            section["classifier"],
            section["seed"],
            snakemake.threads,
        )
        tables.append(table.assign(alignment=method))
    table = pd.concat(tables, ignore_index=True)
    with atomic_path(snakemake.output.table) as path:
        table.to_parquet(path, index=False)
    parts = [pp.summary(part).assign(alignment=method) for method, part in table.groupby("alignment", sort=False)]
    write(as_scores(parts, **dict(snakemake.params.fixed)), "scores", snakemake.output.scores)
