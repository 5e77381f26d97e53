"""The simulator: file layouts, design, ground truth, determinism, and cells whose phenotype is not their intensity."""

import io
import re
import zipfile
from dataclasses import replace

import imagecodecs
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import tifffile

from cwamsn.config import load_schema, resolve
from cwamsn.errors import InputError
from cwamsn.screen_specs import SimulatedSpec, parse_spec
from cwamsn.screens import layout_report
from cwamsn.simulate import bray, rxrx3_core, simulate_layout, simulate_unit
from cwamsn.simulate.compounds import inchikey, smiles
from cwamsn.simulate.genes import complexes, relationships
from cwamsn.simulate.phenotypes import PARAMETERS, base_parameters, draw_group, loadings, shared_axes
from cwamsn.simulate.seeding import generator
from cwamsn.vocabulary import BRAY_STAINS
from cwamsn.wells import address_at

FILE = re.compile(r"_(?P<well>[a-p]\d{2})_s(?P<site>\d)_w(?P<w>\d)(?P<uuid>[0-9a-f-]{36})\.tif$", re.IGNORECASE)
KEY = re.compile(
    r"(?P<experiment>(gene|compound)-\d{3})/Plate(?P<plate>\d+)/(?P<address>[A-Z]{1,2}\d{2})_s1_(?P<c>[1-6])$"
)
SMALL_BRAY = {
    "field_height": 40, "field_width": 56, "cell_diameter": 12, "plate_rows": 4, "plate_columns": 6, "compounds": 24,
    "missing_fields": 0.05, "missing_channels": 0.02,
}  # fmt: skip
SMALL_RXRX3 = {
    "field_height": 32, "field_width": 40, "cell_diameter": 10, "plate_rows": 8, "plate_columns": 8, "complexes": 3,
    "genes_per_complex": 3, "guides": 2, "wells_per_guide": 2, "compounds": 4, "doses": [0.1, 10.0], "shards": 7,
    "empty_controls": 5, "crispr_controls": 3, "wells_per_dose": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def make(root):
    """A screen's specification with the schema's defaults."""
    schema = load_schema(root / "config" / "schemas")

    def spec(source: str, **keys) -> SimulatedSpec:
        return parse_spec(resolve({"screens": {"screen": {"source": source, **keys}}}, schema)["screens"]["screen"])

    return spec


@pytest.fixture(scope="module")
def bray_screen(make, tmp_path_factory):
    spec, host = make("simulated-bray", **SMALL_BRAY), tmp_path_factory.mktemp("bray")
    simulate_layout(spec, host)
    for part in spec.units():
        simulate_unit(spec, host, part)
    return spec, host


@pytest.fixture(scope="module")
def rxrx3_screen(make, tmp_path_factory):
    spec, host = make("simulated-rxrx3-core", **SMALL_RXRX3), tmp_path_factory.mktemp("rxrx3")
    simulate_layout(spec, host)
    for part in spec.units():
        simulate_unit(spec, host, part)
    return spec, host


def contents(folder) -> dict:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# Names and determinism


def test_parts_are_named_as_on_the_hosts(make):
    plates = make("simulated-bray").units()
    assert plates[:5] == ["24277", "24278", "24279", "24280", "24293"] and len(plates) == 8
    assert make("simulated-rxrx3-core").units() == ["train-00000-of-00002", "train-00001-of-00002"]
    assert [address_at(1, 1), address_at(26, 2), address_at(32, 48)] == ["A01", "Z02", "AF48"]


@pytest.mark.parametrize("screen", ["bray_screen", "rxrx3_screen"])
def test_bytes_depend_on_specification_and_part_alone(screen, request, tmp_path):
    spec, host = request.getfixturevalue(screen)
    for part in reversed(spec.units()[:3]):
        simulate_unit(spec, tmp_path, part)
    simulate_layout(spec, tmp_path)
    again, first = contents(tmp_path), contents(host)
    assert len(again) > 5 and all(first[name] == data for name, data in again.items())


def test_another_seed_gives_other_images(make, bray_screen, tmp_path):
    spec, host = bray_screen
    simulate_unit(replace(spec, seed=7), tmp_path, "24277")
    assert contents(tmp_path)["cil/broad_data/plate_24277/24277-Mito.zip"] not in contents(host).values()


def test_an_unknown_part_is_refused(bray_screen, tmp_path):
    with pytest.raises(InputError, match="unit '1'"):
        simulate_unit(bray_screen[0], tmp_path, "1")


# Layout of Bray et al.


def test_channel_zips_hold_real_looking_tiffs(bray_screen):
    spec, host = bray_screen
    seen = set()
    for plate in spec.units():
        for channel in BRAY_STAINS:
            with zipfile.ZipFile(host / f"cil/broad_data/plate_{plate}/{plate}-{channel}.zip") as archive:
                assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
                for name in archive.namelist():
                    folder, file = name.split("/")
                    match = FILE.search(file)
                    assert folder == f"{plate}-{channel}" and int(match["w"]) == bray.BRAY_WAVELENGTHS[channel]
                    seen.add(match["uuid"])
                with tifffile.TiffFile(io.BytesIO(archive.read(archive.namelist()[0]))) as tiff:
                    page = tiff.pages[0]
                    image = page.asarray()
                    assert page.compression == 1 and tiff.byteorder == "<"
        assert image.shape == (40, 56) and image.dtype == np.uint16 and 0 < image.max() <= 4095
    total = sum(len(bray.images(spec, p, rows["address"].to_numpy())) for p, rows in bray.design(spec).groupby("plate"))
    assert len(seen) == total, "every file has a uuid of its own"


def test_every_compound_has_one_map_and_one_position(make):
    spec = make("simulated-bray")
    wells = bray.design(spec)
    treated = wells[wells["compound"] >= 0].groupby("compound")
    assert (treated["plate"].nunique() == 4).all() and (treated.size() == 4).all()
    assert (treated["plate_map"].nunique() == 1).all() and (treated["address"].nunique() == 1).all()
    dmso = wells[wells["compound"] < 0].groupby("plate").size()
    assert (dmso == 16).all(), "64 of 384 wells in proportion"
    for _, plates in wells.groupby("plate_map")["plate"]:
        numbers = sorted(map(int, plates.unique()))
        assert numbers == list(range(numbers[0], numbers[0] + 4)), "replicate plates are consecutive"


def test_layout_keys_have_the_verdicts_of_the_layout_report(make):
    verdicts = {}
    for layout in ("bray", "randomised"):
        wells = bray.design(make("simulated-bray", layout=layout))
        assert not wells.duplicated(["plate", "address"]).any()
        wells["perturbation"] = wells["compound"].where(wells["compound"] >= 0).astype(object)
        treated = wells.dropna(subset="perturbation")
        assert (treated.groupby("perturbation")["plate"].nunique() == 4).all()
        report = layout_report(wells, factors=("plate", "plate_map", "batch", "row", "column"))
        verdicts[layout] = report.set_index("factor")["verdict"].to_dict()
    assert verdicts["bray"] == {"plate": "removable"} | dict.fromkeys(
        ("plate_map", "batch", "row", "column"), "shortcut"
    )
    assert set(verdicts["randomised"].values()) == {"removable"}


def test_one_plate_is_partial_and_some_images_are_missing(bray_screen):
    spec, _ = bray_screen
    wells = bray.design(spec)
    fields = {p: bray.images(spec, p, rows["address"].to_numpy()) for p, rows in wells.groupby("plate")}
    imaged = pd.Series({p: f["address"].nunique() for p, f in fields.items()})
    assert imaged["24280"] == round(16 * 82 / 384) and (imaged.drop("24280") >= 14).all()
    counts = np.concatenate([f.groupby(["address", "site"]).size() for f in fields.values()])
    assert counts.min() < 5 and (counts == 5).mean() > 0.8


def test_metadata_join_and_splits_are_disjoint(bray_screen):
    _, host = bray_screen
    barcodes = pd.read_csv(host / bray.GALLERY / "barcode_platemap.csv", dtype=str)
    assert barcodes.columns.tolist() == ["Assay_Plate_Barcode", "Plate_Map_Name"]
    for name in barcodes["Plate_Map_Name"].unique():
        rows = pd.read_csv(host / bray.GALLERY / "platemap" / f"{name}.txt", sep="\t")
        dmso = rows["broad_sample"].isna()
        assert dmso.sum() == 4 and (rows.loc[dmso, "ASSAY_WELL_ROLE"] == "mock").all()
        assert rows["broad_sample"].dropna().str.fullmatch(r"BRD-K\d{8}-\d{3}-\d{2}-\d").all()
    annotations = pd.read_csv(host / "gigadb/chemical_annotations.csv").set_index("BROAD_ID")
    splits = {part: pd.read_csv(host / f"splits/datasplit1-{part}.csv") for part in ("train", "val", "test")}
    blocks = {part: set(rows["INCHIKEY"].str[:14]) for part, rows in splits.items()}
    assert not (blocks["train"] & blocks["val"] or blocks["train"] & blocks["test"] or blocks["val"] & blocks["test"])
    # 70/10/20 of 24 compounds; a compound of which every image is missing would not be counted.
    assert [len(b) for b in blocks.values()] == [17, 2, 5]
    table = pd.concat(splits.values())
    assert table["SAMPLE_KEY"].str.fullmatch(r"\d{5}-[A-P]\d{2}-\d").all() and table["SAMPLE_KEY"].is_unique
    assert (annotations.loc[table["BROAD_ID"], "CPD_SMILES"].to_numpy() == table["SMILES"].to_numpy()).all()
    row = table.iloc[0]
    with zipfile.ZipFile(host / f"cil/broad_data/plate_{row.PLATE_ID}/{row.PLATE_ID}-Mito.zip") as archive:
        assert f"{row.PLATE_ID}-Mito/{row.IMG_Mito}.tif" in archive.namelist()


# Layout of RxRx3-core


def test_shards_hold_sorted_planes(rxrx3_screen):
    spec, host = rxrx3_screen
    keys, straddles = [], 0
    for part in spec.units():
        table = pq.read_table(host / "data" / f"{part}.parquet")
        assert str(table.schema.field("jp2").type) == "struct<bytes: binary, path: string>"
        keys += table["__key__"].to_pylist()
        straddles += len(keys) % 6 > 0
    assert keys == sorted(keys) and all(KEY.fullmatch(k) for k in keys)
    assert straddles, "a well straddles two shards"
    plane = imagecodecs.jpeg2k_decode(table["jp2"][0].as_py()["bytes"])
    assert plane.shape == (32, 40) and plane.dtype == np.uint8
    metadata = pd.read_csv(host / "metadata_rxrx3_core.csv", low_memory=False)
    assert metadata.columns.tolist() == rxrx3_core.COLUMNS
    wells = {k.rsplit("_s1_", 1)[0].replace("/Plate", "_").replace("/", "_") for k in keys}
    assert wells == set(metadata["well_id"]) and len(keys) == 6 * len(metadata)


def test_controls_guides_and_doses(rxrx3_screen):
    _, host = rxrx3_screen
    metadata = pd.read_csv(host / "metadata_rxrx3_core.csv", low_memory=False)
    empty = metadata[metadata["treatment"] == "EMPTY_control"].groupby("experiment_name").size()
    assert (empty == 5).all() and set(empty.index) == set(metadata["experiment_name"])
    crispr = metadata[metadata["treatment"] == "CRISPR_control"]
    assert (crispr["perturbation_type"] == "COMPOUND").all() and len(crispr) == 6
    genes = metadata[(metadata["perturbation_type"] == "CRISPR") & (metadata["treatment"] != "EMPTY_control")]
    assert genes["treatment"].str.fullmatch(r"[^_]+_guide_[12]").all()
    assert (genes.groupby("gene")["experiment_name"].nunique() == 2).all()
    drugs = metadata[metadata["SMILES"].notna()]
    assert not drugs["treatment"].str.contains("_").any() and set(drugs["concentration"]) == {0.1, 10.0}
    truth = pd.read_csv(host / "compound_gene_interactions.csv")
    assert truth.columns.tolist() == ["gene_symbol", "nM_value", "measurement_type", "database", "treatment"]
    assert set(truth["treatment"]) == set(drugs["treatment"]) and set(truth["gene_symbol"]) <= set(genes["gene"])
    assert (truth[truth["nM_value"] <= 1000].groupby("treatment").size() >= 1).all()


def test_the_default_has_enough_relationships_and_controls(make):
    spec = make("simulated-rxrx3-core")
    wells = rxrx3_core.design(spec)
    assert (wells[wells["treatment"] == "EMPTY_control"].groupby("batch").size() >= 64).all()
    genes = set(wells["gene"])
    counts = {s: sum(a in genes and b in genes for a, b in pairs) for s, pairs in relationships().items()}
    assert min(counts.values()) >= 20, counts


def test_complexes_do_not_overlap():
    groups = complexes(3, 12, 4)
    assert len({g for group in groups for g in group}) == 48


def test_no_compound_stands_in_both_screens():
    training = {inchikey(s)[:14] for s in smiles(0, "training", 400)}
    evaluation = {inchikey(s)[:14] for s in smiles(0, "evaluation", 400)}
    assert len(training) == len(evaluation) == 400 and not training & evaluation


# Ground truth


@pytest.mark.parametrize("screen", ["bray_screen", "rxrx3_screen"])
def test_truth_covers_every_well(screen, request):
    spec, host = request.getfixturevalue(screen)
    module = bray if screen == "bray_screen" else rxrx3_core
    truth = pd.read_parquet(host / "truth" / "wells.parquet")
    assert truth["well_id"].is_unique and set(truth["well_id"]) == set(module.design(spec)["well_id"])
    assert sum(c.startswith("phenotype_") for c in truth) == 16
    nuisance = truth.filter(like="nuisance_")
    assert (
        np.isfinite(truth.drop(columns="well_id").to_numpy()).all()
        and (nuisance.drop(columns="nuisance_edge").std() > 0.1).all()
    )


def test_training_phenotypes_keep_off_the_evaluation_axes(make):
    spec = make("simulated-bray")
    latent = bray.simulation(spec).latent
    only = ~shared_axes(16, 0.25)
    assert only.sum() == 4 and not latent[:, only].any()
    assert rxrx3_core.simulation(make("simulated-rxrx3-core")).latent[:, only].any(axis=0).all()


def test_half_of_the_compounds_do_nothing_and_the_dose_counts(make):
    spec = make("simulated-bray")
    wells, latent = bray.design(spec), bray.simulation(spec).latent
    active = pd.Series(np.linalg.norm(latent, axis=1) > 0).groupby(wells["compound"]).max()
    assert active.drop(-1).mean() == pytest.approx(0.5, abs=0.01) and not active[-1]
    screen = rxrx3_core.simulation(make("simulated-rxrx3-core"))
    drugs = screen.design["concentration"].notna().to_numpy()
    length = (
        pd.Series(np.linalg.norm(screen.latent[drugs], axis=1))
        .groupby(screen.design["concentration"][drugs].to_numpy())
        .mean()
    )
    assert length.is_monotonic_increasing


def test_genes_of_a_complex_resemble_each_other():
    group = draw_group(generator(0), 400, 0.7, np.ones(16, bool))
    cosine = group @ group.T
    assert cosine[np.triu_indices(400, 1)].mean() == pytest.approx(0.7, abs=0.1)
    assert np.allclose(np.linalg.norm(group, axis=1), 1)


def test_both_screens_share_the_meaning_of_the_axes():
    assert np.array_equal(loadings(0, 16), loadings(0, 16)) and not np.array_equal(loadings(0, 16), loadings(1, 16))
    assert not np.allclose(base_parameters("U2OS"), base_parameters("HUVEC"))


# Images


@pytest.mark.parametrize(("height", "width", "diameter"), [(520, 696, 52), (128, 160, 20), (33, 47, 9.5)])
def test_sizes_are_honoured(make, height, width, diameter):
    spec = make("simulated-bray", field_height=height, field_width=width, cell_diameter=diameter)
    screen = bray.simulation(spec)
    field = screen.field(screen.design["well_id"][0], 1)
    assert field.shape == (5, height, width) and field.max() <= 4095


def test_fields_hold_tens_of_cells(make):
    from scipy import ndimage

    screen = bray.simulation(make("simulated-bray"))
    nuclei = []
    for well in screen.design["well_id"][:12]:
        plane = ndimage.gaussian_filter(screen.field(well, 1)[BRAY_STAINS.index("Hoechst")].astype(float), 1)
        nuclei.append(ndimage.label(plane > (plane.min() + np.percentile(plane, 99)) / 2.5)[1])
    assert 15 <= np.median(nuclei) <= 90


def test_a_phenotype_changes_texture_more_than_intensity(make):
    """An active compound's wells and DMSO differ in fine detail, by more than in the mean of any channel."""
    quiet = {
        "stain_gain": 0.0,
        "background": 0.0,
        "blur": 0.0,
        "gamma": 0.0,
        "illumination": 0.0,
        "density": 0.0,
        "edge": 0.0,
    }
    spec = make("simulated-bray", nuisance=quiet)
    screen = bray.simulation(spec)
    strongest = int(np.linalg.norm(screen.latent, axis=1).argmax())
    compound = screen.design["compound"][strongest]
    groups = {}
    for name, wells in (
        ("treated", screen.design[screen.design["compound"] == compound]),
        ("dmso", screen.design[screen.design["compound"] < 0]),
    ):
        fields = np.stack([screen.field(w, s) for w in wells["well_id"][:8] for s in (1, 2)]).astype(float)
        mean = fields.mean((2, 3))
        detail = np.abs(np.diff(fields, axis=3)).mean((2, 3)) / mean
        groups[name] = mean, np.concatenate([detail, fields.std((2, 3)) / mean], axis=1)

    def effect(i: int) -> float:
        a, b = groups["treated"][i], groups["dmso"][i]
        return float((np.abs(a.mean(0) - b.mean(0)) / np.sqrt((a.var(0) + b.var(0)) / 2)).max())

    assert effect(1) > 2 and effect(1) > 1.5 * effect(0)


def test_the_documented_parameters_are_those_of_the_code(root):
    text = (root / "docs" / "simulation.md").read_text()
    for p in PARAMETERS:
        step = f"{p.unit}{' (log)' if p.log else ''}"
        assert f"| {p.name} | {p.u2os} | {p.huvec} | {step} | {p.spread} | {p.low} ... {p.high} |" in text
