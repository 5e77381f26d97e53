"""`cwamsn atlas PROFILES --out atlas.html`."""

from pathlib import Path

import click

from cwamsn.atlas import AtlasInputs, AtlasOptions, make_atlas
from cwamsn.atlas.options import P_VALUES
from cwamsn.cli import base
from cwamsn.cli.output import Answer
from cwamsn.cli.screen_options import jobs_here
from cwamsn.errors import InputError
from cwamsn.profiling.run import WORK

DEFAULT = AtlasOptions()


@base.command(
    "atlas",
    examples=[
        "cwamsn atlas profiles/ --out atlas.html",
        "cwamsn atlas embeddings.parquet --wells wells.parquet --crops data/my-screen/crops.parquet --out a.html",
        "cwamsn atlas profiles/ --scores hits=hits.csv --no-umap --out atlas.html",
    ],
)
@click.argument("profiles", type=base.PATH)
@click.option("--out", type=base.PATH, required=True, help="The page to write, .html.")
@click.option("--wells", type=base.PATH, help="Wells table of the screen; needed where PROFILES holds embeddings.")
@click.option(
    "--crops", type=base.PATH, help="Crops table of the screen, for pictures.  [default: what `cwamsn embed` left]"
)
@click.option("--scores", multiple=True, metavar="[NAME=]FILE", help="Table of numbers to colour by.")
@click.option("--alignment", help="Which alignment of the profiles to use.  [default: the first]")
@click.option("--title", help="Title of the page.  [default: the screen's name]")
@click.option(
    "--annotations", metavar="FOLDER", help="Known relationships: <source>.txt.  [default: efaar-benchmarking]"
)
@click.option("-k", type=click.IntRange(1), default=DEFAULT.k, show_default=True, help="Neighbours listed.")
@click.option(
    "--p-values",
    type=click.Choice(P_VALUES),
    default=DEFAULT.p_values,
    show_default=True,
    help="What labels to permute.",
)
@click.option(
    "--pictures", type=click.IntRange(0), default=DEFAULT.pictures, show_default=True, help="Wells with a picture."
)
@click.option(
    "--umap/--no-umap", default=DEFAULT.umap, show_default=True, help="Compute UMAP; PCA is written before it."
)
@click.option("--seed", type=int, default=DEFAULT.seed, show_default=True, help="Seed of UMAP and permutations.")
@click.option("--jobs", type=click.IntRange(1), help="Threads.  [default: the cores, at most 4]")
def command(
    profiles: Path,
    *,
    out: Path,
    wells: Path | None,
    crops: Path | None,
    scores: tuple[str, ...],
    alignment: str | None,
    title: str | None,
    annotations: str | None,
    k: int,
    p_values: str,
    pictures: int,
    umap: bool,
    seed: int,
    jobs: int | None,
) -> Answer:
    """Write a page to look at a screen: a map, images, neighbours.

    PROFILES is the folder that `cwamsn embed` wrote, a table of profiles of wells, or embeddings (with --wells). The
    page is one file and needs no network: a map of perturbations and of wells, coloured by anything that is known of
    them; search by name; for each perturbation its images beside controls of the same plates, its nearest neighbours
    with p-values, its doses, and of genes the known relationships. See docs/atlas.md.
    """
    options = AtlasOptions(k=k, p_values=p_values, pictures=pictures, umap=umap, seed=seed)
    made = make_atlas(
        AtlasInputs(
            profiles=profiles,
            wells=wells,
            crops=crops or _crops_beside(profiles),
            scores=_named(scores),
            annotations=annotations,
        ),
        out,
        options,
        alignment=alignment,
        title=title,
        threads=jobs or jobs_here(),
    )
    size = out.stat().st_size
    counts = {"wells": len(made.wells), "perturbations": made.treated, "pictures": len(made.pictures)}
    said = ", ".join(f"{n:,} {what}" for what, n in counts.items())
    return Answer({"out": out, "bytes": size, **counts}, [f"{said}", f"written to {out} ({size / 1e6:.1f} MB)"])


def _crops_beside(profiles: Path) -> Path | None:
    """The crops that `cwamsn embed` has left in its folder, of one screen."""
    found = sorted((profiles / WORK).glob("*/crops.parquet")) if profiles.is_dir() else []
    return found[0] if len(found) == 1 else None


def _named(given: tuple[str, ...]) -> dict[str, str]:
    """Files by the name that their numbers go under: given before =, else the file's."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals:
            name, path = Path(text).stem, text
        if name in found:
            raise InputError(f"--scores: two tables would be called {name}; write NAME=FILE")
        found[name] = path
    return found
