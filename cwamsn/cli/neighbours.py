"""`cwamsn neighbours PROFILES NAME ...`."""

from pathlib import Path

import click
import pandas as pd

from cwamsn.cli import base
from cwamsn.cli._profiles import digits, in_columns, profiles_at, several_types, short, whole, with_type
from cwamsn.cli.output import Answer
from cwamsn.errors import InputError
from cwamsn.hits import NeighbourOptions, neighbours_of_profiles
from cwamsn.hits.files import check_suffix, write_table
from cwamsn.hits.options import STRATA

DEFAULT = NeighbourOptions()
COLUMNS = {
    "rank": ("rank", whole),
    "perturbation": ("perturbation", whole),
    "perturbation_type": ("type", whole),
    "concentration": ("µM", short),
    "n_wells": ("wells", whole),
    "similarity": ("similarity", digits(3)),
    "p_value": ("p", short),
    "corrected_p_value": ("corrected p", short),
    "reverse_rank": ("rank back", whole),
    "replicate_similarity": ("its replicates", digits(3)),
}


@base.command(
    "neighbours",
    examples=[
        "cwamsn neighbours profiles/ BRD-K12345678",
        "cwamsn neighbours profiles/wells.parquet paclitaxel --concentration 10 -k 20",
        "cwamsn neighbours profiles/ --all --out neighbours.csv",
    ],
)
@click.argument("profiles", type=base.PATH)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Neighbours of every perturbation and dose; takes --out.")
@click.option("--concentration", type=float, help="Dose of NAME, µM.  [default: each of its doses]")
@click.option("-k", type=click.IntRange(1), default=DEFAULT.k, show_default=True, help="Neighbours listed.")
@click.option(
    "--within", type=click.Choice(STRATA), default=DEFAULT.within, show_default=True, help="Permute labels within it."
)
@click.option("--alignment", help="Which alignment of the profiles to use.  [default: the first]")
@click.option("--seed", type=int, default=DEFAULT.seed, show_default=True, help="Seed of the permutations.")
@click.option("--out", type=base.PATH, help="Write the table: .csv, .tsv or .parquet.")
def command(
    profiles: Path,
    names: tuple[str, ...],
    *,
    every: bool,
    concentration: float | None,
    k: int,
    within: str,
    alignment: str | None,
    seed: int,
    out: Path | None,
) -> Answer:
    """List the perturbations nearest to NAME.

    PROFILES is the folder that `cwamsn embed` wrote, or a table of profiles. Similarity is the cosine of mean
    profiles; p says how often as many random wells of the same plates come as near; `rank back` is NAME's rank among
    the neighbour's own neighbours. Corrected p: Benjamini-Hochberg over all perturbations. See docs/hits.md.
    """
    check_suffix(out)
    if every == bool(names) or (every and out is None):
        raise InputError("neighbours: give the NAME of a perturbation, or --all with --out FILE")
    found = neighbours_of_profiles(
        profiles_at(profiles, names=("profiles.h5ad",) if alignment else ("wells.parquet", "profiles.h5ad")),
        list(names) if names else None,
        NeighbourOptions(k=k, within=within, seed=seed),
        concentration,
        alignment,
    )
    table, queries = found.tables["neighbours"], found.tables["queries"]
    several = several_types(pd.concat([table, queries]))
    lines = [f"{len(table)} neighbours of {len(queries)} perturbations and doses"] if every else []
    if out is not None:
        lines.append(f"written to {write_table(table, out)}")
    if not every:
        lines = [
            line
            for i in range(len(queries))
            for line in (*_query(queries.iloc[i], several), *_listed(table, i, k, several))
        ] + lines
    value = {"about": found.about, "queries": queries.to_dict("records")}
    return Answer(value | ({} if every else {"neighbours": table.to_dict("records")}), lines)


def _query(row: pd.Series, several: bool) -> list[str]:
    """What is said of a query above its neighbours; its type where there are several."""
    dose = "" if pd.isna(row["concentration"]) else f" at {row['concentration']:g} µM"
    kind = f" ({row['perturbation_type']})" if several else ""
    head = f"{row['perturbation']}{kind}{dose}"
    if "n_wells" not in row:
        return [f"{head}: nearest of {row['candidates']}"]
    head += f": {row['n_wells']} wells on {row['n_plates']} plates, nearest of {row['candidates']}"
    if pd.isna(row["replicate_similarity"]):
        return [head, "replicates: none on another plate, so nothing says whether the profile is reproducible"]
    return [
        head,
        f"replicates: mean similarity {row['replicate_similarity']:.3f} on different plates, "
        f"{row['other_similarity']:.3f} with other perturbations, p {row['replicate_p_value']:.3g}",
    ]


def _listed(table: pd.DataFrame, query: int, k: int, several: bool) -> list[str]:
    starts = (table["rank"] == 1).cumsum() - 1
    return ["", *in_columns(table[starts == query].head(k), with_type(COLUMNS, several)), ""]
