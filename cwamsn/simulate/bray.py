"""A training screen in the layout of Bray et al.: five channel zips per plate, plate maps, annotations, split files."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from cwamsn.files import atomic_path
from cwamsn.screen_specs.bray import GALLERY as BUCKET
from cwamsn.screen_specs.bray import SPLITS
from cwamsn.screen_specs.simulated import SimulatedBraySpec
from cwamsn.simulate.compounds import broad_samples, inchikey, smiles
from cwamsn.simulate.phenotypes import draw_group, shared_axes
from cwamsn.simulate.render import Camera
from cwamsn.simulate.seeding import file_uuid, generator
from cwamsn.simulate.wells import Simulation, draw_magnitudes, write_csv
from cwamsn.vocabulary import BRAY_STAINS, BRAY_WAVELENGTHS
from cwamsn.wells import address_at

CIL = "cil/broad_data"
GALLERY = f"gallery/{BUCKET}/workspace/metadata/platemaps/CDRP"
# Levels of the published example plate: minimum as background, distance to the 99th percentile as signal of a cell.
CAMERA = Camera(
    background=np.array([258.0, 220.0, 193.0, 265.0, 128.0]),
    signal=np.array([240.0, 400.0, 480.0, 560.0, 260.0]),
    full_scale=4095,
    noise=0.9,
)
MECHANISM_SIZE = 4  # compounds that act alike


def design(spec: SimulatedBraySpec) -> pd.DataFrame:
    """Every well, in the order of acquisition: well_id, plate_map, batch, plate, row, column, address, compound.

    `compound` is the compound's number, -1 for DMSO. `batch` is the group of plates made together.
    """
    rows, columns, groups = spec.plate_rows, spec.plate_columns, spec.plate_groups()
    rng = generator(spec.seed, "layout")
    wells = rng.permutation(rows * columns)
    # DMSO has the same positions on every plate, as in the real screen.
    dmso, free = wells[: spec.dmso_wells()], np.sort(wells[spec.dmso_wells() :])
    filled = []
    if spec.layout == "bray":
        for number, plates in enumerate(groups):
            compounds = np.arange(number, spec.compounds, len(groups))
            positions = rng.permutation(free)[: len(compounds)]
            for plate in plates:
                filled.append((f"H-SIMU-{number // 4 + 1:03d}-{number % 4 + 1}", number, plate, positions, compounds))
    else:
        for (number, plate), compounds in zip(_flat(groups), _randomise(rng, spec, groups)):
            positions = rng.permutation(free)[: len(compounds)]
            filled.append((f"H-SIMU-{plate}", number, plate, positions, compounds))
    frames = []
    for plate_map, batch, plate, positions, compounds in filled:
        position = np.concatenate([dmso, positions])
        compound = np.concatenate([np.full(len(dmso), -1), compounds])
        order = np.argsort(position)
        frames.append(
            pd.DataFrame(
                {
                    "plate_map": plate_map,
                    "batch": str(batch),
                    "plate": plate,
                    "row": position[order] // columns + 1,
                    "column": position[order] % columns + 1,
                    "compound": compound[order],
                }
            )
        )
    frame = pd.concat(frames, ignore_index=True)
    frame["address"] = [address_at(r, c) for r, c in zip(frame["row"], frame["column"])]
    frame["well_id"] = frame["plate"] + "_" + frame["address"]
    return frame


def _flat(groups: list[list[str]]) -> list[tuple[int, str]]:
    return [(number, plate) for number, plates in enumerate(groups) for plate in plates]


def _randomise(rng: np.random.Generator, spec: SimulatedBraySpec, groups: list[list[str]]) -> list[np.ndarray]:
    """Compounds of each plate: every one on `plates_per_compound` different plates, the plates evenly filled."""
    replicates = spec.plates_per_compound
    plates = len(groups) * replicates
    # One replicate of every compound per column of this table; dealing each column to its own residue class of plates
    # keeps the replicates of a compound on different plates.
    members: list[list[int]] = [[] for _ in range(plates)]
    slots = rng.permutation(plates)
    for replicate in range(replicates):
        mine = slots[replicate::replicates]
        for place, compound in enumerate(rng.permutation(spec.compounds)):
            members[mine[place % len(mine)]].append(int(compound))
    return [np.sort(m) for m in members]


def simulation(spec: SimulatedBraySpec) -> Simulation:
    """The screen with the phenotypes of its compounds drawn, ready to be rendered."""
    wells = design(spec)
    effects = np.vstack([_effects(spec)[0], np.zeros(spec.phenotype.axes)])
    return Simulation(spec, wells, effects[wells["compound"].to_numpy()], BRAY_STAINS, "U2OS", CAMERA)


def _effects(spec: SimulatedBraySpec) -> tuple[np.ndarray, np.ndarray]:
    """Of each compound the phenotype, (compounds, axes), and the number of its mechanism."""
    compounds, phenotype = spec.compounds, spec.phenotype
    rng = generator(spec.seed, "compound phenotypes")
    allowed = shared_axes(phenotype.axes, phenotype.evaluation_only)
    groups = -(-compounds // MECHANISM_SIZE)
    unit = np.concatenate([draw_group(rng, MECHANISM_SIZE, phenotype.similarity, allowed) for _ in range(groups)])
    # Shuffled, so that compounds that act alike share neither a map nor a position.
    order = rng.permutation(len(unit))[:compounds]
    return unit[order] * draw_magnitudes(rng, compounds, phenotype)[:, None], order // MECHANISM_SIZE


def images(spec: SimulatedBraySpec, plate: str, addresses: np.ndarray) -> pd.DataFrame:
    """Image files of a plate's wells that exist: address, site, channel, name (without .tif). Some are missing."""
    rng = generator(spec.seed, "missing", plate)
    kept = addresses
    # The last plates of the first map were imaged in part, like plate 24278 (82 of 384 wells).
    partial = spec.plate_groups()[0][::-1][: spec.partial_plates]
    if plate in partial:
        kept = np.sort(rng.permutation(kept)[: max(1, round(len(kept) * 82 / 384))])
    rows = []
    for well in kept:
        for site in range(1, spec.sites + 1):
            field_missing = rng.random() < spec.missing_fields
            channel_missing = rng.random(len(BRAY_STAINS)) < spec.missing_channels
            for channel, missing in zip(BRAY_STAINS, channel_missing):
                if not (field_missing or missing):
                    uuid = file_uuid(spec.seed, plate, well, site, channel)
                    name = f"cdp2bioactives_{well.lower()}_s{site}_w{BRAY_WAVELENGTHS[channel]}{uuid}"
                    rows.append((well, site, channel, name))
    return pd.DataFrame(rows, columns=["address", "site", "channel", "name"])


