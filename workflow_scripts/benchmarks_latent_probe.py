"""Share of a simulated screen's phenotype and nuisance that can be read linearly from the embeddings."""

from _job import job, snakemake

with job(snakemake):
    import pandas as pd

    from cwamsn.benchmarks.latent_probe import latent_probe
    from cwamsn.benchmarks.scores import as_scores
    from cwamsn.embeddings import load_features
    from cwamsn.embeddings.latent import PARTS, latent_columns
    from cwamsn.tables import read, write

    features, wells = load_features(snakemake.input.embeddings, read("wells", snakemake.input.wells))
    truth = pd.read_parquet(snakemake.input.truth)
    table = latent_probe(features, wells, truth, {part: latent_columns(truth, part) for part in PARTS})
    fixed = dict(snakemake.params.fixed) | {"alignment": "none"}
    write(as_scores([table], **fixed), "scores", snakemake.output.scores)
