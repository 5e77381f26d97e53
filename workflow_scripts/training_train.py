"""Rule train: crops of the training screen to the encoder of one row."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import os

    from cwamsn.gpus import required_gpus
    from cwamsn.training import end_with, launch

    # a training of hours must not go on when the Snakemake that waits for it was killed
    end_with(os.getppid())
    launch(
        snakemake.params.processes,
        gpus=required_gpus(snakemake.config, "training", snakemake.params.recipe["device"]),
        recipe=snakemake.params.recipe,
        index_path=snakemake.input.crops,
        data_root=str(Path(snakemake.input.crops).parent),
        statistics_path=snakemake.input.statistics,
        wells_path=snakemake.input.wells,
        out_dir=str(Path(snakemake.output.weights).parent),
        seed=int(snakemake.wildcards.seed),
        threads=max(1, snakemake.threads // snakemake.params.processes),
    )
