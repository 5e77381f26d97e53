"""A screen from one argument: folders of images, sample sheets, and which of the tables is which."""

import pytest

from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs import FolderSpec, SampleSheetSpec
from cwamsn.screen_specs.argument import screen_from_argument

NF_CORE = "channel,path,source,batch,plate,well,site,col,field_id,plane_id,row\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "P1").mkdir()
    for c in (1, 2, 10):
        (tmp_path / f"P1/A01_s1_w{c}.tif").write_bytes(b"")
    return tmp_path


def test_a_folder_has_the_stains_of_its_names(folder):
    spec = screen_from_argument("P1")
    assert isinstance(spec, FolderSpec) and spec.stains() == ["w1", "w2", "w10"] and spec.units() == ["P1"]
    named = screen_from_argument(folder / "P1", channels=["DNA", "ER", "Mito"], pattern="metaxpress")
    assert named.channels == {"DNA": "w1", "ER": "w2", "Mito": "w10"} and named.pattern == "metaxpress"
    assert screen_from_argument("P1", channels={"DNA": "w10"}).channels == {"DNA": "w10"}
    assert screen_from_argument("P1", channels=["w2"]).channels == {"w2": "w2"}
    with pytest.raises(
        InputError, match=r"2 stains are named \(DNA, ER\), but P1 has 3 \(w1, w2, w10\); name one for ea"
    ):
        screen_from_argument("P1", channels=["DNA", "ER"])
    with pytest.raises(InputError, match="channels: DNA is 'w7', which no file"):
        screen_from_argument("P1", channels={"DNA": "w7"}).words()


def test_files_that_match_nothing_are_said(folder):
    (folder / "P1/overview.png").write_bytes(b"")
    with collected() as notes:
        screen_from_argument("P1")
    assert notes == ["P1: 1 image files do not match the pattern imagexpress and are left out, such as overview.png"]


def test_a_sample_sheet_is_told_from_a_load_data_by_its_columns(folder):
    (folder / "s.csv").write_text(
        NF_CORE + "DNA,P1/A01_s1_w1.tif,x,b1,P1,A01,1,1,1,1,1\nBrightfield_L,P1/A01_s1_w2.tif,x,b1,P1,A01,1,1,1,1,1\n"
    )
    with collected() as notes:
        spec = screen_from_argument("s.csv")
    assert isinstance(spec, SampleSheetSpec) and spec.channels == {"DNA": "DNA"} and spec.units() == ["P1"]
    assert (spec.experiment_column, spec.z_column) == ("batch", "plane_id")
    assert notes == ["s.csv: batch is taken for experiment_column", "s.csv: plane_id is taken for z_column"]
    assert screen_from_argument("s.csv", channels={"nuclei": "DNA"}).channels == {"nuclei": "DNA"}


def test_a_sheet_with_other_columns_and_own_treatments_is_understood_and_said(folder):
    (folder / "s.csv").write_text(
        "Metadata_Plate,Metadata_Well,FOV,Stain,File,Compound,conc_um,control\n"
        "P1,A01,1,DNA,P1/A01_s1_w1.tif,X,3,\nP1,A02,1,DNA,P1/A01_s1_w1.tif,water,,negcon\n"
    )
    with collected() as notes:
        spec = screen_from_argument("s.csv")
    columns = (spec.plate_column, spec.well_column, spec.site_column, spec.channel_column, spec.path_column)
    assert columns == ("Metadata_Plate", "Metadata_Well", "FOV", "Stain", "File") and len(notes) == 8
    assert (spec.compound_column, spec.concentration_column) == ("Compound", "conc_um")
    assert spec.concentration_unit == "umoles_per_liter" and spec.control_column == "control"
    assert "" not in spec.control_values and "negcon" in spec.control_values


def test_a_plate_map_of_several_plates_is_taken_by_plate(folder):
    (folder / "m.csv").write_text("Plate,Well,Compound\nP1,A01,X\nP2,A01,Y\n")
    with collected() as notes:
        assert screen_from_argument("P1", platemap="m.csv").platemap_plate_column == "Plate"
    assert "m.csv: Plate is taken for platemap_plate_column" in notes
    (folder / "m.csv").write_text("Plate,Well,Compound\nmap1,A01,X\nmap1,A02,Y\n")
    assert screen_from_argument("P1", platemap="m.csv").platemap_plate_column is None


def test_a_zarr_store_is_no_folder_of_images(folder):
    for name in ("p.zarr", "q"):
        (folder / name).mkdir()
    (folder / "q/zarr.json").write_text("{}")
    for name in ("p.zarr", "q"):
        try:
            assert screen_from_argument(name).source == "ome-zarr"
        except InputError as error:
            assert "pattern" not in str(error)
