"""Digests of every release computed again; what differs ends the job."""

import sys

from _job import job, snakemake

terminal = sys.stderr
with job(snakemake):
    from cwamsn.reporting.release import verify_all

    for line in verify_all(snakemake.params.releases):
        print(line, file=terminal)
