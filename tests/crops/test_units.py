"""A part and a screen: mapping, QC, statistics, bad input, and the same bytes whatever happens on the way."""

import hashlib
import multiprocessing
import os
import signal
import time
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.crops import CropStore, compress_to_uint8
from cwamsn.crops.statistics import channel_sums
from cwamsn.errors import InputError
from cwamsn.files import read_json
from cwamsn.notes import collected
from tests.crops.screen import CHANNELS, gather, make_unit, random_field, write


def digests(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for name in ("crops", "qc", "statistics", "crops.parquet", "qc.parquet", "statistics.json")
        for p in sorted((folder / name).rglob("*") if (folder / name).is_dir() else [folder / name])
        if p.is_file()
    }


def test_index_of_a_part(tmp_path, sections):
    paths = make_unit(tmp_path, "p1", {"A01": random_field(1), "A02": random_field(2)}, split="val")
    write(paths, sections)
    index = tables.read("crops", paths.index)
    assert index["crop_id"].tolist() == index["field_id"].tolist() == ["p1-A01-1", "p1-A02-1"]
    assert index["shard"].unique().tolist() == ["crops/p1/crops.arrow"] and index["shard_row"].tolist() == [0, 1]
    assert index["split"].tolist() == ["val", "val"]
    assert index["perturbation"].tolist() == ["compound-A01", "compound-A02"]
    assert (index[["y", "x", "height", "width"]].to_numpy() == [0, 0, 40, 48]).all()


@pytest.mark.parametrize("split", ["train", None])
def test_statistics_equal_a_naive_computation(tmp_path, sections, split):
    fields = [random_field(k) for k in range(6)]
    parts = [
        make_unit(tmp_path, "p1", {"A01": fields[0], "A02": fields[1]}, split=split),
        make_unit(tmp_path, "p2", {"A01": fields[2]}, split=split),
        make_unit(tmp_path, "p3", {"A01": fields[3], "A02": fields[4]}, split=split and "test"),
        make_unit(tmp_path, "p4", {"A01": fields[5]}, split=None),
    ]
    for p in parts:
        write(p, sections)
    *_, path = gather(parts, tmp_path)
    used = fields[:3] if split else fields
    pixels = np.stack([[compress_to_uint8(p) for p in field] for field in used]).astype(float)
    statistics = read_json(path)
    assert statistics["channels"] == CHANNELS
    assert (statistics["n_fields"], statistics["split"]) == ((3, "train") if split else (6, "all"))
    np.testing.assert_allclose(statistics["mean"], pixels.mean(axis=(0, 2, 3)), rtol=1e-13)
    np.testing.assert_allclose(statistics["std"], pixels.std(axis=(0, 2, 3)), rtol=1e-12)


def test_no_split_is_none_however_a_table_says_null():
    measures = SimpleNamespace(pixels=4, sums=np.array([8]), squares=np.array([16]))
    found = channel_sums([({"split": null}, measures) for null in (None, float("nan"), "")], ["DNA"])
    assert found["splits"] == {"none": {"n_fields": 3, "n_pixels": 12, "sum": [24], "sum_of_squares": [48]}}


def test_order_of_the_parts_does_not_matter(tmp_path, sections):
    parts = [make_unit(tmp_path, f"p{k}", {"A01": random_field(k), "B02": random_field(9 + k)}) for k in range(3)]
    for p in parts:
        write(p, sections)
    seen = set()
    for order in permutations(parts):
        gather(list(order), tmp_path)
        seen.add(tuple(digests(tmp_path).items()))
    assert len(seen) == 1


SIX = ["Hoechst", "ConA", "Phalloidin", "SYTO14", "MitoTracker", "WGA"]


