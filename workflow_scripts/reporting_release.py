"""A release of the run: versioned, with digests, never overwritten."""

import sys
from pathlib import Path

from _job import job, snakemake

terminal = sys.stderr
with job(snakemake):
    from cwamsn.reporting.release import release

    results = Path(snakemake.input.record).parent
    target = release(results, snakemake.params.files, snakemake.params.releases, snakemake.params.workflow)
    print(f"release: {target}", file=terminal)
