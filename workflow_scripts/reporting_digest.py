"""Path and SHA-256 of one file of the user's."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.files import write_digest

    write_digest(snakemake.input[0], snakemake.output[0])
