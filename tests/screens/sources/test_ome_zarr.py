"""OME-Zarr plates: every version of the format, what their writers leave out, and the same planes from a host."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cwamsn import screen_specs, screens
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs import parse_spec
from cwamsn.screen_specs.image_options import ImageOptions
from cwamsn.screens import PlaneReader

from ..plates import STAINS, MiniPlate, pixels

QUICK = {"attempts": 2, "backoff_s": 0.01, "timeout_s": 5}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plates").mkdir()
    return tmp_path / "plates"


def spec_of(store, **more):
    return {"source": "ome-zarr", "store": str(store), "retry": QUICK, **more}


def platemap(folder, wells=("A01", "A02", "B02")):
    rows = pd.DataFrame({"well_position": wells, "broad_sample": ["X", "DMSO", "Y"][: len(wells)]})
    rows.to_csv(folder / "map.csv", index=False)
    return {"platemap": str(folder / "map.csv"), "concentration_column": None}


@pytest.mark.parametrize(
    ("version", "axes"),
    [
        ("0.4", "tczyx"),
        ("0.4", "cyx"),
        ("0.4", "czyx"),
        ("0.3", "cyx"),
        ("0.2", "tczyx"),
        ("0.5", "tczyx"),
        ("0.5", "cyx"),
    ],
)
def test_a_plate_of_any_version_is_read_at_its_first_scale(folder, run, version, axes):
    plate = MiniPlate(folder / "BR 1.ome.zarr", version, axes)
    spec = spec_of(plate.folder)
    assert screen_specs.units("s", spec) == ["BR_1"]
    this = run(spec)
    wells = this.wells()
    assert wells.index.tolist() == ["BR_1_A01", "BR_1_A02", "BR_1_B02"] and wells["perturbation"].isna().all()
    assert set(wells["barcode"]) == {"BR 1"}
    fields, skipped, manifest = this.fetch("BR_1")
    assert fields.index.tolist() == [f"BR_1-{w}-{s}" for w in ("A01", "A02", "B02") for s in (0, 1)] and skipped.empty
    for c, stain in enumerate(STAINS):
        found = screens.read_plane(fields.loc["BR_1-B02-1", f"uri_{stain}"])
        np.testing.assert_array_equal(found, plate.images["B/02", "1"][c, 0])
    assert manifest["digest"].str.startswith("sha256:").all()
    assert not manifest["name"].str.contains("labels|scale1").any()


def test_shards_and_a_plate_map(folder, run):
    plate = MiniPlate(folder / "P1.zarr", "0.5", sharded=True)
    this = run(spec_of(plate.folder, **platemap(folder, ("A01", "A02"))))
    wells = this.wells()
    assert wells["perturbation"].tolist() == ["X", "DMSO"] and wells["control"].tolist() == [None, "negative"]
    with collected() as lines:
        fields, skipped, _ = this.fetch("P1")
    assert len(fields) == 4 and skipped["reason"].tolist() == ["well without a plate-map entry"]
    assert len(lines) == 1 and lines[0].startswith("plate P1: 1 of 5 fields left out; 1 x well without a plate-map")
    np.testing.assert_array_equal(
        screens.read_plane(fields.loc["P1-A02-0", "uri_Mito"]), plate.images["A/2", "0"][4, 0]
    )


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_planes_of_a_host_are_those_of_the_store(folder, host, run, version):
    plate = MiniPlate(host.root / "a b" / "P1.zarr", version)
    spec = spec_of(f"{host.url}/a%20b/{{plate}}.zarr", plates=["P1"], channels={"Hoechst": "dna", "Mito": 4})
    this = run(spec)
    this.wells()
    fields, skipped, manifest = this.fetch("P1")
    assert len(fields) == 6 and skipped.empty
    for stain, c in (("Hoechst", 0), ("Mito", 4)):
        uri = fields.loc["P1-A01-0", f"uri_{stain}"]
        assert uri == f"data/s/raw/P1/P1.zarr/A/1/0!c={c}"
        np.testing.assert_array_equal(screens.read_plane(uri), plate.images["A/1", "0"][c, 0])
    asked = {path for path, _ in host.requests}
    assert not any("/labels/" in path or "/scale1/" in path for path in asked)
    chunk = "0/1/0/0/0" if version == "0.4" else "c/0/1/0/0/0"
    assert f"a b/P1.zarr/A/1/0/scale0/{chunk}" not in asked  # of a channel that is not wanted
    assert manifest["source"].str.startswith(host.url).all()


def test_a_store_on_a_host_must_name_plates_and_channels(host):
    spec = spec_of(f"{host.url}/{{plate}}.zarr", channels={"DNA": 0})
    with pytest.raises(InputError, match="plates: must be listed for stores that are not on this machine"):
        screen_specs.units("s", spec)
    with pytest.raises(InputError, match="channels: must be given for a store that is not on this machine"):
        screen_specs.units("s", spec_of(f"{host.url}/P1.zarr"))
    assert screen_specs.units("s", spec_of(f"{host.url}/P1.zarr", channels={"DNA": 0})) == ["P1"]


def test_the_plates_of_a_folder_or_a_pattern_are_found_without_zarr(folder):
    for name in ("P1.zarr", "P2.ome.zarr"):
        MiniPlate(folder / name)
    (folder / "notes").mkdir()
    assert screen_specs.units("s", spec_of(folder)) == ["P1", "P2"]
    assert screen_specs.units("s", spec_of(folder, plates=["P2"])) == ["P2"]
    assert parse_spec(spec_of(folder)).store_location("P2") == str(folder / "P2.ome.zarr")
    assert screen_specs.units("s", spec_of(folder / "{plate}.ome.zarr")) == ["P2"]
    mapped = spec_of("D:\\plates\\{plate}.zarr", path_map={"D:/plates": str(folder)}, plates=["P1"])
    assert parse_spec(mapped).store_location("P1") == str(folder / "P1.zarr")
    with pytest.raises(InputError, match=r"has no plate P3, only P1, P2; correct `plates`"):
        parse_spec(spec_of(folder, plates=["P3"])).state("P3")
    with pytest.raises(InputError, match=r"no store is called x\{plate\}.zarr \(it has P1.zarr"):
        screen_specs.units("s", spec_of(folder / "x{plate}.zarr"))


def test_a_well_or_a_field_that_is_not_there_is_left_out_with_its_reason(folder, run):
    plate = MiniPlate(folder / "P1.zarr", lost=("A/2",))
    shutil.rmtree(plate.folder / "A/1/1")
    (plate.folder / "B/02/1/.zattrs").write_text("{")
    (plate.folder / "B/02/0/scale0/0/3/0/0/1").unlink()
    this = run(spec_of(plate.folder))
    this.wells()
    fields, skipped, _ = this.fetch("P1")
    assert fields.index.tolist() == ["P1-A01-0"]
    reasons = dict(zip(skipped["field_id"], skipped["reason"]))
    assert reasons["P1-A02-0"] == "well without any image in the store"
    assert reasons["P1-A01-1"] == f"no image of the field: looked for {plate.folder}/A/1/1"
    assert reasons["P1-B02-1"].startswith("unreadable image: ") and "not readable metadata" in reasons["P1-B02-1"]
    lost = f"chunk 0/3/0/0/1 of {plate.folder}/B/02/0/scale0 is not there (1 of 4)"
    assert reasons["P1-B02-0"] == f"no image of channel AGP: {lost}"
    fields, _, _ = run(spec_of(plate.folder, empty_chunks="zero")).fetch("P1")
    found = screens.read_plane(fields.loc["P1-B02-0", "uri_AGP"])
    assert not found[:16, 16:].any()
    np.testing.assert_array_equal(found[:, :16], plate.images["B/02", "0"][3, 0, :, :16])


def test_a_plane_without_any_chunk_is_never_zeros(folder, run):
    plate = MiniPlate(folder / "P1.zarr")
    shutil.rmtree(plate.folder / "A/1/0/scale0/0/2")
    this = run(spec_of(plate.folder, empty_chunks="zero"))
    this.wells()
    _, skipped, _ = this.fetch("P1")
    assert skipped["reason"].tolist() == [
        f"no image of channel RNA: chunk 0/2/0/0/0 of {plate.folder}/A/1/0/scale0 is not there (4 of 4)"
    ]
    with pytest.raises(InputError, match="none of its chunks is in the store; copy or convert it again"):
        screens.read_plane(f"{plate.folder}/A/1/0!c=2")


def test_one_acquisition_of_several_is_chosen(folder, run):
    plate = MiniPlate(folder / "P1.zarr", acquisitions=(0, 0, 7))
    this = run(spec_of(plate.folder))
    this.wells()
    with pytest.raises(InputError, match=r"A/1: has images of acquisitions 0, 7; choose one: acquisition: 7"):
        this.fetch("P1")
    fields, _, _ = run(spec_of(plate.folder, acquisition=7)).fetch("P1")
    assert fields.index.tolist() == ["P1-A01-2", "P1-A02-2", "P1-B02-2"]
    np.testing.assert_array_equal(screens.read_plane(fields.loc["P1-A02-2", "uri_ER"]), plate.images["A/2", "2"][1, 0])
    with pytest.raises(InputError, match="none of its 3 fields can be used; 3 x well without any image in the store"):
        run(spec_of(plate.folder, acquisition=3)).fetch("P1")


def test_depths_become_one_plane_as_the_screen_says(folder, run):
    plate = MiniPlate(folder / "P1.zarr", "0.5", depths=3)
    this = run(spec_of(plate.folder))
    this.wells()
    with pytest.raises(InputError, match=r"has 3 depths; set images.stack of the screen: max, sharpest or a number"):
        this.fetch("P1")
    stack = plate.images["A/1", "0"][2]
    for choice, expected in (("max", stack.max(0)), (1, stack[1])):
        images = {"stack": choice}
        fields, _, manifest = run(spec_of(plate.folder, images=images)).fetch("P1")
        with PlaneReader(ImageOptions(stack=choice)) as reader:
            np.testing.assert_array_equal(reader.read(fields.loc["P1-A01-0", "uri_RNA"]), expected)
        depths = {name.split("/c/")[1].split("/")[2] for name in manifest["name"] if "/c/" in name}
        assert depths == ({"1"} if choice == 1 else {"0", "1", "2"})
    np.testing.assert_array_equal(screens.read_plane(f"{plate.folder}/A/1/0!c=2,z=2"), stack[2])
    with pytest.raises(InputError, match=r"has depths 0 to 2, not 3; correct images.stack"):
        run(spec_of(plate.folder, images={"stack": 3})).fetch("P1")


def test_the_sharpest_depth_is_that_with_the_most_detail(folder):
    plate = MiniPlate(folder / "P1.zarr", depths=3)
    values = np.zeros((1, 5, 3, 24, 26), np.uint16) + 100
    values[0, 1, 1] = pixels(5)[0, 0]
    shutil.rmtree(plate.folder / "A/1/0/scale0")
    plate.array("A/1/0/scale0", values, (1, 1, 1, 24, 26))
    np.testing.assert_array_equal(screens.read_plane(f"{plate.folder}/A/1/0!c=1,z=sharpest"), values[0, 1, 1])


@pytest.mark.parametrize(
    ("more", "labels", "message"),
    [
        ({}, None, r"its first image: does not name its channels; give numbers: channels: \{DNA: 0, ...\}"),
        ({}, ("a", "b", "a", "c", "d"), "has two channels called a; give numbers"),
        ({}, ("a/b", "a-b", "c", "d", "e"), "two of the channels a/b, a-b, c, d, e name one stain; give numbers"),
    ],
)
def test_channels_without_usable_names_are_refused(folder, more, labels, message):
    plate = MiniPlate(folder / "P1.zarr", labels=labels)
    with pytest.raises(InputError, match=message):
        screen_specs.units("s", spec_of(plate.folder, **more))


def test_a_label_with_a_slash_names_a_stain_without(folder):
    plate = MiniPlate(folder / "P1.zarr", labels=("DNA", "ER", "RNA", "Phalloidin/WGA", "Mito"))
    assert parse_spec(spec_of(plate.folder)).stains() == ["DNA", "ER", "RNA", "Phalloidin-WGA", "Mito"]


def test_a_channel_that_the_images_lack_is_said_with_those_they_have(folder, run):
    plate = MiniPlate(folder / "P1.zarr")
    this = run(spec_of(plate.folder, channels={"DNA": "Hoechst"}))
    this.wells()
    with pytest.raises(InputError, match="no channel is called Hoechst; it has DNA, ER, RNA, AGP, Mito: correct"):
        this.fetch("P1")
    with pytest.raises(InputError, match=r"no image of channel DNA: .* has channels 0 to 4, not 9"):
        run(spec_of(plate.folder, channels={"DNA": 9})).fetch("P1")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda f: (f / ".zattrs").unlink(),
            r"no Zarr group is there \(zarr.json or .zattrs\); name an OME-Zarr plate",
        ),
        (lambda f: (f / ".zattrs").write_text("[]"), "not readable metadata"),
        (
            lambda f: (f / ".zattrs").write_text('{"multiscales": []}'),
            "is an image, since its metadata have no `plate`",
        ),
        (lambda f: (f / ".zattrs").write_text('{"plate": {}}'), "its plate metadata lack 'wells'"),
        (lambda f: (f / ".zattrs").write_text('{"plate": {"wells": []}}'), "the plate has no well"),
        (lambda f: (f / ".zattrs").write_text('{"plate": {"wells": [{"path": "../B/2"}]}}'), "which is none below it"),
        (lambda f: (f / ".zattrs").write_text('{"plate": {"wells": [{"path": "x/y"}]}}'), "'xy' is no[t]? .*well"),
        (
            lambda f: (f / ".zattrs").write_text('{"plate": {"wells": [{"path": "A/1"}, {"path": "A/01"}]}}'),
            "well A01 is listed 2 times",
        ),
        (lambda f: shutil.rmtree(f), "no such store; correct `store` of the screen"),
    ],
)
def test_a_store_that_is_no_plate_is_said_to_be_what_it_is(folder, run, break_it, message):
    plate = MiniPlate(folder / "P1.zarr")
    break_it(plate.folder)
    with pytest.raises(InputError, match=message):
        run(spec_of(plate.folder, channels={"DNA": 0})).wells()


def test_the_wells_are_made_again_when_a_plates_metadata_change(folder, host):
    for name in ("P1", "P2"):
        MiniPlate(folder / f"{name}.zarr", "0.5" if name == "P2" else "0.4")
    spec = spec_of(folder, **platemap(folder))
    found = [path.removeprefix(f"{folder}/") for path in screen_specs.local_files(spec, "metadata")]
    assert found == ["P1.zarr/.zattrs", "P2.zarr/zarr.json", "map.csv"]
    assert screen_specs.local_files(spec_of(f"{host.url}/P1.zarr", channels={"DNA": 0}), "metadata") == []


def test_a_change_of_an_image_is_noticed_and_one_of_its_labels_is_not(folder):
    plate = MiniPlate(folder / "P1.zarr")
    states = [parse_spec(spec_of(plate.folder)).state("P1")]
    (plate.folder / "A/1/0/labels/nuclei/0/9.9").write_bytes(b"x")
    (plate.folder / "A/1/0/scale1/9.9").write_bytes(b"x")
    assert parse_spec(spec_of(plate.folder)).state("P1") == states[0]
    (plate.folder / "A/1/0/scale0/0/0/0/0/0").write_bytes(b"x")
    states.append(parse_spec(spec_of(plate.folder)).state("P1"))
    plate.attributes("B/02/1", json.loads((plate.folder / "B/02/1/.zattrs").read_text()) | {"note": 1})
    states.append(parse_spec(spec_of(plate.folder)).state("P1"))
    assert len(set(states)) == 3
    unwatched = parse_spec(spec_of(plate.folder, watch_images=False))
    before = unwatched.state("P1")
    (plate.folder / "A/1/0/scale0/0/0/0/0/0").unlink()
    assert unwatched.state("P1") == before


def test_the_pixel_size_is_the_stores_unless_the_screen_gives_one(folder):
    plate = MiniPlate(folder / "P1.zarr", "0.5")
    assert parse_spec(spec_of(plate.folder)).image_options().microns_per_pixel == 0.6
    given = parse_spec(spec_of(plate.folder, images={"microns_per_pixel": 0.3}))
    assert given.image_options().microns_per_pixel == 0.3
    assert parse_spec(spec_of(plate.folder / "gone", channels={"DNA": 0})).image_options() == ImageOptions()


def test_plates_wells_and_channels_are_known_without_numpy_or_zarr(folder):
    store = MiniPlate(folder / "P1.zarr", "0.5").folder
    program = (
        "import sys; from cwamsn.screen_specs import parse_spec, units, unit_state\n"
        f"spec = {{'source': 'ome-zarr', 'store': {str(store)!r}}}\n"
        "print(units('s', spec), parse_spec(spec).stains(), len(unit_state(spec, 'P1')))\n"
        "print(sorted({'numpy', 'pandas', 'zarr', 'fsspec'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == [f"['P1'] {list(STAINS)} 16", "[]"]
