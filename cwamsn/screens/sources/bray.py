"""The Bray screen (cpg0012, CC0): 406 plates, five exposures, six fields of view a well.

Images come from the Cell Image Library (one zip a channel and plate) or the Cell Painting Gallery's bucket (one flat
folder a plate); metadata from the Gallery's plate maps or from the table that the package `cpimgs` ships.
"""

from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.files import progress
from cwamsn.notes import note
from cwamsn.screen_specs.watch import state_of
from cwamsn.screens import splits
from cwamsn.screens.hosts.cache import (
    Fetched,
    FetchError,
    Missing,
    Policy,
    fetch,
    join,
    list_folder,
    local_path,
    policy,
    usable,
)
from cwamsn.screens.hosts.zips import HostedZip
from cwamsn.screens.names import (
    compound_id,
    parse_addresses,
    parse_bray_file,
    plate_text,
)
from cwamsn.screens.sources.raw import Acquired, Raw
from cwamsn.screens.text import read_text_table, require_columns
from cwamsn.vocabulary import BRAY_STAINS, BRAY_WAVELENGTHS

GALLERY = "cpg0012-wawer-bioactivecompoundprofiling/broad"
DEFAULTS: dict[str, Any] = {
    "images": "gallery",
    "metadata": "gallery",
    "plates": None,
    "cil_url": "https://cildata.crbs.ucsd.edu",
    "gallery_url": "https://cellpainting-gallery.s3.amazonaws.com",
    "annotations_url": (
        "https://s3.ap-northeast-1.wasabisys.com/gigadb-datasets/live/pub/10.5524/100001_101000/100351"
        "/chemical_annotations.csv"
    ),
    "split": "auto",
    "split_url": "https://huggingface.co/suinleelab/CellCLIP/resolve/main",
    "split_name": "datasplit1",
    "split_seed": 0,
    "shared_blocks": "keep_in_first",
    "identity": "inchikey",
    "perturbation": "compound",
    "keep": "split",
}
STAIN_OF_WAVELENGTH = {digit: stain for stain, digit in BRAY_WAVELENGTHS.items()}
_TREATED_ROLES = {"treated", "trt", "compound", "sample"}


def all_plates() -> list[str]:
    """The 406 plate ids of the screen, from the committed table."""
    path = Path(__file__).parents[2] / "screen_specs" / "bray_plates.tsv"
    return [line.split("\t")[0] for line in path.read_text().splitlines()[1:]]


def units(spec: dict[str, Any]) -> list[str]:
    return [plate_text(p) for p in spec["plates"]] if spec["plates"] is not None else all_plates()


# Wells ----------------------------------------------------------------------------------------------------------------


