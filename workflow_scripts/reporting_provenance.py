"""What the run came from, as provenance.json."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))

from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.reporting.provenance import write_provenance

    write_provenance(
        snakemake.output[0],
        config=snakemake.config,
        code=snakemake.params.code,
        manifests=dict(snakemake.params.manifests),
        usage_folder=snakemake.params.usage,
        products=dict(snakemake.params.products),
        computed_files=dict(snakemake.params.computed),
    )
