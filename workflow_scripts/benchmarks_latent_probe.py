"""Share of a simulated screen's phenotype and nuisance that can be read linearly from the embeddings."""

from _job import job, snakemake

with job(snakemake):
    import pandas as pd

    from cwamsn.benchmarks.latent_probe import score
    from cwamsn.benchmarks.shuffled import ShuffleOptions, beside, shuffled_ids
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read

    features, wells = load_features(snakemake.input.embeddings, read("wells", snakemake.input.wells))
    truth = pd.read_parquet(snakemake.input.truth)
    shuffles = ShuffleOptions.from_config(snakemake.params.shuffles)
    result = beside(shuffles, truth, lambda found: score(features, wells, found), by=shuffled_ids)
    result.write(snakemake.output.scores, **snakemake.params.fixed)
