"""From files to the page of an atlas."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.atlas.build import Atlas, build_atlas, with_umap
from cwamsn.atlas.images import make_pictures, note_without_picture, wells_to_picture
from cwamsn.atlas.library import drawing_library
from cwamsn.atlas.options import AtlasOptions
from cwamsn.atlas.page import write_atlas
from cwamsn.atlas.source import read_source
from cwamsn.errors import InputError
from cwamsn.notes import collected, note
from cwamsn.paths import ScreenPaths
from cwamsn.pictures import PictureOptions, Thumbnails, colour_names
from cwamsn.profiles import Profiles


@dataclass(frozen=True, kw_only=True)
class AtlasInputs:
    """Files that an atlas is made from."""

    profiles: str | Path
    """Profiles of wells, or embeddings."""
    wells: str | Path | None = None
    """Wells table of the screen."""
    crops: str | Path | None = None
    """Crops table of the screen, beside its crop store."""
    scores: Mapping[str, str | Path] = field(default_factory=dict)
    """Tables of numbers to colour by, CSV, TSV or Parquet, by the name that they go under."""
    annotations: str | None = None
    """Folder of known relationships among genes; None: those of efaar-benchmarking."""
    aliases: str | None = "hgnc"
    """As `gene_gene.aliases`."""


def make_atlas(
    inputs: AtlasInputs,
    output: str | Path,
    options: AtlasOptions | None = None,
    *,
    alignment: str | None = None,
    title: str | None = None,
    threads: int = 1,
) -> Atlas:
    """Write the page: with PCA as soon as the neighbours are there, then again with UMAP.

    Parameters
    ----------
    inputs : files
    output : the page, ending with .html
    options : section `atlas`
    alignment : as :func:`cwamsn.atlas.source.read_source` takes it
    title : of the page; None: the name of the screen
    threads : that make pictures

    Returns
    -------
    What the page shows.

    Raises
    ------
    InputError
        Files that do not belong together, a page that cannot be written, a package that is not installed.
    """
    output = Path(output)
    if output.suffix not in (".html", ".htm"):
        raise InputError(f"{output}: an atlas is a page; end its name with .html")
    options = options or AtlasOptions()
    drawing_library()  # before anything long
    with collected() as notes:
        profiles = _with_screen(read_source(inputs.profiles, inputs.wells, alignment), inputs)
        thumbnails, extra = _crops(inputs, options, profiles)
        atlas = build_atlas(
            profiles, options, alignment if alignment in profiles.aligned else None,
            scores={name: _scores(Path(path)) for name, path in inputs.scores.items()}, extra=extra,
            annotations=inputs.annotations, aliases=inputs.aliases,
        )  # fmt: skip
        if thumbnails is not None and options.pictures:
            atlas = _with_pictures(atlas, thumbnails, options, threads)
        if options.umap:
            write_atlas(atlas, output, title=title or _title(atlas), notes=notes)  # with PCA, at once
            atlas = with_umap(atlas, profiles, options, alignment if alignment in profiles.aligned else None)
    write_atlas(atlas, output, title=title or _title(atlas), notes=notes)
    return atlas


def _with_screen(profiles: Profiles, inputs: AtlasInputs) -> Profiles:
    """Profiles that say which screen they are of, and whether a program drew it, where they do not yet."""
    if isinstance(profiles.about.get("screen"), Mapping):
        return profiles
    folders = {Path(path).parent for path in (inputs.wells, inputs.crops) if path is not None}
    said: dict[str, object] = {"simulated": any(ScreenPaths(f).simulated_truth.is_file() for f in folders)}
    if "Metadata_Screen" in profiles.obs and profiles.obs["Metadata_Screen"].nunique() == 1:
        said["name"] = profiles.obs["Metadata_Screen"].dropna().iloc[0]
    return replace(profiles, about={**profiles.about, "screen": said})


def _title(atlas: Atlas) -> str:
    screen = atlas.about.get("screen")
    name = screen.get("name") if isinstance(screen, Mapping) else None
    return f"Atlas of {name}" if name else "Atlas"


def _crops(
    inputs: AtlasInputs, options: AtlasOptions, profiles: Profiles
) -> tuple[Thumbnails | None, pd.DataFrame | None]:
    """What makes pictures of the wells, and what their crops say of them, row for row."""
    if inputs.crops is None:
        return None, None
    crops = tables.read("crops", inputs.crops)
    means = crops.groupby("well_id")[["focus", "saturation"]].mean()
    found = means.reindex(profiles.obs.index if "Metadata_WellID" not in profiles.obs else _ids(profiles))
    if found["focus"].isna().all():
        raise InputError(
            f"{inputs.crops}: holds no crop of the wells of {inputs.profiles}; give that of the same screen"
        )
    side = int(crops[["height", "width"]].max(axis=1).max()) if len(crops) else 0
    window = options.picture_window or min(side, max(side // 2, 2 * options.picture_size))
    made = Thumbnails(
        crops, Path(inputs.crops).parent, PictureOptions(size=options.picture_size, window=max(8, window))
    )
    return made, found.reset_index(drop=True)


def _ids(profiles: Profiles) -> Sequence[str]:
    return profiles.obs["Metadata_WellID"].to_numpy()


def _with_pictures(atlas: Atlas, thumbnails: Thumbnails, options: AtlasOptions, threads: int) -> Atlas:
    ids = atlas.wells["well_id"].to_numpy()
    imaged = np.array([bool(thumbnails.crops_of(well)) for well in ids])
    plate = pd.factorize(atlas.wells["plate_name"])[0]
    chosen = wells_to_picture(atlas.code, plate, atlas.treated, imaged, options)
    note_without_picture(atlas.code, atlas.treated, chosen, imaged)
    if not len(chosen):
        return atlas
    made = make_pictures(thumbnails, ids[chosen], min(threads, os.cpu_count() or 1))
    return replace(atlas, pictures=dict(zip(chosen.tolist(), made)), stains=colour_names(thumbnails.channels))


def _scores(path: Path) -> pd.DataFrame:
    """A table of numbers by perturbation or by well."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a table with a column perturbation or well_id, and numbers")
    try:
        table = (
            pd.read_parquet(path)
            if path.suffix in (".parquet", ".pq")
            else pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", low_memory=False)
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as a table ({' '.join(str(error).split())[:120]})") from None
    if not {"perturbation", "well_id"} & set(table):
        raise InputError(
            f"{path}: has no column perturbation or well_id (it has {', '.join(map(str, list(table)[:8]))})"
        )
    if not any(table[c].dtype.kind in "iuf" for c in table if c not in ("perturbation", "well_id", "concentration")):
        note(f"{path}: holds no number to colour by")
    return table
