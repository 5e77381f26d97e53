"""Every method on one pair of simulated screens."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.methods import method_of
    from cwamsn.studies.point import Point, discard, run_point

    params, work = snakemake.params, Path(snakemake.params.work)
    point = Point(
        snakemake.config["run"],
        snakemake.wildcards.point,
        int(snakemake.wildcards.screen_seed),
        params.screens,
        params.first,
        params.sections,
    )
    methods = [method_of(name, entry, entry["seeds"]) for name, entry in params.methods.items()]
    scores = run_point(point, methods, work, snakemake.threads, Path(params.shared))
    tables.write(scores, "study", snakemake.output[0])
    discard(work)
