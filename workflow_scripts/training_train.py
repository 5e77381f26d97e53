"""Rule train: crops of the training screen to the encoder of one row."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import os

    from cwamsn.gpus import required_gpus
    from cwamsn.paths import ScreenPaths
    from cwamsn.training import Recipe, end_with, launch

    # a training of hours must not go on when the Snakemake that waits for it was killed
    end_with(os.getppid())
    recipe, processes = Recipe.from_config(snakemake.params.recipe), snakemake.params.processes
    section = snakemake.config["training"]
    launch(
        recipe,
        ScreenPaths(Path(snakemake.input.crops).parent),
        Path(snakemake.output.weights).parent,
        seed=int(snakemake.wildcards.seed),
        threads=max(1, snakemake.threads // processes),
        processes=processes,
        gpus=required_gpus(snakemake.config, "training", recipe.run.device),
        loader_threads=section["loader_threads"],
        loader_depth=section["loader_depth"],
    )
