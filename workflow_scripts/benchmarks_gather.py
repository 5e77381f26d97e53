"""Every score of the run in one table."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.benchmarks.scores import gather
    from cwamsn.tables import write

    write(gather(snakemake.input, snakemake.params.rows), "scores", snakemake.output[0])
