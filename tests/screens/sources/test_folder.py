"""A folder of images as a screen: wells, fields, plate maps, and what is missing."""

import numpy as np
import pytest

from cwamsn import screen_specs, screens
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs import parse_spec
from cwamsn.screen_specs.image_options import ImageOptions

from ..loopback import plane, tiff


@pytest.fixture
def folder(tmp_path):
    """Two plates of two wells, two fields and three stains, as Harmony exports them."""
    root = tmp_path / "export"
    for p, plate in enumerate(("BC 1__2021-05-02T16_02_51-Measurement1", "BC 2__2021-05-02T17_02_51-Measurement1")):
        (root / plate / "Images").mkdir(parents=True)
        (root / plate / "Images/Index.idx.xml").write_text("<x/>")
        for w, well in enumerate(("r01c01", "r02c03")):
            for site in (1, 2):
                for c in (1, 2, 3):
                    value = 100 * p + 50 * w + 10 * site + c
                    (root / plate / "Images" / f"{well}f{site:02d}p01-ch{c}sk1fk1fl1.tiff").write_bytes(
                        tiff(plane(value))
                    )
    return root


def _spec(folder, **more):
    return {"source": "folder", "folder": str(folder)} | more


def test_wells_and_fields_without_a_plate_map(folder, run):
    this = run(_spec(folder, channels={"DNA": "ch1", "ER": "ch3"}))
    wells = this.wells()
    assert screen_specs.units("s", this.spec) == ["BC_1", "BC_2"]
    assert wells.index.tolist() == ["BC_1_A01", "BC_1_B03", "BC_2_A01", "BC_2_B03"]
    assert wells["barcode"].unique().tolist() == ["BC 1", "BC 2"] and wells["perturbation"].isna().all()
    fields, skipped, manifest = this.fetch("BC_2")
    assert fields.index.tolist() == ["BC_2-A01-1", "BC_2-A01-2", "BC_2-B03-1", "BC_2-B03-2"] and skipped.empty
    assert [c for c in fields.columns if c.startswith("uri_")] == ["uri_DNA", "uri_ER"] and len(manifest) == 8
    assert (screens.read_plane(fields.loc["BC_2-B03-2", "uri_ER"]) == plane(173)).all()


def test_stains_are_the_words_of_the_names_unless_named(folder, run):
    this = run(_spec(folder))
    this.wells()
    assert {"uri_ch1", "uri_ch2", "uri_ch3"} <= set(this.fetch("BC_1")[0].columns)


def test_wells_that_the_plate_map_lacks_are_said_and_left_out(folder, run, tmp_path):
    (tmp_path / "map.csv").write_text("well_position,broad_sample,mmoles_per_liter\nA01,X,0.003\nC07,DMSO,\n")
    this = run(_spec(folder, platemap=str(tmp_path / "map.csv")))
    with collected() as notes:
        wells = this.wells()
    said = "lacks 2 wells that have images, which are left out: BC_1 B03, BC_2 B03"
    assert any(said in line for line in notes) and wells.loc["BC_1_A01", "perturbation"] == "X"
    fields, skipped, _ = this.fetch("BC_1")
    assert fields["well_id"].unique().tolist() == ["BC_1_A01"]
    assert dict(zip(skipped["field_id"], skipped["reason"])) == {
        "BC_1-B03-1": "well without a plate-map entry",
        "BC_1-B03-2": "well without a plate-map entry",
        "BC_1-C07-0": "well without any image in folder",
    }


