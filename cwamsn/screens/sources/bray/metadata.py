"""Wells of the Bray screen: plate maps, chemical annotations, InChIKeys and the split."""

from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.naming import plate_text
from cwamsn.notes import note
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.bray import GALLERY, BraySpec
from cwamsn.screen_specs.locations import join
from cwamsn.screens import splits
from cwamsn.screens.chemistry import inchikeys
from cwamsn.screens.hosts import Fetched, FetchError, fetch, usable
from cwamsn.screens.layouts import infer_plate_maps
from cwamsn.screens.names import compound_id, parse_addresses
from cwamsn.screens.sources.base import Metadata
from cwamsn.text_tables import read_text_table, require_columns
from cwamsn.vocabulary import NEGATIVE

_TREATED_ROLES = {"treated", "trt", "compound", "sample"}


def read_wells(screen: str, spec: BraySpec, cache: Path) -> Metadata:
    """The wells table of the chosen plates, and where it came from."""
    used: list[Fetched] = []
    notes: list[str] = []
    table = _gallery_metadata(spec, cache, used) if spec.metadata == "gallery" else _cpimgs_metadata(spec, notes)
    table = _control_and_compound(table)
    table["smiles"] = _smiles(table, spec, cache, used, notes)
    published, table = _inchikeys(table, spec, cache, used, notes)
    name = splits.identities(table["inchikey"], table["pert_id"], spec.identity)
    table["perturbation"] = name.where(table["control"].isna(), "DMSO")
    # Whatever a perturbation is, a molecule and its stereo-isomers are in the same split.
    molecule = splits.identities(table["inchikey"], table["pert_id"], "connectivity").where(table["control"].isna())
    table = _split(table, published, molecule, spec, notes)
    if spec.perturbation == "compound_dose":
        dose = table["concentration"].map(lambda v: "" if pd.isna(v) else f"@{float(v)}")
        table["perturbation"] = table["perturbation"].where(table["control"].notna(), table["perturbation"] + dose)
    table = table.assign(
        well_id=table["plate"] + "_" + table["address"],
        screen=screen,
        experiment=table["plate_map"],
        perturbation_type="COMPOUND",
        treatment=table["broad_sample"],
    )
    taken = f"own, seed {spec.split_seed}" if published is None else f"published, {spec.split_name}"
    mine = None if published is None else published[published["plate"].isin(spec.units())]
    return Metadata(table, used, notes, {"plates": len(spec.units()), "split": taken}, mine)


def _gallery_metadata(spec: BraySpec, cache: Path, used: list[Fetched]) -> pd.DataFrame:
    """plate, plate_map, address, row, column, broad_sample, role, concentration of every plate-map entry."""
    how = spec.retry
    folder = f"{GALLERY}/workspace/metadata/platemaps/CDRP"
    barcodes = _get(join(spec.gallery_url, folder, "barcode_platemap.csv"), cache, how, used)
    maps = _table(barcodes, ",", ("Assay_Plate_Barcode", "Plate_Map_Name"))
    plate_maps = dict(zip(maps["Assay_Plate_Barcode"].map(plate_text), maps["Plate_Map_Name"].str.strip()))
    tables = {}
    frames = []
    for plate in spec.units():
        name = plate_maps.get(plate)
        if name is None:
            raise InputError(f"{barcodes.url}: has no plate {plate}; correct `plates` of the screen")
        if name not in tables:
            url = join(spec.gallery_url, folder, "platemap", f"{name}.txt")
            tables[name] = _plate_map(_get(url, cache, how, used))
        frames.append(tables[name].assign(plate=plate, plate_map=name))
    return pd.concat(frames, ignore_index=True)


def _plate_map(fetched: Fetched) -> pd.DataFrame:
    frame = _table(fetched, "\t", ("well_position", "broad_sample"))
    where = parse_addresses(frame["well_position"], fetched.url)
    if where["address"].duplicated().any():
        first = where["address"][where["address"].duplicated()].iloc[0]
        raise InputError(f"{fetched.url}: well {first} appears twice; keep one row of each well")
    millimolar = frame["mmoles_per_liter"] if "mmoles_per_liter" in frame else pd.Series(np.nan, frame.index)
    role = frame["ASSAY_WELL_ROLE"] if "ASSAY_WELL_ROLE" in frame else pd.Series("", frame.index)
    return where.assign(
        broad_sample=frame["broad_sample"].str.strip().replace("", None),
        role=role.str.strip().str.lower(),
        concentration=pd.to_numeric(millimolar, errors="coerce") * 1000.0,
    )


