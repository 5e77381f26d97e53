"""One table of the paper as CSV, Markdown, LaTeX and HTML."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.reporting import entries_of, make_table, read_scores, setting_of, write_table
    from cwamsn.reporting.method_notes import notes_by_method

    entries = entries_of(snakemake.params.entries, snakemake.input.computations)
    setting = setting_of(snakemake.params.setting, dict(snakemake.params.manifests), dict(snakemake.params.usage))
    scores, notes = read_scores(snakemake.input.scores), notes_by_method(snakemake.params.notes)
    table = make_table(snakemake.wildcards.table, entries, scores, setting, notes)
    write_table(table, snakemake.output)
