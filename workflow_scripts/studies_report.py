"""What all points of a study show; the evaluation screens that they shared are removed."""

import shutil
from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import pandas as pd

    from cwamsn import tables
    from cwamsn.screen_specs import parse_spec
    from cwamsn.studies.report import Study, write_report

    params = snakemake.params
    study = Study(
        title=params.title,
        titles=params.titles,
        bounds=params.bounds,
        designs={point: parse_spec(pair["training"]) for point, pair in params.screens.items()},
        first=params.study["first"],
        claims=params.study["claims"],
        tuned=params.study["tuned"],
        level=params.level,
    )
    scores = pd.concat([tables.read("study", path) for path in snakemake.input], ignore_index=True)
    tables.write(scores, "study", snakemake.output.scores)
    write_report(scores, study, Path(snakemake.output.tables), Path(snakemake.output.report))
    shutil.rmtree(params.shared, ignore_errors=True)