def _cpimgs_metadata(spec: BraySpec, notes: list[str]) -> pd.DataFrame:
    """The same columns from the table shipped in PyPI `cpimgs` 0.1.6 (MIT; 153,370 wells): no dose, no plate map."""
    found = find_spec("cpimgs")
    if found is None or not found.submodule_search_locations:
        raise InputError("metadata: cpimgs needs the package cpimgs; install cpimgs 0.1.6 or set metadata: gallery")
    path = Path(found.submodule_search_locations[0]) / "data" / "metadata"
    frame = pd.read_csv(path, sep=" ", dtype=str, keep_default_na=False)
    frame["plate"] = frame["Metadata_Plate"].map({p: plate_text(p) for p in frame["Metadata_Plate"].unique()})
    wanted = spec.units()
    absent = sorted(set(wanted) - set(frame["plate"]))
    if absent:
        raise InputError(f"{path}: has no plate {absent[0]}; correct `plates` of the screen")
    known = frame["Metadata_pert_id"].where(frame["Metadata_pert_id"] != "NA")
    frame["plate_map"] = "like-" + infer_plate_maps(frame["plate"], frame["Metadata_Well"], known)
    notes.append("metadata of cpimgs 0.1.6: doses unknown; plate maps inferred from the compounds that plates share")
    frame = frame[frame["plate"].isin(wanted)].reset_index(drop=True)
    where = parse_addresses(frame["Metadata_Well"], str(path))
    return where.assign(
        plate=frame["plate"],
        plate_map=frame["plate_map"],
        broad_sample=frame["Metadata_broad_sample"].replace({"": None, "NA": None}),
        role="",
        concentration=np.nan,
    )


def _control_and_compound(table: pd.DataFrame) -> pd.DataFrame:
    """Add control and pert_id. A well without a sample is DMSO, unless its role says that it was treated."""
    sample = table["broad_sample"]
    dmso = (sample.isna() & ~table["role"].isin(_TREATED_ROLES)) | (sample.str.upper() == "DMSO").fillna(False)
    table["control"] = pd.Series(NEGATIVE, table.index, dtype=object).where(dmso, None)
    table["broad_sample"] = sample.where(~dmso, "DMSO")
    known = {s: compound_id(s) for s in table["broad_sample"].dropna().unique()}
    table["pert_id"] = table["broad_sample"].map(known).where(~dmso, None)
    return table


def _smiles(table: pd.DataFrame, spec: BraySpec, cache: Path, used: list[Fetched], notes: list[str]) -> pd.Series:
    """SMILES per well from the chemical annotations; null where unknown."""
    nothing = pd.Series(None, table.index, dtype=object)
    if not spec.annotations_url:
        return nothing
    try:
        annotations = fetch(spec.annotations_url, cache, spec.retry)
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
    table: pd.DataFrame, spec: BraySpec, cache: Path, used: list[Fetched], notes: list[str]
) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    """(published split or None, table with `inchikey`): from the split files where they say, else from the SMILES."""
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


def published_split(spec: BraySpec, cache: Path, used: list[Fetched], notes: list[str]) -> pd.DataFrame | None:
    """The published split (see :func:`splits.read_published`), or None when the screen splits by itself.

    Asked for once, with the wells: `auto` would otherwise be decided by whether the host answers each job.
    """
    if spec.split == "own":
        return None
    try:
        files = {split: fetch(url, cache, spec.retry) for split, url in spec.split_files().items()}
    except FetchError as error:
        if spec.split == "published":
            raise
        notes.append(f"own split, because the published one could not be fetched: {error}")
        note(f"screen with split: auto takes an own split, because the published one could not be fetched: {error}")
        return None
    used.extend(files.values())
    with ExitStack() as stack:
        for fetched in files.values():
            stack.enter_context(usable(fetched))
        return splits.read_published({split: f.path for split, f in files.items()})


def _split(
    table: pd.DataFrame, published: pd.DataFrame | None, molecule: pd.Series, spec: BraySpec, notes: list[str]
) -> pd.DataFrame:
    treated = table["control"].isna()
    if published is None:
        labels = splits.own_split(molecule, spec.split_seed)
        table["split"] = molecule.map(labels).astype(object).where(treated, None)
        notes.append(f"own split: 70/10/20 of {len(labels)} compounds, seed {spec.split_seed}")
        source = "own split"
    else:
        held = published.groupby(["plate", "address"])["split"].agg(["first", "nunique"])
        torn = held[held["nunique"] > 1]
        if len(torn):
            raise InputError(f"{spec.split_url}: well {'_'.join(torn.index[0])} is in two splits; fix the files")
        key = pd.MultiIndex.from_frame(table[["plate", "address"]])
        table["split"] = held["first"].reindex(key).to_numpy()
        table["split"] = table["split"].astype(object).where(table["split"].notna() & treated, None)
        notes.append(f"published split {spec.split_name}: {int(table['split'].notna().sum())} wells")
        source = spec.split_url
    table, told = splits.settle_shared_blocks(table, molecule, spec.shared_blocks, source)
    notes.extend(told)
    for line in told:
        note(line)
    return table


def _get(url: str, cache: Path, how: Retry, used: list[Fetched]) -> Fetched:
    used.append(fetch(url, cache, how))
    return used[-1]


def _table(fetched: Fetched, separator: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """A host's text table, every cell a string; InputError naming the file when a column is missing."""
    with usable(fetched):
        frame = read_text_table(fetched.path, fetched.url, separator)
        require_columns(frame, columns, fetched.url)
    return frame
