"""Mean average precision of replicate retrieval on aligned wells."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.alignment import align, align_options
    from cwamsn.benchmarks.replicates import replicate_map, summary
    from cwamsn.benchmarks.scores import as_scores
    from cwamsn.embeddings import load_features
    from cwamsn.files import atomic_path
    from cwamsn.tables import read, write

    features, wells = load_features(snakemake.input.embeddings, read("wells", snakemake.input.wells))
    aligned = align(features, wells, snakemake.params.alignment["method"], **align_options(snakemake.params.alignment))
    table = replicate_map(aligned, wells, **snakemake.params.options)
    with atomic_path(snakemake.output.table) as path:
        table.to_parquet(path, index=False)
    write(
        as_scores([summary(table, snakemake.params.in_sample)], **dict(snakemake.params.fixed)),
        "scores",
        snakemake.output.scores,
    )
