"""`cwamsn activity PROFILES`."""

from dataclasses import replace
from pathlib import Path

import click
import pandas as pd

from cwamsn.cli import base
from cwamsn.cli._profiles import digits, in_columns, profiles_at, several_types, short, whole, with_type
from cwamsn.cli.output import Answer
from cwamsn.hits import ActivityOptions, activity_of_profiles
from cwamsn.hits.against_controls import P_VALUES
from cwamsn.hits.files import check_suffix, write_table
from cwamsn.hits.options import STRATA

DEFAULT = ActivityOptions()
HITS = {
    "perturbation": ("perturbation", whole),
    "perturbation_type": ("type", whole),
    "corrected_p_value": ("corrected p", short),
    "mean_average_precision": ("mAP", digits(3)),
    "replicate_similarity": ("replicates", digits(3)),
    "n_wells": ("wells", whole),
    "best_concentration": ("best µM", short),
    "lowest_active_concentration": ("lowest µM", short),
    "active_concentrations": ("active µM", whole),
}


@base.command(
    "activity",
    examples=[
        "cwamsn activity profiles/",
        "cwamsn activity profiles/profiles.h5ad --out activity.csv --hits hits.csv",
        "cwamsn activity profiles/ --within batch --level 0.1",
    ],
)
@click.argument("profiles", type=base.PATH)
@click.option(
    "--within",
    type=click.Choice(STRATA),
    default=DEFAULT.within,
    show_default=True,
    help="Negatives are the controls of a well's own plate or batch.",
)
@click.option(
    "--p-values",
    type=click.Choice(P_VALUES),
    default=DEFAULT.p_values,
    show_default=True,
    help="By permuted labels, or by random ranks as copairs gives them.",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, max_open=True),
    default=DEFAULT.held_out,
    show_default=True,
    help="Share of the controls that the alignment is not fitted on, which are the negatives.",
)
@click.option("--min-wells", type=click.IntRange(2), default=DEFAULT.min_wells, show_default=True, help="Fewest wells.")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=DEFAULT.level,
    show_default=True,
    help="False discovery rate.",
)
@click.option("--alignment", help="Which alignment of the profiles to use.  [default: the first]")
@click.option("--seed", type=int, default=DEFAULT.seed, show_default=True, help="Seed of permutations and halves.")
@click.option("--top", type=click.IntRange(0), default=30, show_default=True, help="Hits shown.")
@click.option("--out", type=base.PATH, help="Write every perturbation and dose: .csv, .tsv or .parquet.")
@click.option("--hits", type=base.PATH, help="Write the hit list, one row per perturbation: .csv, .tsv or .parquet.")
def command(
    profiles: Path, alignment: str | None, top: int, out: Path | None, hits: Path | None, **chosen: object
) -> Answer:
    """List the perturbations that differ from their negative controls.

    PROFILES is the folder that `cwamsn embed` wrote, or a table of profiles of wells. A perturbation is active where
    its replicates find each other before the controls of their plates (mean average precision), more than under
    permuted labels; p-values are corrected by Benjamini and Hochberg. See docs/hits.md.
    """
    check_suffix(out)
    check_suffix(hits)
    options = replace(DEFAULT, **chosen)  # type: ignore[arg-type]  # click has checked the types
    given = profiles_at(profiles, names=("profiles.h5ad", "wells.parquet"))
    found = activity_of_profiles(given, options, alignment)
    table, listed = found.tables["activity"], found.tables["hits"]
    active = listed[listed["active"]]
    lines = [_summary(listed, active, found.about, options)]
    if len(active) and top:
        lines += ["", *in_columns(active.head(top), with_type(HITS, several_types(listed)))]
        lines += [f"... and {len(active) - top} more (--hits FILE writes all)"] if len(active) > top else []
    for frame, path in ((table, out), (listed, hits)):
        if path is not None:
            lines.append(f"written to {write_table(frame, path)}")
    return Answer(
        {"about": found.about, "hits": listed.to_dict("records"), "activity": table.to_dict("records")}, lines
    )


def _summary(listed: pd.DataFrame, active: pd.DataFrame, about: dict[str, object], options: ActivityOptions) -> str:
    tested = int(listed["p_value"].notna().sum())
    untested = f"; {len(listed) - tested} not tested" if tested < len(listed) else ""
    return (
        f"{len(active)} of {tested} perturbations differ from the controls of their {options.within} at a false "
        f"discovery rate of {options.level:g} (alignment {about['alignment']}, negatives: {about['negatives']})"
        f"{untested}"
    )