def write_layout(spec: SimulatedBraySpec, host_dir: Path) -> None:
    """Plate maps, chemical annotations, mechanisms of action, split files and the ground truth."""
    wells = design(spec)
    samples = np.array([*broad_samples(spec.seed, spec.compounds), ""])
    texts = np.array([*smiles(spec.world_seed, "training", spec.compounds), ""])
    maps = wells.drop_duplicates("plate")[["plate", "plate_map"]]
    write_csv(
        maps.rename(columns={"plate": "Assay_Plate_Barcode", "plate_map": "Plate_Map_Name"}),
        host_dir / GALLERY / "barcode_platemap.csv",
    )
    treated = wells["compound"] >= 0
    table = pd.DataFrame(
        {
            "plate_map_name": wells["plate_map"],
            "well_position": wells["address"].str.lower(),
            "broad_sample": samples[wells["compound"]],
            "mmoles_per_liter": np.where(treated, "0.005", ""),
            "solvent": "DMSO",
            "ASSAY_WELL_ROLE": np.where(treated, "treated", "mock"),
        }
    )
    for plate_map, rows in table.groupby("plate_map_name"):
        rows = rows.drop_duplicates("well_position")
        write_csv(rows, host_dir / GALLERY / "platemap" / f"{plate_map}.txt", separator="\t")
    names = [f"{s[:13]}-simulated" for s in samples[:-1]]
    annotations = pd.DataFrame(
        {
            "BROAD_ID": samples[:-1],
            "CPD_NAME": names,
            "CPD_NAME_TYPE": "BROAD_CPD_ID",
            "CPD_SAMPLE_ID": [f"SA{i:07d}" for i in range(len(names))],
            "DOS_LIBRARY": "",
            "SOURCE_NAME": "simulation",
            "CHEMIST_NAME": "",
            "VENDOR_CATALOG_ID": "",
            "CPD_SMILES": texts[:-1],
            "USERCOMMENT": "",
        }
    )
    write_csv(annotations, host_dir / "gigadb" / "chemical_annotations.csv")
    mechanisms = [f"simulated mechanism {number + 1}" for number in _effects(spec)[1]]
    truth = pd.DataFrame({"Metadata_broad_sample": samples[:-1], "Metadata_moa": mechanisms})
    write_csv(truth, host_dir / "bbbc036" / "BBBC036_v1_DatasetGroundTruth.csv")
    for split, rows in _split_tables(spec, wells, samples, names, texts).items():
        write_csv(rows, host_dir / "splits" / f"datasplit1-{split}.csv")
    simulation(spec).write_truth(host_dir)


