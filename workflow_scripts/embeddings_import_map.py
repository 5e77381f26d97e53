"""A finished map of a file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._script import job

with job(snakemake):
    from cwamsn import tables
    from cwamsn.embeddings import read_map

    frame, counts = read_map(snakemake.input.file, snakemake.params.entry)
    print(counts)
    tables.write(frame, "map", snakemake.output.map)
