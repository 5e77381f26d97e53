"""Rule train: crops of the training screen to the encoder of one row."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))

from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.training import launch

    launch(
        snakemake.params.processes,
        recipe=snakemake.params.recipe,
        index_path=snakemake.input.crops,
        data_root=str(Path(snakemake.input.crops).parent),
        statistics_path=snakemake.input.statistics,
        wells_path=snakemake.input.wells,
        out_dir=str(Path(snakemake.output.weights).parent),
        seed=int(snakemake.wildcards.seed),
        threads=max(1, snakemake.threads // snakemake.params.processes),
    )