@pytest.mark.parametrize("channel_map", ["rxrx3_to_bray", "max", "phalloidin_only", "cellclip"])
def test_six_stains_to_five_channels(tmp_path, sections, channel_map):
    paths = make_unit(tmp_path, "p1", {"A01": random_field(1)})
    planes = dict(zip(SIX, random_field(5, channels=6) // 17))
    fields = pd.read_parquet(paths.fields)[["field_id", "well_id", "site"]]
    for stain, plane in planes.items():
        import tifffile

        fields[f"uri_{stain}"] = str(tmp_path / f"{stain}.tif")
        tifffile.imwrite(tmp_path / f"{stain}.tif", plane.astype(np.uint8))
    tables.write(fields, "fields", paths.fields)
    write(paths, sections, channel_map)
    crop = CropStore(paths.index, tmp_path).load(0)

    p = [planes[s].astype(int) for s in SIX]
    golgi = {"rxrx3_to_bray": (p[2] + p[5]) // 2, "max": np.maximum(p[2], p[5]), "phalloidin_only": p[2]}
    if channel_map == "cellclip":
        expected = [p[k] for k in (1, 3, 4, 0, 2)]  # the published list of CellCLIP
    else:
        expected = [p[4], p[1], p[3], golgi[channel_map], p[0]]
    np.testing.assert_array_equal(crop, expected)


def test_channel_order_is_by_stain_name(tmp_path, sections):
    field = random_field(1)
    paths = make_unit(tmp_path, "p1", {"A01": field})
    write(paths, sections, channels=["Hoechst", "Mito"])
    store = CropStore(paths.index, tmp_path)
    assert store.channels == ("Hoechst", "Mito")
    np.testing.assert_array_equal(store.load(0), [compress_to_uint8(field[4]), compress_to_uint8(field[0])])


def test_unknown_stain_and_unknown_map_stop(tmp_path, sections):
    paths = make_unit(tmp_path, "p1", {"A01": random_field(1)})
    with pytest.raises(InputError, match="'Hoechts' needs stain 'Hoechts', the screen has Mito, ERSyto"):
        write(paths, sections, channels=["Mito", "Hoechts"])
    with pytest.raises(InputError, match=r"no map is called 'rxrx3_to_brai'; nearest: rxrx3_to_bray"):
        write(paths, sections, "rxrx3_to_brai")
    with pytest.raises(InputError, match=r"channel_maps\.max\.channels: no stain for channel 'DNA'"):
        write(paths, sections, "max", channels=["DNA"])
    assert not paths.shards.exists() and not paths.index.exists()


def test_what_cannot_be_used_is_skipped_and_listed(tmp_path, sections):
    same = random_field(3)
    odd = [*random_field(4)[:4], random_field(4, height=41)[4]]
    empty = random_field(5)
    empty[1] = 300
    planes = {
        "A01": random_field(1),
        "A02": random_field(2),
        "A03": same,
        "A04": same,
        "A05": odd,
        "A06": random_field(6, width=60),
        "A07": empty,
        "A08": random_field(8),
        "A09": random_field(9),
        "A10": random_field(10),
    }
    skipped = [{"field_id": "p1-A11-1", "well_id": "p1_A11", "plate": "p1", "site": 1, "reason": "four channels"}]
    paths = make_unit(tmp_path, "p1", planes, skipped=skipped)
    (tmp_path / "raw" / "p1" / "A08_Hoechst.tif").write_bytes(b"II*\0 cut off")
    fields = pd.read_parquet(paths.fields)
    fields.loc[8, "uri_Mito"] = None
    fields.to_parquet(paths.fields)
    wells = pd.read_parquet(paths.root / "wells.parquet")
    wells[wells["address"] != "A10"].to_parquet(paths.root / "wells.parquet")
    write(paths, sections)
    qc = tables.read("qc", paths.qc).set_index("field_id")
    assert len(qc) == 11
    for field, reason in {
        "p1-A04-1": "repeats the pixels of field p1-A03-1",
        "p1-A05-1": "A05_Hoechst.tif: 41 x 48 pixels, other planes of the field have 40 x 48",
        "p1-A06-1": "40 x 60 pixels, the unit's other fields have 40 x 48",
        "p1-A07-1": "empty: ERSyto has std 0, min_std is 0",
        "p1-A08-1": "A08_Hoechst.tif: not a readable plane",
        "p1-A10-1": "its well is not in the wells table",
        "p1-A11-1": "four channels",
    }.items():
        assert qc.loc[field, "status"] == "skipped" and reason in qc.loc[field, "reason"]
    # A null plane is refused by the fields contract or skipped here, never filled.
    assert qc.loc["p1-A09-1", "status"] == "skipped" and "Mito" in qc.loc["p1-A09-1", "reason"]
    kept = qc.index[qc["status"] == "kept"].tolist()
    assert kept == ["p1-A01-1", "p1-A02-1", "p1-A03-1"]
    assert kept == tables.read("crops", paths.index)["field_id"].tolist()
    assert read_json(paths.statistics)["splits"]["none"]["n_fields"] == 3
    store = CropStore(paths.index, tmp_path)
    np.testing.assert_array_equal(store.load(2), [compress_to_uint8(p) for p in same])


def test_thresholds_are_configuration(tmp_path, sections):
    from scipy.ndimage import gaussian_filter

    sharp = random_field(1)
    blurred = np.stack([gaussian_filter(p.astype(float), 3) for p in random_field(2)]).astype(np.uint16)
    bright = random_field(3)
    bright[2, :10] = 4095
    planes = {"A01": sharp, "A02": blurred, "A03": bright}
    paths = make_unit(tmp_path, "p1", planes)
    write(paths, sections)
    qc = tables.read("qc", paths.qc)
    assert (qc["status"] == "kept").all()
    focus = qc[[f"focus_{c}" for c in CHANNELS]].to_numpy()
    assert (focus[1] < focus[0] / 5).all()
    assert qc["saturation_ERSytoBleed"][2] >= 0.25 and qc["mean_Mito"][0] == compress_to_uint8(sharp[0]).mean()
    index = tables.read("crops", paths.index)
    np.testing.assert_allclose(index["focus"], focus.min(axis=1))
    limits = {**sections["crops"]["qc"], "min_focus": {"Mito": float(focus[0, 0]) / 2}, "max_saturation": 0.2}
    write(paths, sections, qc=limits)
    reasons = tables.read("qc", paths.qc)["reason"]
    assert pd.isna(reasons[0]) and reasons[1].startswith("out of focus: Mito")
    assert reasons[2].startswith("saturated: ERSytoBleed")
    everything = {"min_std": None, "min_focus": None, "max_saturation": None, "skip_duplicates": False}
    blank = make_unit(tmp_path, "p2", dict.fromkeys(("A01", "A02"), np.zeros((5, 33, 21), np.uint16)))
    write(blank, sections, qc=everything)
    assert (CropStore(blank.index, tmp_path).load_batch([0, 1]) == 0).all()


def test_size_as_configured(tmp_path, sections):
    planes = {"A01": random_field(1), "A02": random_field(2), "A03": random_field(3, height=50)}
    paths = make_unit(tmp_path, "p1", planes)
    write(paths, sections, size=[50, 48])
    assert tables.read("crops", paths.index)["field_id"].tolist() == ["p1-A03-1"]
    assert "crops.size is 50 x 48" in tables.read("qc", paths.qc)["reason"][0]


def test_focus_does_not_depend_on_gain():
    from cwamsn.crops.qc import measure

    crop = np.stack([compress_to_uint8(p) for p in random_field(1)]) // 2
    np.testing.assert_allclose(measure(crop).focus, measure(crop * 2).focus, rtol=1e-12)
    # Against the definition, written out.
    plane = crop[0].astype(float)
    rows = range(1, plane.shape[0] - 1, 8)
    laplacian = [
        plane[r - 1, x] + plane[r + 1, x] + plane[r, x - 1] + plane[r, x + 1] - 4 * plane[r, x]
        for r in rows
        for x in range(1, plane.shape[1] - 1)
    ]
    assert measure(crop).focus[0] == pytest.approx(np.var(laplacian) / plane.mean() ** 2)
    assert (measure(crop[:, :2]).focus == 0).all()


def test_a_plate_without_a_usable_field_stops_unless_it_may_be_lost(tmp_path, sections, caplog):
    caplog.set_level("INFO")
    blank = np.zeros((5, 40, 48), np.uint16)
    parts = [
        make_unit(tmp_path, "p1", {"A01": random_field(1)}),
        make_unit(tmp_path, "p2", {"A01": blank}),
        make_unit(tmp_path, "p3", {}),
    ]
    for p in parts:
        write(p, sections)
    assert "p2: no usable field among 1 (empty: Mito has std 0" in caplog.text
    assert "p3: no usable field among 0" in caplog.text
    with pytest.raises(InputError) as caught:
        gather(parts, tmp_path)
    assert str(caught.value) == (
        "plate p2: none of its 1 fields is usable (empty: Mito has std 0, min_std is 0); replace its images, leave the "
        f"plate out, or set crops.plates.lost: warn; see column `reason` in {tmp_path / 'qc'}"
    )
    assert not (tmp_path / "crops.parquet").exists()
    with collected() as lines:
        index, qc, _ = gather(parts, tmp_path, plates={"lost": "warn"})
    assert lines == [
        "unit p3: holds no field of the screen",
        "plate p2: none of its 1 fields is usable (empty: Mito has std 0, min_std is 0); taken as crops.plates allows",
    ]
    assert len(tables.read("crops", index)) == 1 and len(tables.read("qc", qc)) == 2


def test_a_screen_without_a_usable_field_stops_with_the_commonest_reason(tmp_path, sections):
    planes = {"A01": np.zeros((5, 40, 48), np.uint16)} | {f"A{k:02d}": random_field(k) for k in range(2, 6)}
    paths = make_unit(tmp_path, "p1", planes)
    for k in range(2, 6):
        (tmp_path / "raw" / "p1" / f"A{k:02d}_Mito.tif").unlink()
    write(paths, sections)
    with pytest.raises(InputError) as caught:
        gather([paths], tmp_path)
    text = str(caught.value)
    assert text.startswith("none of the 5 fields of the screen is usable (4 of 5: ") and "\n" not in text
    assert str(tmp_path / "raw/p1/A02_Mito.tif") in text and text.endswith(f"in {tmp_path / 'qc'}")
    assert (tmp_path / "qc" / "p1.parquet").exists()
    assert not (tmp_path / "crops.parquet").exists() and not (tmp_path / "statistics.json").exists()


def test_parts_that_do_not_fit_together_stop(tmp_path, sections):
    parts = [
        make_unit(tmp_path, "p1", {"A01": random_field(1)}),
        make_unit(tmp_path, "p2", {"A01": random_field(2, height=50)}),
        make_unit(tmp_path, "p3", {"A01": random_field(3)}),
    ]
    for p in parts:
        write(p, sections)
    with pytest.raises(InputError, match=r"unit p2: fields of 50 x 48 pixels, unit p1 has 40 x 48; set crops\.size"):
        gather(parts[:2], tmp_path)
    write(parts[2], sections, channels=["Mito"])
    with pytest.raises(InputError, match="unit p3: channels Mito, unit p1 has Mito, ERSyto"):
        gather([parts[0], parts[2]], tmp_path)


def test_no_training_field(tmp_path, sections):
    paths = make_unit(tmp_path, "p1", {"A01": random_field(1)}, split="test")
    write(paths, sections)
    with pytest.raises(InputError, match="no field of the training split is usable"):
        gather([paths], tmp_path)


def test_real_field_through_the_stage(tmp_path, sections, shared):
    import tifffile

    planes = np.stack([tifffile.imread(shared / "bray" / "field" / f"{c}.tif") for c in CHANNELS])
    paths = make_unit(tmp_path, "24279", {"A01": planes})
    write(paths, sections)
    *_, statistics = gather([paths], tmp_path)
    # known figures of the real Bray field
    assert np.round(read_json(statistics)["mean"], 2).tolist() == [50.37, 58.57, 45.06, 63.74, 30.86]
    assert np.round(read_json(statistics)["std"], 2).tolist() == [11.66, 20.78, 15.65, 17.30, 23.16]
    shard = paths.shards / "crops.arrow"
    assert shard.stat().st_size <= 0.75 * planes.size


def _write(paths, sections):
    write(paths, sections)


def test_killed_at_any_moment_and_run_again_gives_the_same_bytes(tmp_path, sections):
    """A killed job leaves nothing under a final name that differs from the undisturbed run's."""
    planes = {f"A{k:02d}": random_field(k, 200, 300) for k in range(1, 13)}
    undisturbed = make_unit(tmp_path / "a", "p1", planes)
    write(undisturbed, sections)
    start = time.monotonic()
    write(undisturbed, sections)
    duration = time.monotonic() - start
    expected = {k: v for k, v in digests_of_part(tmp_path / "a").items()}
    paths = make_unit(tmp_path / "b", "p1", planes)
    context = multiprocessing.get_context("fork")
    killed = 0
    for share in np.linspace(0.05, 1.0, 8):
        process = context.Process(target=_write, args=(paths, sections))
        process.start()
        time.sleep(share * duration)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        for name, digest in digests_of_part(tmp_path / "b").items():
            assert expected[name] == digest, f"half-written {name}"
    assert killed >= 3
    write(paths, sections)
    assert digests_of_part(tmp_path / "b") == expected


def digests_of_part(folder):
    found = {}
    for name in ("crops/p1/crops.arrow", "crops/p1.parquet", "qc/p1.parquet", "statistics/p1.json"):
        if (folder / name).exists():
            found[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return found
