"""`cwamsn plates SCREEN`."""

from collections.abc import Mapping
from pathlib import Path

import click

from cwamsn import tables
from cwamsn.cli import base
from cwamsn.cli._profiles import profiles_at
from cwamsn.cli.output import Answer
from cwamsn.errors import InputError
from cwamsn.paths import ScreenPaths
from cwamsn.pictures import PictureOptions, Thumbnails
from cwamsn.plates import PAGE, PlateOptions, write_plates
from cwamsn.profiles import wells_of
from cwamsn.profiling.run import WORK

DEFAULT = PlateOptions()


@base.command(
    "plates",
    examples=[
        "cwamsn plates profiles/",
        "cwamsn plates profiles/ --feature feature_3 --out plates/",
        "cwamsn plates data/my-screen --profiles profiles/profiles.h5ad",
        "cwamsn plates cellprofiler.parquet --feature Cells_AreaShape_Area --no-montages",
    ],
)
@click.argument("screen", type=base.PATH)
@click.option("--profiles", type=base.PATH, help="Profiles of the wells, where SCREEN is the folder of a screen.")
@click.option("--feature", "features", multiple=True, help="A feature that plates can be coloured by; may be repeated.")
@click.option("--out", type=base.PATH, default=Path("plates"), show_default=True, help="Folder for the page.")
@click.option(
    "--montages/--no-montages", default=DEFAULT.montages, show_default=True, help="Pictures of the wells, from crops."
)
@click.option(
    "--tile",
    type=click.IntRange(8, 512),
    default=DEFAULT.tile,
    show_default=True,
    help="Its size, pixels.",
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Plates drawn at the same time.")
def command(
    screen: Path,
    *,
    profiles: Path | None,
    features: tuple[str, ...],
    out: Path,
    montages: bool,
    tile: int,
    jobs: int,
) -> Answer:
    """Show plates as heat maps, with pictures of their wells.

    SCREEN is the folder that `cwamsn embed` wrote, the folder of a screen (with wells.parquet and qc.parquet), or a
    table of profiles. The page shows fields kept, mean grey levels, focus and saturation of each channel, cell counts,
    the distance to the controls and chosen features; all plates of a batch on one scale; and marks positions that
    stand out over plates.
    """
    folder, found = _places(screen, profiles)
    own = None if found is None else profiles_at(found, names=("profiles.h5ad", "wells.parquet"))
    if folder is None:
        assert own is not None
        wells, qc, thumbnails, title, simulated = wells_of(own.obs), None, None, screen.resolve().stem, False
    else:
        paths = ScreenPaths(folder)
        wells = tables.read("wells", paths.wells)
        qc = tables.read("qc", paths.qc) if paths.qc.is_file() else None
        has_crops = montages and paths.crops.is_file()
        thumbnails = Thumbnails(paths.crops, folder, PictureOptions(size=tile)) if has_crops else None
        title = folder.resolve().name
        simulated = paths.simulated_truth.is_file()
    said = own.about.get("screen") if own is not None else None
    simulated = simulated or bool(isinstance(said, Mapping) and said.get("simulated"))
    numbers = write_plates(
        out,
        wells,
        title=title,
        qc=qc,
        profiles={} if own is None else {"": own},
        thumbnails=thumbnails,
        options=PlateOptions(features=list(features), montages=montages, tile=tile),
        threads=jobs,
        simulated=simulated,
        alone=f"cwamsn plates {screen}",
    )
    plates = wells.drop_duplicates(["experiment", "plate"])
    value = {"page": out / PAGE, "plates": len(plates), "wells": len(wells), "numbers": [n.name for n in numbers]}
    return Answer(value, [f"{len(plates)} plates, {len(wells)} wells, {len(numbers)} numbers: open {out / PAGE}"])


def _places(screen: Path, profiles: Path | None) -> tuple[Path | None, Path | None]:
    """The folder of the screen and the profiles, as far as they are there."""
    if not screen.exists():
        raise InputError(f"{screen}: no such file or folder; give profiles, or the folder of a screen")
    if not screen.is_dir():
        if profiles is not None:
            raise InputError(f"{screen}: is a table of profiles, so leave out --profiles, or give a screen's folder")
        return None, screen
    if (screen / "about.json").is_file() or (screen / "profiles.h5ad").is_file():
        screens = sorted(path.parent for path in (screen / WORK).glob("*/wells.parquet"))
        return (screens[0] if len(screens) == 1 else None), profiles or screen
    if not ScreenPaths(screen).wells.is_file():
        raise InputError(f"{screen}: holds neither profiles nor wells.parquet; give profiles or a screen's folder")
    return screen, profiles