def _split_tables(
    spec: SimulatedBraySpec, wells: pd.DataFrame, samples: np.ndarray, names: list[str], texts: np.ndarray
) -> dict[str, pd.DataFrame]:
    """The published split files: one row per complete field of a treated well, 70/10/20 by InChIKey."""
    keys = np.array([inchikey(s) for s in texts[:-1]])
    order = generator(spec.seed, "splits").permutation(len(keys))
    first, second = round(0.7 * len(keys)), round(0.8 * len(keys))
    split_of = np.empty(len(keys), dtype=object)
    split_of[order[:first]], split_of[order[first:second]], split_of[order[second:]] = "train", "val", "test"
    tables = []
    for plate, rows in wells.groupby("plate", sort=False):
        wide = images(spec, plate, rows["address"].to_numpy()).pivot(
            index=["address", "site"], columns="channel", values="name"
        )
        tables.append(wide.reindex(columns=BRAY_STAINS).dropna().assign(plate=plate).reset_index())
    fields = pd.concat(tables, ignore_index=True).merge(
        wells[["plate", "address", "compound"]], on=["plate", "address"]
    )
    fields = fields[fields["compound"] >= 0].reset_index(drop=True)
    compound = fields["compound"].to_numpy()
    table = pd.DataFrame(
        {
            "SAMPLE_KEY": fields["plate"] + "-" + fields["address"] + "-" + fields["site"].astype(str),
            "PLATE_ID": fields["plate"],
            "WELL_POSITION": fields["address"],
            "SITE": fields["site"],
            "BROAD_ID": samples[compound],
            "CPD_NAME": np.array(names)[compound],
            "SMILES": texts[compound],
            "INCHIKEY": keys[compound],
            "ROW_NR_LABEL_MAT": compound,
            **{f"IMG_{c}": fields[c] for c in sorted(BRAY_STAINS)},
        }
    )
    return {split: table[split_of[compound] == split] for split in SPLITS}


def write_unit(spec: SimulatedBraySpec, host_dir: Path, plate: str) -> None:
    """The five zips of a plate, `{plate}-{channel}/*.tif` inside, stored; each zip is whole or absent."""
    screen = simulation(spec)
    wells = screen.design
    files = images(spec, plate, wells.loc[wells["plate"] == plate, "address"].to_numpy())
    folder = host_dir / CIL / f"plate_{plate}"
    archives = {channel: io.BytesIO() for channel in BRAY_STAINS}
    writers = {channel: zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) for channel, buffer in archives.items()}
    for (well, site), rows in files.groupby(["address", "site"], sort=False):
        field = screen.field(f"{plate}_{well}", int(site))
        for channel, name in zip(rows["channel"], rows["name"]):
            # A fixed date, so that the bytes follow from the specification.
            member = zipfile.ZipInfo(f"{plate}-{channel}/{name}.tif", (2011, 3, 10, 20, 33, 24))
            member.external_attr = 0o644 << 16
            writers[channel].writestr(member, _tiff(field[BRAY_STAINS.index(channel)]))
    for channel in BRAY_STAINS:
        writers[channel].close()
        with atomic_path(folder / f"{plate}-{channel}.zip") as path:
            path.write_bytes(archives[channel].getbuffer())


def _tiff(plane: np.ndarray) -> bytes:
    """Uncompressed little-endian 16-bit TIFF with five rows per strip, like the real files."""
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, plane.astype("<u2"), byteorder="<", rowsperstrip=5, photometric="minisblack", metadata=None,
        software="MetaMorph 3.1.0.89", datetime="2011:03:10 20:33:25",
    )  # fmt: skip
    return buffer.getvalue()
