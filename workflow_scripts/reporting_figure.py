"""One figure of the paper as PNG and SVG."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.reporting import TableContext, read_scores, table_methods
    from cwamsn.reporting.drawing import save
    from cwamsn.reporting.figures import FIGURES

    methods = table_methods(snakemake.params.methods, snakemake.input.computations)
    context = TableContext.from_values(snakemake.params.context, manifests={})
    draw = FIGURES[snakemake.wildcards.product]
    save(draw(methods, read_scores(snakemake.input.scores), context), snakemake.output)