def wells(screen: str, spec: dict[str, Any], cache: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The wells table of the chosen plates, and where it came from."""
    used: list[Fetched] = []
    notes: list[str] = []
    table = _gallery_metadata(spec, cache, used) if spec["metadata"] == "gallery" else _cpimgs_metadata(spec, notes)
    table = _control_and_compound(table)
    table["smiles"] = _smiles(table, spec, cache, used, notes)
    published, table = _inchikeys(table, spec, cache, used, notes)
    name = splits.identities(table["inchikey"], table["pert_id"], spec["identity"])
    table["perturbation"] = name.where(table["control"].isna(), "DMSO")
    # Whatever a perturbation is, a molecule and its stereo-isomers stand in one part of the split.
    molecule = splits.identities(table["inchikey"], table["pert_id"], "connectivity").where(table["control"].isna())
    table = _split(table, published, molecule, spec, notes)
    if spec["perturbation"] == "compound_dose":
        dose = table["concentration"].map(lambda v: "" if pd.isna(v) else f"@{float(v)}")
        table["perturbation"] = table["perturbation"].where(table["control"].notna(), table["perturbation"] + dose)
    table = table.assign(
        well_id=table["plate"] + "_" + table["address"],
        screen=screen,
        experiment=table["plate_map"],
        perturbation_type="COMPOUND",
        treatment=table["broad_sample"],
    )
    taken = f"own, seed {spec['split_seed']}" if published is None else f"published, {spec['split_name']}"
    source = {"files": [f.entry() for f in used], "notes": notes, "plates": len(units(spec)), "split": taken}
    source["split_fields"] = None if published is None else published[published["plate"].isin(units(spec))]
    return table, source


def _gallery_metadata(spec: dict[str, Any], cache: Path, used: list[Fetched]) -> pd.DataFrame:
    """plate, plate_map, address, row, column, broad_sample, role, concentration of every plate-map entry."""
    how = policy(spec)
    folder = f"{GALLERY}/workspace/metadata/platemaps/CDRP"
    barcodes = _get(join(spec["gallery_url"], folder, "barcode_platemap.csv"), cache, how, used)
    maps = _table(barcodes, ",", ("Assay_Plate_Barcode", "Plate_Map_Name"))
    plate_maps = dict(zip(maps["Assay_Plate_Barcode"].map(plate_text), maps["Plate_Map_Name"].str.strip()))
    tables = {}
    frames = []
    for plate in units(spec):
        name = plate_maps.get(plate)
        if name is None:
            raise InputError(f"{barcodes.url}: has no plate {plate}; correct `plates` of the screen")
        if name not in tables:
            url = join(spec["gallery_url"], folder, "platemap", f"{name}.txt")
            tables[name] = _plate_map(_get(url, cache, how, used))
        frames.append(tables[name].assign(plate=plate, plate_map=name))
    return pd.concat(frames, ignore_index=True)


def _plate_map(fetched: Fetched) -> pd.DataFrame:
    frame = _table(fetched, "\t", ("well_position", "broad_sample"))
    where = parse_addresses(frame["well_position"], fetched.url)
    if where["address"].duplicated().any():
        first = where["address"][where["address"].duplicated()].iloc[0]
        raise InputError(f"{fetched.url}: well {first} stands twice; keep one row of each well")
    millimolar = frame["mmoles_per_liter"] if "mmoles_per_liter" in frame else pd.Series(np.nan, frame.index)
    role = frame["ASSAY_WELL_ROLE"] if "ASSAY_WELL_ROLE" in frame else pd.Series("", frame.index)
    return where.assign(
        broad_sample=frame["broad_sample"].str.strip().replace("", None),
        role=role.str.strip().str.lower(),
        concentration=pd.to_numeric(millimolar, errors="coerce") * 1000.0,
    )


def _cpimgs_metadata(spec: dict[str, Any], notes: list[str]) -> pd.DataFrame:
    """The same columns from the table shipped in PyPI `cpimgs` 0.1.6 (MIT; 153,370 wells): no dose, no plate map."""
    found = find_spec("cpimgs")
    if found is None or not found.submodule_search_locations:
        raise InputError("metadata: cpimgs needs the package cpimgs; install cpimgs 0.1.6 or set metadata: gallery")
    path = Path(found.submodule_search_locations[0]) / "data" / "metadata"
    frame = pd.read_csv(path, sep=" ", dtype=str, keep_default_na=False)
    frame["plate"] = frame["Metadata_Plate"].map({p: plate_text(p) for p in frame["Metadata_Plate"].unique()})
    wanted = units(spec)
    absent = sorted(set(wanted) - set(frame["plate"]))
    if absent:
        raise InputError(f"{path}: has no plate {absent[0]}; correct `plates` of the screen")
    groups = plate_groups(frame)
    notes.append("metadata of cpimgs 0.1.6: doses unknown; plate maps inferred from the compounds that plates share")
    frame = frame[frame["plate"].isin(wanted)].reset_index(drop=True)
    where = parse_addresses(frame["Metadata_Well"], str(path))
    return where.assign(
        plate=frame["plate"],
        plate_map=frame["plate"].map(groups),
        broad_sample=frame["Metadata_broad_sample"].replace({"": None, "NA": None}),
        role="",
        concentration=np.nan,
    )


def plate_groups(frame: pd.DataFrame) -> dict[str, str]:
    """Plates that share at least half of their (well, compound) pairs are one plate map, named by its first plate."""
    treated = frame[frame["Metadata_pert_id"] != "NA"]
    pairs = (treated["Metadata_Well"] + treated["Metadata_pert_id"]).groupby(treated["plate"]).agg(set)
    groups: dict[str, str] = {}
    for plate in sorted(frame["plate"].unique()):
        mine = pairs.get(plate, set())
        for leader in dict.fromkeys(groups.values()):
            other = pairs.get(leader, set())
            if mine and len(mine & other) >= min(len(mine), len(other)) / 2:
                groups[plate] = leader
                break
        else:
            groups[plate] = plate
    return {plate: f"like-{leader}" for plate, leader in groups.items()}


def _control_and_compound(table: pd.DataFrame) -> pd.DataFrame:
    """Add control and pert_id. A well without a sample is DMSO, unless its role says that it was treated."""
    sample = table["broad_sample"]
    dmso = (sample.isna() & ~table["role"].isin(_TREATED_ROLES)) | (sample.str.upper() == "DMSO").fillna(False)
    table["control"] = np.where(dmso, "negative", None)
    table["broad_sample"] = sample.where(~dmso, "DMSO")
    known = {s: compound_id(s) for s in table["broad_sample"].dropna().unique()}
    table["pert_id"] = table["broad_sample"].map(known).where(~dmso, None)
    return table


def _smiles(table: pd.DataFrame, spec: dict[str, Any], cache: Path, used: list[Fetched], notes: list[str]) -> pd.Series:
    """SMILES a well from the chemical annotations; null where unknown."""
    nothing = pd.Series(None, table.index, dtype=object)
    if not spec["annotations_url"]:
        return nothing
    try:
        annotations = fetch(spec["annotations_url"], cache, policy(spec))
    except FetchError as error:
        notes.append(f"no chemical annotations: {error}")
        return nothing
    used.append(annotations)
    frame = _table(annotations, ",", ("BROAD_ID", "CPD_SMILES"))
    frame = frame[frame["CPD_SMILES"] != ""]
    known = dict(zip(frame["BROAD_ID"].map(compound_id)[::-1], frame["CPD_SMILES"][::-1]))
    known |= dict(zip(frame["BROAD_ID"][::-1], frame["CPD_SMILES"][::-1]))
    return table["broad_sample"].map(known).fillna(table["pert_id"].map(known)).astype(object)


def _inchikeys(
    table: pd.DataFrame, spec: dict[str, Any], cache: Path, used: list[Fetched], notes: list[str]
) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    """(published split or None, table with `inchikey`): from the split files where they say, else from the SMILES."""
    from cwamsn.screens.chemistry import inchikeys

    published = published_split(spec, cache, used, notes)
    table["inchikey"] = None
    if published is not None and "inchikey" in published:
        wells = published.drop_duplicates(["plate", "address"])[["plate", "address", "inchikey"]]
        said = table[["plate", "address"]].merge(wells, how="left", on=["plate", "address"])["inchikey"]
        table["inchikey"] = said.to_numpy()
        named = table.dropna(subset=["inchikey", "pert_id"]).drop_duplicates("pert_id")
        by_compound = table["pert_id"].map(dict(zip(named["pert_id"], named["inchikey"])))
        table["inchikey"] = table["inchikey"].fillna(by_compound)
    open_rows = table["inchikey"].isna() & table["smiles"].notna()
    table.loc[open_rows, "inchikey"] = inchikeys(table.loc[open_rows, "smiles"])
    table["inchikey"] = table["inchikey"].where(table["control"].isna(), None).astype(object)
    return published, table


def published_split(spec: dict[str, Any], cache: Path, used: list[Fetched], notes: list[str]) -> pd.DataFrame | None:
    """The published split (see :func:`splits.read_published`), or None when the screen splits by itself.

    Asked for once, with the wells: `auto` would otherwise be decided by whether the host answers each job.
    """
    if spec["split"] == "own":
        return None
    urls = {part: join(spec["split_url"], f"{spec['split_name']}-{part}.csv") for part in splits.PARTS}
    try:
        files = {part: fetch(url, cache, policy(spec)) for part, url in urls.items()}
    except FetchError as error:
        if spec["split"] == "published":
            raise
        notes.append(f"own split, because the published one was not to be had: {error}")
        note(f"screen with split: auto takes an own split, because the published one was not to be had: {error}")
        return None
    used.extend(files.values())
    with ExitStack() as stack:
        for fetched in files.values():
            stack.enter_context(usable(fetched))
        return splits.read_published({part: f.path for part, f in files.items()})


def _split(
    table: pd.DataFrame, published: pd.DataFrame | None, molecule: pd.Series, spec: dict[str, Any], notes: list[str]
) -> pd.DataFrame:
    treated = table["control"].isna()
    if published is None:
        labels = splits.own_split(molecule, spec["split_seed"])
        table["split"] = molecule.map(labels).astype(object).where(treated, None)
        notes.append(f"own split: 70/10/20 of {len(labels)} compounds, seed {spec['split_seed']}")
        source = "own split"
    else:
        held = published.groupby(["plate", "address"])["split"].agg(["first", "nunique"])
        torn = held[held["nunique"] > 1]
        if len(torn):
            raise InputError(f"{spec['split_url']}: well {'_'.join(torn.index[0])} stands in two parts; mend the files")
        key = pd.MultiIndex.from_frame(table[["plate", "address"]])
        table["split"] = held["first"].reindex(key).to_numpy()
        table["split"] = table["split"].astype(object).where(table["split"].notna() & treated, None)
        notes.append(f"published split {spec['split_name']}: {int(table['split'].notna().sum())} wells")
        source = spec["split_url"]
    table, told = splits.settle_shared_blocks(table, molecule, spec["shared_blocks"], source)
    notes.extend(told)
    for line in told:
        note(line)
    return table


# Fields ---------------------------------------------------------------------------------------------------------------

Place = tuple[str, int]  # address and site


def acquire(spec: dict[str, Any], part: str, wells: pd.DataFrame, cache: Path, raw: Raw) -> Acquired:
    """Fetch what the split needs of plate `part`; its fields, and those that lack an image with the reason."""
    found = Acquired(BRAY_STAINS)
    plate = wells[wells["plate"] == part].set_index("address")
    chosen, exact = _wanted(spec, part, plate)
    if chosen.empty:
        return found
    host = (_Gallery if spec["images"] == "gallery" else _Zips)(spec, part, cache, raw)
    takes: dict[Place, dict[str, str]] = {}
    for place, images in sorted(host.images.items()):
        address, site = place
        well_id, field_id = f"{part}_{address}", f"{part}-{address}-{site}"
        if address not in plate.index:
            found.skip(field_id, well_id, part, site, "well without a plate-map entry")
        elif address in chosen.index and (exact is None or place in exact or chosen[address] != "split"):
            missing = [c for c in BRAY_STAINS if c not in images]
            if missing:
                found.skip(field_id, well_id, part, site, f"no image of channel {', '.join(missing)}")
            else:
                named = (exact or {}).get(place, {})
                takes[place] = {c: _choose(images[c], named.get(c)) for c in BRAY_STAINS}
    for (address, site), uris in host.take(takes, found).items():
        row = {"field_id": f"{part}-{address}-{site}", "well_id": f"{part}_{address}", "site": site}
        found.fields.append(row | {f"uri_{c}": uris[c] for c in BRAY_STAINS})
    _list_absent(part, chosen, exact, host.images, found)
    return found


def _wanted(
    spec: dict[str, Any], part: str, plate: pd.DataFrame
) -> tuple[pd.Series, dict[Place, dict[str, str]] | None]:
    """(address → 'split' or 'extra' of the wells to fetch, place → image names of the published split's fields)."""
    kind = pd.Series(np.where(plate["split"].notna(), "split", "extra"), plate.index)
    extra = plate["control"].eq("negative") if spec["keep"] == "split_and_controls" else spec["keep"] == "all"
    chosen = kind[(kind == "split") | extra]
    mine = splits.read_fields(spec["split_fields"], part)
    if mine is None:
        return chosen, None
    names = [(c, f"image_{c}") for c in BRAY_STAINS if f"image_{c}" in mine]
    rows = mine.to_dict("records")
    return chosen, {(r["address"], r["site"]): {c: r[n] for c, n in names if r[n]} for r in rows}


def _choose(names: list[str], published: str | None) -> str:
    """The image to take where a field and channel has several: the one the published split names, else the first."""
    if published is not None:
        for name in names:
            if Path(name).stem == Path(published.removesuffix(".tif")).name:
                return name
    return names[0]


def _list_absent(
    part: str,
    chosen: pd.Series,
    exact: dict[Place, dict[str, str]] | None,
    images: dict[Place, dict[str, list[str]]],
    found: Acquired,
) -> None:
    """List what the metadata has and the host has not: fields of the published split, and wells without any image."""
    for address, site in sorted((exact or {}).keys() - images.keys()):
        if address in chosen.index:
            found.skip(f"{part}-{address}-{site}", f"{part}_{address}", part, site, "no image on the host")
    with_image = {address for address, _ in images} | {address for address, _ in exact or {}}
    for address in chosen.index:
        if address not in with_image:
            found.skip(f"{part}-{address}-0", f"{part}_{address}", part, 0, "well without any image on the host")


def _index(names: list[str], channel: str | None = None) -> dict[Place, dict[str, list[str]]]:
    """Place → channel → sorted names. `channel` names it where the archive does; else the digit after `w` does."""
    images: dict[Place, dict[str, list[str]]] = {}
    for name in sorted(names):
        parsed = parse_bray_file(name)
        stain = channel or (STAIN_OF_WAVELENGTH.get(parsed.wavelength) if parsed else None)
        if parsed and stain:
            images.setdefault((parsed.address, parsed.site), {}).setdefault(stain, []).append(name)
    return images


class _Zips:
    """Channel zips of one plate, read without unpacking."""

    def __init__(self, spec: dict[str, Any], part: str, cache: Path, raw: Raw) -> None:
        self.raw, self.zips, self.images = raw, {}, {}
        absent = []
        for channel in BRAY_STAINS:
            url = _zip_url(spec, part, channel)
            try:
                self.zips[channel] = HostedZip(url, cache, policy(spec))
            except Missing as error:
                absent.append(error)
                continue
            for place, found in _index(self.zips[channel].names, channel).items():
                self.images.setdefault(place, {}).update(found)
        if len(absent) == len(BRAY_STAINS):
            raise absent[0]

    def take(self, takes: dict[Place, dict[str, str]], found: Acquired) -> dict[Place, dict[str, str]]:
        """URIs of the chosen members; fields whose member is damaged are listed in `found`."""
        damaged: dict[Place, str] = {}
        paths = {}
        for channel, archive in self.zips.items():
            wanted = {places[channel]: place for place, places in takes.items()}
            fetched, bad = archive.keep(list(wanted))
            paths[channel] = self.raw.add(fetched, archive.name)
            damaged |= {wanted[m]: f"damaged image of channel {channel}" for m in bad}
        return _without(damaged, takes, found, lambda channel, name: f"{paths[channel]}!{name}", self.raw)


class _Gallery:
    """One flat folder of TIFF files a plate."""

    def __init__(self, spec: dict[str, Any], part: str, cache: Path, raw: Raw) -> None:
        self.spec, self.cache, self.raw = spec, cache, raw
        folder = f"{GALLERY}/images/CDRP/images/{part}"
        listed = list(list_folder(spec["gallery_url"], folder, policy(spec)))
        if not listed:
            raise Missing(f"{join(spec['gallery_url'], folder)}: no image there; check gallery_url and `plates`")
        self.remote = {unquote(r.url.rsplit("/", 1)[-1]): r for r in listed}
        self.images = _index(list(self.remote))

    def take(self, takes: dict[Place, dict[str, str]], found: Acquired) -> dict[Place, dict[str, str]]:
        """URIs of the chosen files, fetched; fields whose file is listed but not served are listed in `found`."""
        absent: dict[Place, str] = {}
        paths: dict[str, str] = {}
        for place, names in progress(takes.items(), "fields", len(takes), "field"):
            for channel, name in names.items():
                try:
                    paths[name] = self.raw.add(fetch(self.remote[name], self.cache, policy(self.spec)), name)
                except Missing:
                    absent[place] = f"image of channel {channel} is listed but not served"
        return _without(absent, takes, found, lambda channel, name: paths[name], self.raw)


def _without(
    left_out: dict[Place, str],
    takes: dict[Place, dict[str, str]],
    found: Acquired,
    uri: Callable[[str, str], str],
    raw: Raw,
) -> dict[Place, dict[str, str]]:
    """Place → channel → URI of `takes` without `left_out`, whose reasons go to the list of skipped fields."""
    part = raw.part
    for (address, site), reason in sorted(left_out.items()):
        found.skip(f"{part}-{address}-{site}", f"{part}_{address}", part, site, reason)
    return {
        place: {channel: uri(channel, name) for channel, name in names.items()}
        for place, names in takes.items()
        if place not in left_out
    }


def _get(url: str, cache: Path, how: Policy, used: list[Fetched]) -> Fetched:
    used.append(fetch(url, cache, how))
    return used[-1]


def _table(fetched: Fetched, separator: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """A host's text table, every cell a string; InputError naming the file when a column is missing."""
    with usable(fetched):
        frame = read_text_table(fetched.path, fetched.url, separator)
        require_columns(frame, columns, fetched.url)
    return frame


# What the graph watches -----------------------------------------------------------------------------------------------


def metadata_files(spec: dict[str, Any]) -> list[str]:
    """Locations of the tables that `wells` reads, as far as they are known before anything is fetched."""
    found = [spec["annotations_url"]] if spec["annotations_url"] else []
    if spec["metadata"] == "gallery":
        folder = join(spec["gallery_url"], f"{GALLERY}/workspace/metadata/platemaps/CDRP")
        found.append(join(folder, "barcode_platemap.csv"))
        maps = local_path(join(folder, "platemap"))
        found += sorted(str(path) for path in maps.glob("*.txt")) if maps is not None else []
    if spec["split"] != "own":
        found += [join(spec["split_url"], f"{spec['split_name']}-{part}.csv") for part in splits.PARTS]
    return found


def state(spec: dict[str, Any], part: str) -> str:
    """Changes when the images of a plate on a local host do; else ''."""
    if local_path(spec[f"{spec['images']}_url"]) is None:
        return ""
    if spec["images"] == "cil":
        return state_of(_zip_url(spec, part, channel) for channel in BRAY_STAINS)
    folder = local_path(join(spec["gallery_url"], GALLERY, "images/CDRP/images", part))
    return state_of(sorted(folder.iterdir()) if folder is not None and folder.is_dir() else [])


def _zip_url(spec: dict[str, Any], part: str, channel: str) -> str:
    return join(spec["cil_url"], "broad_data", f"plate_{part}", f"{part}-{channel}.zip")
