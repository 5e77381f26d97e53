"""One table of the paper as CSV, Markdown, LaTeX and HTML."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))

from workflow_scripts._script import job

with job(snakemake):
    from cwamsn.reporting import Entry, make_table, read_scores, setting_of, write_table

    entries = [Entry.of(values) for values in snakemake.params.entries]
    setting = setting_of(snakemake.params.setting, dict(snakemake.params.manifests))
    table = make_table(snakemake.wildcards.table, entries, read_scores(snakemake.input.scores), setting)
    write_table(table, snakemake.output)
    if table.gaps:
        raise SystemExit("\n".join(table.gaps))
