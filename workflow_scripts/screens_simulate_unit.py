"""Write the images of one part of a simulated screen."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.simulate import simulate_unit

    simulate_unit(snakemake.params.spec, snakemake.params.host, snakemake.wildcards.part)
