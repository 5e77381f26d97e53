"""Fetch the embeddings that are published with a screen."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._screens_spec import full_spec
from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.screens import fetch_released_embeddings

    fetch_released_embeddings(full_spec(snakemake), snakemake.params.cache, snakemake.output[0])
