"""`cwamsn convert IN OUT`."""

from dataclasses import asdict
from pathlib import Path

import click

from cwamsn.cli import base
from cwamsn.cli.output import Answer
from cwamsn.embeddings import WellsFile
from cwamsn.profiles.convert import convert

EXAMPLES = [
    "cwamsn convert profiles/profiles.h5ad unaligned.parquet --alignment none",
    "cwamsn convert normalized.csv.gz normalized.h5ad",
    "cwamsn convert embeddings.npz mine.parquet --wells profiles/work/wells.parquet",
    "cwamsn convert a.csv b.h5ad --wells wells.parquet --well-column Plate --well-column Well --on-missing drop",
]


@base.command("convert", examples=EXAMPLES)
@click.argument("source", metavar="IN", type=base.PATH)
@click.argument("target", metavar="OUT", type=base.PATH)
@click.option("--wells", type=base.PATH, default=None, help="Wells table of the screen that the rows of IN belong to.")
@click.option("--alignment", default=None, help="Whose vectors: none, or a name.  [default: the first that IN has]")
@click.option("--bare", is_flag=True, help="Write well_id and feature_0 ... alone, as a run reads them.")
@click.option("--well-column", multiple=True, help="With --wells: what names a well, or plate and well, in this order.")
@click.option("--array", default=None, help="With --wells: entry of obsm or layers of AnnData.")
@click.option("--table", default=None, help="With --wells: table with the ids of an .npy file's rows.")
@click.option(
    "--on-missing",
    type=click.Choice(["refuse", "drop"]),
    default="refuse",
    show_default=True,
    help="With --wells: rows with NaN stop the conversion, or are left out.",
)
def command(
    source: Path,
    target: Path,
    *,
    wells: Path | None,
    alignment: str | None,
    bare: bool,
    well_column: tuple[str, ...],
    array: str | None,
    table: str | None,
    on_missing: str,
) -> Answer:
    """Convert profiles and embeddings between table formats.

    IN is profiles (Parquet, CSV, Feather, AnnData, Zarr; a folder that cwamsn embed wrote), or with --wells any file of
    embeddings. OUT ends in .parquet, .csv, .csv.gz, .tsv or .h5ad. Only .h5ad holds several alignments.
    """
    column = list(well_column) if len(well_column) > 1 else next(iter(well_column), None)
    entry = WellsFile(well_column=column, array=array, table=table, on_missing=on_missing)
    made = convert(source, target, wells=wells, entry=entry, alignment=alignment, bare=bare)
    vectors = {"all": "as embedded, with every alignment", "none": "as embedded"}.get(made.vectors, made.vectors)
    rows = f"{made.rows} {made.level}s" if made.rows != 1 else f"1 {made.level}"
    return Answer(
        {"in": source, "out": target, **asdict(made)}, [f"{target}: {rows}, {made.features} features ({vectors})"]
    )
