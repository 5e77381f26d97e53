"""Parameters and operations of a row's encoder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.reporting.computation import write_computation

    write_computation(snakemake.input[0], snakemake.output[0])
