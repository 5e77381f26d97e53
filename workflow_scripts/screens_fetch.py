"""Fetch the images of one part; write its fields table."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._screens_spec import full_spec
from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.screens import fetch_unit

    fetch_unit(
        snakemake.wildcards.screen,
        full_spec(snakemake),
        snakemake.wildcards.part,
        snakemake.input.wells,
        snakemake.params.cache,
        snakemake.output.raw,
        snakemake.output.fields,
    )
