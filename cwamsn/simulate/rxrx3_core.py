"""An evaluation screen in the layout of RxRx3-core: Parquet shards of JPEG 2000 planes, metadata, a truth table."""

from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.screen_specs.rxrx3_core import METADATA, shard_number
from cwamsn.screen_specs.simulated import SimulatedRxRx3Spec
from cwamsn.simulate.compounds import drug_names, smiles
from cwamsn.simulate.genes import complexes
from cwamsn.simulate.phenotypes import draw_group
from cwamsn.simulate.render import Camera
from cwamsn.simulate.seeding import generator
from cwamsn.simulate.wells import Simulation, draw_magnitudes, write_csv
from cwamsn.wells import address_at

# The six stains by channel number, as the columns of the ground truth have always spelt them (nuisance_gain_Mito);
# cwamsn.vocabulary.RXRX3_STAINS has the names that images, fields and channel maps use.
CHANNELS = ("Hoechst", "ConA", "phalloidin", "SYTO14", "Mito", "WGA")
COLUMNS = [
    "well_id", "experiment_name", "plate", "address", "gene", "treatment", "SMILES", "concentration",
    "perturbation_type", "cell_type",
]  # fmt: skip
CAMERA = Camera(
    background=np.array([6.0, 10.0, 12.0, 10.0, 11.0, 12.0]),
    signal=np.array([14.0, 30.0, 26.0, 30.0, 20.0, 26.0]),
    full_scale=255,
    noise=0.3,
)
ROW_GROUP = 100  # not a multiple of the six channels, so wells straddle row groups as in the real files
SCHEMA = pa.schema([("__key__", pa.string()), ("jp2", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))])


def interactions(spec: SimulatedRxRx3Spec) -> pd.DataFrame:
    """The truth table: gene_symbol, nM_value, measurement_type, database, treatment.

    A compound acts on one or two genes at 1 ... 1000 nM; it has been measured against further genes without effect
    (above 10,000 nM) or with a weak one (1,000 ... 10,000 nM).
    """
    rng = generator(spec.seed, "interactions")
    genes = np.array([g for group in gene_groups(spec) for g in group])
    active = genes[rng.permutation(len(genes))]
    rows = []
    for i, name in enumerate(drug_names(spec.world_seed, spec.compounds)):
        targets = 1 + int(rng.random() < 0.4)
        start = 2 * i % len(active)
        hit = [active[(start + k) % len(active)] for k in range(targets)]
        others = rng.permutation([g for g in genes if g not in hit])[:3]
        rows += [(g, round(float(10 ** rng.uniform(0, 3)), 1), "ic50", name) for g in hit]
        rows.append((others[0], round(float(10 ** rng.uniform(3.05, 4)), 1), "ki", name))
        rows += [(g, round(float(10 ** rng.uniform(4.05, 5)), 1), "ic50", name) for g in others[1:]]
    table = pd.DataFrame(rows, columns=["gene_symbol", "nM_value", "measurement_type", "treatment"])
    table.insert(3, "database", "simulation")
    return table.sort_values(["gene_symbol", "treatment"], ignore_index=True)


def gene_groups(spec: SimulatedRxRx3Spec) -> tuple[tuple[str, ...], ...]:
    """The genes of the screen, complex by complex."""
    return complexes(spec.world_seed, spec.complexes, spec.genes_per_complex)


