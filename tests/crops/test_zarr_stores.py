"""Crops from Zarr stores are those from single files: the same pixels give the same bytes."""

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from cwamsn.chain import prepare_screen
from cwamsn.crops import CropOptions
from cwamsn.screen_specs import parse_spec
from tests.screens.plates import STAINS, MiniPlate, jump_lite


def crops_of(spec, folder, channels=STAINS):
    paths = prepare_screen("s", parse_spec(spec), folder, crops=CropOptions(channels=list(channels)))
    index = pd.read_parquet(paths.crops)
    shards = {
        p.relative_to(paths.root): p.read_bytes() for p in sorted((paths.root / "crops").rglob("*")) if p.is_file()
    }
    return index, shards


def listed(folder, images):
    """A load_data.csv of single files with the same pixels: (well, site) → (c, y, x)."""
    rows = []
    folder.mkdir()
    for (well, site), image in images.items():
        row = {"Metadata_Plate": "P1", "Metadata_Well": well, "Metadata_Site": site}
        for stain, pixels in zip(STAINS, image):
            row[f"FileName_{stain}"] = f"{well}_{site}_{stain}.tif"
            tifffile.imwrite(folder / row[f"FileName_{stain}"], pixels)
        rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "load_data.csv", index=False)
    return {"source": "load-data", "load_data": str(folder / "load_data.csv"), "channels": {s: s for s in STAINS}}


def assert_same(one, other):
    for (a, b), name in zip(zip(one, other), ("index", "bytes")):
        if name == "index":
            pd.testing.assert_frame_equal(a, b)
        else:
            assert a.keys() == b.keys() and {k for k in a if a[k] != b[k] and k.suffix != ".parquet"} == set()


@pytest.mark.parametrize(("version", "sharded"), [("0.4", False), ("0.5", True)])
def test_a_plate_gives_the_crops_of_its_planes_as_files(tmp_path, version, sharded):
    plate = MiniPlate(tmp_path / "P1.zarr", version, sharded=sharded)
    wells = {"A/1": "A01", "A/2": "A02", "B/02": "B02"}
    images = {(wells[well], int(field)): image[:, 0] for (well, field), image in plate.images.items()}
    files = crops_of(listed(tmp_path / "files", images), tmp_path / "a")
    assert_same(crops_of({"source": "ome-zarr", "store": str(plate.folder)}, tmp_path / "b"), files)
    assert len(files[0]) == 6


def test_the_maximum_of_depths_gives_the_crops_of_the_maximum(tmp_path):
    plate = MiniPlate(tmp_path / "P1.zarr", depths=3)
    wells = {"A/1": "A01", "A/2": "A02", "B/02": "B02"}
    images = {(wells[well], int(field)): image.max(1) for (well, field), image in plate.images.items()}
    files = crops_of(listed(tmp_path / "files", images), tmp_path / "a")
    spec = {"source": "ome-zarr", "store": str(plate.folder), "images": {"stack": "max"}}
    assert_same(crops_of(spec, tmp_path / "b"), files)


def test_jump_lite_gives_the_crops_of_its_planes_as_files(tmp_path):
    keys = tuple(f"source_4__b__P1__{well}__{site}" for well in ("A01", "B02") for site in (1, 2))
    arrays = jump_lite(tmp_path / "lite.zarr", keys, 2)
    order = [1, 2, 4, 0, 3]  # DNA, ER, RNA, AGP, Mito of AGP, DNA, ER, Mito, RNA
    images = {(key.split("__")[3], int(key.split("__")[4])): arrays[key][order] for key in keys}
    files = crops_of(listed(tmp_path / "files", images), tmp_path / "a")
    spec = {"source": "jump-lite", "store": str(tmp_path / "lite.zarr")}
    assert_same(crops_of(spec, tmp_path / "b"), files)


def test_real_fields_are_the_same_from_files_and_from_a_plate(tmp_path, shared):
    found = sorted((shared / "jump_u2os").rglob("*.tif*"))
    fields = {}
    for path in found:
        fields.setdefault((path.parent.name, path.name.split("-ch")[0]), []).append(path)
    (_, paths), *_ = sorted(fields.items())
    image = np.stack([tifffile.imread(p) for p in sorted(paths)])
    assert image.shape == (5, 1080, 1080) and image.dtype == np.uint16
    plate = MiniPlate(tmp_path / "P1.zarr", "0.5", "cyx", lost=MiniPlate.WELLS)
    plate.attributes("", {"plate": {"wells": [{"path": "A/1"}]}})
    plate.attributes("A/1", {"well": {"images": [{"path": "0"}]}})
    scales = {"axes": [{"name": a} for a in "cyx"], "datasets": [{"path": "0"}]}
    plate.attributes("A/1/0", {"multiscales": [scales], "omero": {"channels": [{"label": s} for s in STAINS]}})
    zarr.create_array(plate.folder / "A/1/0/0", data=image, chunks=(1, 512, 512))
    files = crops_of(listed(tmp_path / "files", {("A01", 0): image}), tmp_path / "a")
    assert_same(crops_of({"source": "ome-zarr", "store": str(plate.folder)}, tmp_path / "b"), files)
    assert len(files[0]) == 1
