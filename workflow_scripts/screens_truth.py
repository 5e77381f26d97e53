"""Fetch the compound-gene truth table."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._screens_spec import full_spec
from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.screens import fetch_truth

    fetch_truth(full_spec(snakemake), snakemake.params.cache, snakemake.output[0])
