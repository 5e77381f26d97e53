"""Digests of every release computed again; what differs ends the job."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._script import job

terminal = sys.stderr
with job(snakemake):
    from cwamsn.reporting.release import verify_all

    for line in verify_all(snakemake.params.releases):
        print(line, file=terminal)