def test_missing_stains_are_counted(folder, run):
    plate = next(folder.glob("BC 1*"))
    for lost in ("r01c01f01p01-ch2", "r02c03f02p01-ch2"):
        (plate / "Images" / f"{lost}sk1fk1fl1.tiff").unlink()
    this = run(_spec(folder))
    this.wells()
    with collected() as notes:
        fields, skipped, _ = this.fetch("BC_1")
    assert len(fields) == 2 and set(skipped["reason"]) == {"no image of channel ch2: no file is named"}
    assert "plate BC_1: 2 of 4 fields left out; 2 x no image of channel ch2" in notes[0]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"channels": {"DNA": "ch7"}}, "channels: DNA is 'ch7', which no file of .* has; it has ch1, ch2, ch3"),
        ({"pattern": "imagexpress"}, "such as .*; they match opera: set pattern: opera"),
        ({"plates": ["BC 9"]}, r"has no image of plate BC_9; it has BC 1, BC 2: correct `plates`"),
        ({"folder": "s3://bucket/x"}, "folder: s3://bucket/x is on a host; list its images"),
        ({"folder": "/none"}, "/none: is no folder"),
        ({"platemap": "none.csv"}, "none.csv"),
    ],
)
def test_what_cannot_be_is_refused(folder, run, keys, said):
    this = run(_spec(folder) | keys)
    with pytest.raises(InputError, match=said):
        this.wells()
        this.fetch("BC_1")


def test_the_state_of_a_plate_changes_with_its_images_alone(folder):
    def states(**keys):
        return [screen_specs.unit_state(_spec(folder, **keys), unit) for unit in ("BC_1", "BC_2")]

    before, names = states(), states(watch_images=False)
    image = next(next(folder.glob("BC 2*")).rglob("*.tiff"))
    image.write_bytes(tiff(plane(7)) + b" ")
    assert states()[0] == before[0] and states()[1] != before[1] and states(watch_images=False) == names


def test_the_real_images_become_fields(shared, run):
    jump = run(
        _spec(shared / "jump_u2os", channels={"Mito": "ch1", "AGP": "ch2", "RNA": "ch3", "ER": "ch4", "DNA": "ch5"})
    )
    assert jump.wells().index.tolist() == ["AMG900_N09", "DMSO_D14"]
    fields, skipped, _ = jump.fetch("DMSO")
    assert fields.index.tolist() == ["DMSO-D14-5"] and skipped.empty
    assert screens.read_plane(fields.loc["DMSO-D14-5", "uri_DNA"]).shape == (1080, 1080)


def test_depths_in_files_of_their_own_become_one_plane_as_the_key_says(tmp_path, run):
    root = tmp_path / "export"
    root.mkdir()
    for z in (1, 2, 10):
        for c in (1, 2):
            (root / f"r01c01f01p{z:02d}-ch{c}sk1fk1fl1.tiff").write_bytes(tiff(plane(10 * z + c)))
    with pytest.raises(
        InputError, match=r"has 3 depths \(z 1, 2, 10\) per field; set images: \{stack: max\}, sharpest"
    ):
        screen_specs.unit_state(_spec(root), "export")
    spec = _spec(root, images={"stack": "max"})
    this = run(spec)
    this.wells()
    fields, skipped, manifest = this.fetch("export")
    uri = fields.loc["export-A01-1", "uri_ch2"]
    assert skipped.empty and len(manifest) == 6 and uri.count("|") == 2
    files = [plane(10 * z + 2) for z in (1, 2, 10)]
    with screens.PlaneReader(parse_spec(spec).image_options()) as planes:
        assert (planes.read(uri) == np.maximum.reduce(files)).all()
    with screens.PlaneReader(ImageOptions(stack=1)) as planes:
        assert (planes.read(uri) == files[1]).all()
    with pytest.raises(InputError, match="is one of 3 depths"):
        screens.read_plane(uri)
    with (
        screens.PlaneReader(ImageOptions(stack=3)) as planes,
        pytest.raises(InputError, match="has depths 0 to 2, not 3"),
    ):
        planes.read(uri)
    last = root / "r01c01f01p10-ch2sk1fk1fl1.tiff"
    before = screen_specs.unit_state(spec, "export")
    last.write_bytes(tiff(plane(7)[:10]))
    assert screen_specs.unit_state(spec, "export") != before
    with screens.PlaneReader(ImageOptions(stack="max")) as planes, pytest.raises(InputError, match="has another size"):
        planes.read(uri)
