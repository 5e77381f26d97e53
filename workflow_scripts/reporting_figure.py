"""One figure of the paper as PNG and SVG."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.reporting import entries_of, read_scores, setting_of
    from cwamsn.reporting.figures import FIGURES, save

    entries = entries_of(snakemake.params.entries, snakemake.input.computations)
    setting = setting_of(snakemake.params.setting, {})
    draw = FIGURES[snakemake.wildcards.figure]
    save(draw(entries, read_scores(snakemake.input.scores), setting), snakemake.output)
