"""An atlas as one file that opens in a browser without a network."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import to_hex
from PIL import Image

from cwamsn.atlas.build import Atlas, Level
from cwamsn.atlas.library import drawing_library
from cwamsn.atlas.nearest import WORDS
from cwamsn.atlas.pack import Pack, codes
from cwamsn.files import atomic_path
from cwamsn.pages import renderer, script_json
from cwamsn.palette import SEQUENTIAL
from cwamsn.pictures import media_type

CLASSES = 6  # with a colour of their own: black and grey are left to what is picked and what is left over
_STEPS = 32  # colours of numbers
_STARTS = ("type", "Metadata_PerturbationType", "Metadata_Control", "control")  # colours that a page may begin with

render = renderer(Path(__file__).with_name("templates"))


def write_atlas(atlas: Atlas, output: str | Path, *, title: str, notes: Sequence[str] = ()) -> Path:
    """Write the page, atomically.

    Parameters
    ----------
    atlas : what is shown
    output : the file
    title : of the page
    notes : lines that a reader must know

    Raises
    ------
    InputError
        The drawing library is not installed.
    """
    library, licence = drawing_library()
    pack = Pack()
    header = script_json(_header(atlas, pack))
    blobs = dict(pack.blobs)
    if atlas.pictures:
        blobs["pictures"] = "".join(_as_text(data) for data in atlas.pictures.values())
    text = render(
        "atlas.html.j2",
        title=title,
        banners=_banners(atlas),
        about=_about(atlas),
        notes=list(notes),
        header=header,
        blobs=blobs,
        library=library,
        licence=licence,
    )
    output = Path(output)
    with atomic_path(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return output


def _as_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _header(atlas: Atlas, pack: Pack) -> dict[str, object]:
    levels = {
        "perturbations": _level(atlas.group_level, pack, "perturbations and doses, with the controls"),
        "wells": _level(atlas.well_level, pack, "wells") | {"ids": pack.texts(list(atlas.wells["well_id"]))},
    }
    maps = atlas.group_level.maps
    start = {"level": "perturbations", "map": "umap" if "umap" in maps else "pca"}
    header: dict[str, object] = {
        "levels": levels,
        "groups": _groups(atlas, pack),
        "known": _known(atlas, pack),
        "pictures": _pictures(atlas, pack),
        "scale": [to_hex(colour) for colour in colormaps[SEQUENTIAL](np.linspace(0, 1, _STEPS))],
        "series": CLASSES,
        "start": start | {"colour": levels["perturbations"]["colour"]},
    }
    return header


def _level(level: Level, pack: Pack, what: str) -> dict[str, object]:
    columns = []
    for column in level.columns:
        said: dict[str, object] = {"key": column.key, "label": column.label}
        if column.categories is None:
            said |= {"values": pack.array(column.values.astype(np.float32)), "logarithmic": column.logarithmic}
        else:
            values = pack.array(codes(column.values, len(column.categories)))
            said |= {"values": values, "categories": list(column.categories)}
        columns.append(said)
    keys = [column.key for column in level.columns]
    first = next((key for key in _STARTS if key in keys), keys[0] if keys else None)
    maps = {name: pack.array(points.astype(np.float32).ravel()) for name, points in level.maps.items()}
    return {"n": len(level), "what": what, "columns": columns, "maps": maps, "colour": first}


def _groups(atlas: Atlas, pack: Pack) -> dict[str, object]:
    groups, code, near = atlas.groups, atlas.code, atlas.nearest
    rows = np.flatnonzero(code >= 0)
    plate = pd.factorize(atlas.wells["plate_name"].to_numpy())[0]
    members = rows[np.lexsort((rows, plate[rows], code[rows]))]
    counts = np.bincount(code[rows], minlength=len(groups))
    return {
        "treated": atlas.treated,
        "k": near.index.shape[1],
        "words": WORDS[near.null],
        "names": pack.texts([str(name) for name in groups["perturbation"]]),
        "types": pack.texts([str(name) for name in groups["perturbation_type"].fillna("type not known")]),
        "doses": pack.array(groups["concentration"].to_numpy(np.float64)),
        "counts": pack.array(groups["n_wells"].to_numpy(np.int32)),
        "plates": pack.array(groups["n_plates"].to_numpy(np.int32)),
        "code": pack.array(code.astype(np.int32)),
        "plateOf": pack.array(plate.astype(np.int32)),
        "starts": pack.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)),
        "members": pack.array(members.astype(np.int32)),
        "nearest": pack.array(near.index.ravel()),
        "similarity": pack.array(near.similarity.ravel().astype(np.float32)),
        "pValue": pack.array(near.p_value.ravel().astype(np.float32)),
    }


def _known(atlas: Atlas, pack: Pack) -> dict[str, object] | None:
    known = atlas.known
    if not len(known.first):
        return None
    return {
        "sources": list(known.sources),
        "groups": known.groups.tolist(),
        "first": pack.array(known.first),
        "second": pack.array(known.second),
        "by": pack.array(known.by),
        "similarity": pack.array(known.similarity),
        "percentile": pack.array(known.percentile),
    }


def _pictures(atlas: Atlas, pack: Pack) -> dict[str, object] | None:
    if not atlas.pictures:
        return None
    sizes = [4 * -(-len(data) // 3) for data in atlas.pictures.values()]  # of base64
    with Image.open(io.BytesIO(next(iter(atlas.pictures.values())))) as image:
        width, height = image.size
        kind = (image.format or "").lower()
    stains = ", ".join(f"{channel} {colour}" for channel, colour in atlas.stains.items())
    return {
        "wells": pack.array(np.array(list(atlas.pictures), np.int32)),
        "offsets": pack.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint32)),
        "type": media_type(kind),
        "width": width,
        "height": height,
        "words": f"{stains}; one contrast per plate; the first field of each well, its middle.",
    }


def _banners(atlas: Atlas) -> list[str]:
    screen = atlas.about.get("screen")
    simulated = isinstance(screen, Mapping) and bool(screen.get("simulated"))
    return (
        ["Simulated screen: the images were drawn by a program and say nothing about real cells."] if simulated else []
    )


def _about(atlas: Atlas) -> dict[str, str]:
    about, found = atlas.about, {}
    screen, encoder, method = about.get("screen"), about.get("encoder"), about.get("method")
    if isinstance(screen, Mapping):
        found["Screen"] = str(screen.get("name", ""))
    if isinstance(method, Mapping):
        found["Method"] = str(method.get("name", ""))
    if isinstance(encoder, Mapping):
        found["Encoder"] = ", ".join(str(encoder[key]) for key in ("name", "architecture") if encoder.get(key))
    found["Alignment"] = "none" if atlas.alignment == "none" else atlas.alignment
    found["Wells"] = f"{len(atlas.wells):,}, {atlas.wells['plate_name'].nunique():,} plates"
    found["Perturbations"] = f"{atlas.groups.loc[~atlas.groups['control'], 'perturbation'].nunique():,}"
    found["Pictures"] = f"of {len(atlas.pictures):,} wells" if atlas.pictures else "none; give --crops"
    versions = about.get("versions")
    if isinstance(versions, Mapping) and versions.get("cwamsn"):
        found["Made by"] = f"cwamsn {versions['cwamsn']}"
    return {name: value for name, value in found.items() if value}
