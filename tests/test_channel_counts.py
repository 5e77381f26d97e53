"""Screens of four and of six stains, one OME-TIFF per field, from the files to tables: crops, training, profiles."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from cwamsn import tables
from cwamsn.chain import prepare_screen
from cwamsn.crops import CropOptions, CropStore, compress_to_uint8
from cwamsn.encoder_files import encoder_files, read_description
from cwamsn.errors import InputError
from cwamsn.profiles import read_profiles
from cwamsn.profiling import Request, Settings, profile_screen
from cwamsn.screen_specs import parse_spec
from cwamsn.training import Recipe, train
from tests.lab import CONTROLS, TREATED, field

STAINS = ("DNA", "ER", "RNA", "AGP", "Mito", "Tubulin", "Golgi", "Lyso")
RECIPE = {
    "encoder": "vit_tiny_patch16_224",
    "encoder_options": {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8},
    "rand_size": 32,
    "focal_size": 16,
    "focal_views": 1,
    "hidden_dim": 16,
    "output_dim": 8,
    "prototypes": 4,
    "batch_size": 2,
    "steps": 2,
    "device": "cpu",
    "precision": "float32",
}


def screen_of(root, stains, **images):
    """A screen of two plates whose fields are one OME-TIFF each, three depths of every stain."""
    rows = []
    for p, plate in enumerate(("P1", "P2")):
        (root / plate).mkdir(parents=True)
        for w, well in enumerate([*CONTROLS, *TREATED]):
            planes = field(100 * p + w, len(stains))
            stack = np.stack([planes // 2, planes, planes // 3], axis=1)
            tifffile.imwrite(
                root / plate / f"{well}.ome.tif", stack, photometric="minisblack", metadata={"axes": "CZYX"}
            )
            row = {"Metadata_Plate": plate, "Metadata_Well": well, "Metadata_Site": 1}
            rows.append(row | {f"FileName_Orig{s}": f"{plate}/{well}.ome.tif" for s in stains})
    pd.DataFrame(rows).to_csv(root / "load_data.csv", index=False)
    names = dict.fromkeys(CONTROLS, "DMSO") | TREATED
    pd.DataFrame({"well_position": list(names), "broad_sample": list(names.values())}).to_csv(
        root / "platemap.csv", index=False
    )
    section = {"source": "load-data", "load_data": str(root / "load_data.csv"), "platemap": str(root / "platemap.csv")}
    section |= {"channels": {s: s for s in stains}, "concentration_column": None, "images": images}
    return parse_spec(section | {"crops": {"channels": list(stains)}})


@pytest.mark.parametrize("count", [4, 6])
def test_a_screen_of_other_stains_goes_from_files_to_profiles(tmp_path, count):
    stains = STAINS[:count]
    planes = {s: k for k, s in enumerate(stains)}
    spec = screen_of(tmp_path / "lab", stains, planes=planes, stack="max", microns_per_pixel=0.65)
    screen = prepare_screen("lab", spec, tmp_path / "data")
    store = CropStore(screen.crops, screen.root)
    assert store.channels == stains and len(store) == 16
    first = store.frame["field_id"].tolist().index("P1-A01-1")
    np.testing.assert_array_equal(store.load(first), [compress_to_uint8(p) for p in field(0, count)])

    train(Recipe.from_config(RECIPE), screen, tmp_path / "model", seed=0, threads=1)
    description = read_description(encoder_files(tmp_path / "model").description)
    assert description["channels"] == list(stains) and description["image_size"] == [40, 48]
    assert description["training_screen"]["microns_per_pixel"] == 0.65

    request = Request("lab", spec, tmp_path / "model", Settings(), align="center-scale")
    about = profile_screen(request, tmp_path / "profiles")
    assert about["fields"] == {"kept": 16, "skipped": 0}
    profiles = read_profiles(tmp_path / "profiles" / "wells.parquet")
    assert profiles.features.shape == (16, 24) and np.isfinite(profiles.features).all()
    assert len(read_profiles(tmp_path / "profiles" / "perturbations.parquet").obs) >= 2


def test_eight_stains_and_three_have_their_crops(tmp_path):
    for count in (3, 8):
        stains = STAINS[:count]
        spec = screen_of(tmp_path / f"l{count}", stains, planes={s: k for k, s in enumerate(stains)}, stack=1)
        screen = prepare_screen(f"l{count}", spec, tmp_path / "data")
        assert CropStore(screen.crops, screen.root).channels == stains


def test_one_file_for_several_stains_without_a_choice_is_refused(tmp_path):
    spec = screen_of(tmp_path / "lab", STAINS[:4], stack="max")
    with pytest.raises(InputError, match=r"A01\.ome\.tif: (not a readable plane|named for DNA and ER)"):
        prepare_screen("lab", spec, tmp_path / "data", crops=CropOptions())
    qc = tables.read("qc", (tmp_path / "data" / "lab" / "qc" / "P1.parquet"))
    assert qc["reason"].str.contains("4 channels.*images.planes|named for").all()