def design(spec: SimulatedRxRx3Spec) -> pd.DataFrame:
    """Every well: the ten metadata columns, and batch (the experiment), row, column. Positions are drawn at random."""
    rng = generator(spec.seed, "layout")
    genes = [g for group in gene_groups(spec) for g in group]
    members: dict[str, list[tuple]] = {}
    names = [f"gene-{i + 1:03d}" for i in range(spec.gene_experiments)]
    for experiment in names:
        control = ("EMPTY_control", "EMPTY_control", "", np.nan, "CRISPR")
        members[experiment] = [control] * spec.empty_controls
    chosen = min(spec.experiments_per_gene, len(names))
    for number, gene in enumerate(genes):
        for guide in range(spec.guides):
            for copy in range(spec.wells_per_guide):
                # A gene's wells go in turn to `experiments_per_gene` experiments.
                home = names[(number + (guide + copy) % chosen) % len(names)]
                members[home].append((gene, f"{gene}_guide_{guide + 1}", "", np.nan, "CRISPR"))
    texts = smiles(spec.world_seed, "evaluation", spec.compounds)
    drugs = list(zip(drug_names(spec.world_seed, spec.compounds), texts))
    for i in range(spec.compound_experiments):
        experiment = f"compound-{i + 1:03d}"
        members[experiment] = [("", "EMPTY_control", "", np.nan, "COMPOUND")] * spec.empty_controls
        members[experiment] += [("", "CRISPR_control", "", np.nan, "COMPOUND")] * spec.crispr_controls
        for name, text in drugs[i :: spec.compound_experiments]:
            for dose in spec.doses:
                members[experiment] += [("", name, text, float(dose), "COMPOUND")] * spec.wells_per_dose
    frames = []
    for experiment, wells in members.items():
        frame = pd.DataFrame(wells, columns=COLUMNS[4:9]).astype({"concentration": float})
        size = spec.plate_rows * spec.plate_columns
        place = rng.permutation(-(-len(frame) // size) * size)[: len(frame)]
        frame["experiment_name"] = experiment
        frame["plate"] = place // size + 1
        frame["row"] = place % size // spec.plate_columns + 1
        frame["column"] = place % spec.plate_columns + 1
        frames.append(frame)
    wells = pd.concat(frames, ignore_index=True)
    if wells["row"].max() > 32 or wells["column"].max() > 99:
        raise InputError("plate_rows, plate_columns: a plate has at most 32 rows and 99 columns; lower them")
    wells["address"] = [address_at(r, c) for r, c in zip(wells["row"], wells["column"])]
    wells["well_id"] = wells["experiment_name"] + "_" + wells["plate"].astype(str) + "_" + wells["address"]
    wells["cell_type"] = "HUVEC"
    wells["batch"] = wells["experiment_name"]
    return wells.sort_values(["experiment_name", "plate", "row", "column"], ignore_index=True)


def simulation(spec: SimulatedRxRx3Spec) -> Simulation:
    """The screen with the phenotypes of its guides and compounds drawn, ready to be rendered."""
    wells = design(spec)
    phenotype = spec.phenotype
    rng = generator(spec.seed, "gene phenotypes")
    allowed = np.ones(phenotype.axes, bool)
    genes: dict[str, np.ndarray] = {}
    for group in gene_groups(spec):
        strengths = draw_magnitudes(rng, len(group), replace(phenotype, inactive=0.0))
        for gene, unit, strength in zip(group, draw_group(rng, len(group), phenotype.similarity, allowed), strengths):
            genes[gene] = unit * strength
    silent = rng.permutation(sorted(genes))[: round(len(genes) * phenotype.inactive)]
    for gene in silent:
        genes[gene] = np.zeros(phenotype.axes)
    guides = {
        f"{gene}_guide_{g + 1}": vector * max(0.0, 1 - phenotype.guide_spread * abs(rng.standard_normal()))
        for gene, vector in genes.items()
        for g in range(spec.guides)
    }
    truth = interactions(spec)
    drugs: dict[tuple[str, float], np.ndarray] = {}
    for name, rows in truth.groupby("treatment"):
        own = phenotype.off_target * phenotype.strength * draw_group(rng, 1, 0.0, allowed)[0]
        potency = rows["nM_value"].to_numpy() / 1000  # µM
        for dose in spec.doses:
            response = dose / (dose + potency)
            # Weak and inactive measurements lie beyond the doses' reach by construction of the table.
            response = np.where(rows["nM_value"] <= 10_000, response, 0.0)
            on_target = sum(r * genes[g] for r, g in zip(response, rows["gene_symbol"]))
            drugs[name, float(dose)] = on_target + own * dose / (dose + 1.0)
    silence = np.zeros(phenotype.axes)
    latent = [
        guides.get(treatment, silence) if kind == "CRISPR" else drugs.get((treatment, dose), silence)
        for treatment, dose, kind in zip(wells["treatment"], wells["concentration"], wells["perturbation_type"])
    ]
    order = wells.assign(plate=wells["experiment_name"] + "_" + wells["plate"].astype(str))
    return Simulation(spec, order, np.stack(latent), CHANNELS, "HUVEC", CAMERA)


def write_layout(spec: SimulatedRxRx3Spec, host_dir: Path) -> None:
    """Metadata CSV, truth table and ground truth."""
    write_csv(design(spec)[COLUMNS], host_dir / METADATA)
    write_csv(interactions(spec), host_dir / "compound_gene_interactions.csv")
    simulation(spec).write_truth(host_dir)


def shard_rows(spec: SimulatedRxRx3Spec, shard: str, total: int) -> range:
    """Rows of the sorted table that a shard holds: as even as can be, so that a well may straddle two shards."""
    number, shards = shard_number(shard), spec.shards
    base, surplus = divmod(total, shards)
    start = number * base + min(number, surplus)
    return range(start, start + base + (number < surplus))


def write_unit(spec: SimulatedRxRx3Spec, host_dir: Path, shard: str) -> None:
    """One shard: `__key__` and `jp2`, sorted by key, six planes per well."""
    screen = simulation(spec)
    wells = screen.design
    prefix = wells["experiment_name"] + "/Plate" + wells["plate"].str.rsplit("_").str[-1] + "/" + wells["address"]
    keys = sorted((f"{key}_s1_{c + 1}", well, c) for key, well in zip(prefix, wells["well_id"]) for c in range(6))
    rows = [keys[i] for i in shard_rows(spec, shard, len(keys))]
    last, field, planes = None, np.empty(0), []
    for _, well, channel in rows:
        if well != last:
            last, field = well, screen.field(well, 1)
        planes.append(_jpeg2000(field[channel].astype(np.uint8), spec.jpeg2000_psnr))
    table = pa.table(
        {
            "__key__": [key for key, _, _ in rows],
            "jp2": [{"bytes": b, "path": f"{key.rsplit('/', 1)[1]}.jp2"} for (key, _, _), b in zip(rows, planes)],
        },
        schema=SCHEMA,
    )
    with atomic_path(host_dir / "data" / f"{shard}.parquet") as path:
        pq.write_table(table, path, row_group_size=ROW_GROUP, compression="snappy")


def _jpeg2000(plane: np.ndarray, psnr: float) -> bytes:
    """Lossy JPEG 2000 of a signal-to-noise ratio in dB. imagecodecs takes half of Pillow's time for it."""
    return imagecodecs.jpeg2k_encode(
        plane, level=psnr, codecformat="jp2", reversible=False, resolutions=4, numthreads=1, verbose=0
    )
