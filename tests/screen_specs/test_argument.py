"""A screen from one argument of the command line: a load_data.csv, a configuration, and what is neither."""

import pytest
import yaml

from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs import LoadDataSpec, RxRx3Spec
from cwamsn.screen_specs.argument import screen_from_argument
from cwamsn.screen_specs.load_data import image_channels

from ..screens.plates import STAINS, MiniPlate, jump_lite

HEADER = (
    "FileName_OrigDNA,PathName_OrigDNA,FileName_OrigER,PathName_OrigER,Metadata_Plate,Metadata_Well,Metadata_Site\n"
)


@pytest.fixture
def listed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "load_data.csv").write_text(HEADER + "a.tif,x,b.tif,x,P1,A01,1\n")
    (tmp_path / "map.csv").write_text("well_position,broad_sample\nA01,X\n")
    return tmp_path


def test_a_load_data_has_the_stains_of_its_columns(listed):
    spec = screen_from_argument("load_data.csv", platemap="map.csv")
    assert isinstance(spec, LoadDataSpec)
    assert (spec.load_data, spec.platemap) == ("load_data.csv", "map.csv")
    assert spec.channels == {"DNA": "DNA", "ER": "ER"} and spec.units() == ["P1"]
    assert spec.concentration_column is None  # the map has none
    chosen = screen_from_argument(listed / "load_data.csv", channels={"Hoechst": "DNA"}, control_values=["X"])
    assert chosen.channels == {"Hoechst": "DNA"} and chosen.control_values == ["X"] and chosen.platemap is None


def test_brightfield_and_illumination_functions_are_no_stains():
    columns = ["FileName_IllumDNA", "FileName_OrigDNA", "PathName_OrigDNA", "URL_OrigBFP", "FileName_OrigHighZBF"]
    assert image_channels([*columns, "FileName_OrigBrightfield_H", "URL_DNA", "Metadata_Plate"]) == ["DNA", "BFP"]


def test_a_plate_map_with_other_column_names_is_understood_and_said(listed):
    (listed / "map.csv").write_text("Well,Compound,Dose_uM\nA01,X,3\n")
    with collected() as notes:
        spec = screen_from_argument("load_data.csv", platemap="map.csv")
    assert (spec.platemap_well_column, spec.compound_column) == ("Well", "Compound")
    assert (spec.concentration_column, spec.concentration_unit) == ("Dose_uM", "umoles_per_liter")
    assert len(notes) == 3 and "Compound is taken for compound_column" in notes[1]
    (listed / "map.csv").write_text("Well,Compound,Dose\nA01,X,3\n")
    with pytest.raises(InputError, match=r"the unit of Dose is not known; call a column of µM concentration_um,"):
        screen_from_argument("load_data.csv", platemap="map.csv")
    given = {"concentration_column": "Dose", "concentration_unit": "nmoles_per_liter"}
    assert screen_from_argument("load_data.csv", platemap="map.csv", **given).concentration_unit == "nmoles_per_liter"
    (listed / "map.csv").write_text("Well,what\nA01,X\n")
    with pytest.raises(InputError, match="lacks column broad_sample; set compound_column to one of Well, what"):
        screen_from_argument("load_data.csv", platemap="map.csv")


def test_a_configuration_names_its_screen(listed):
    own = {"source": "load-data", "load_data": "load_data.csv", "platemap": "map.csv"}
    core = {"source": "rxrx3-core"}
    (listed / "one.yaml").write_text(yaml.safe_dump({"run": "r", "screens": {"mine": own}}))
    assert screen_from_argument("one.yaml").load_data == "load_data.csv"
    (listed / "my.yaml").write_text(
        yaml.safe_dump({"extends": "one.yaml", "screens": {"core": core}, "accept_noncommercial_licence": True})
    )
    core_spec = screen_from_argument("my.yaml:core")
    assert isinstance(core_spec, RxRx3Spec) and core_spec.accept_noncommercial_licence
    assert isinstance(screen_from_argument("my.yaml:mine", split="own"), LoadDataSpec)
    with pytest.raises(InputError, match=r"my\.yaml: has 2 screens \(mine, core\); name one: my\.yaml:SCREEN"):
        screen_from_argument("my.yaml")
    with pytest.raises(InputError, match="no screen is called 'min'; nearest: mine"):
        screen_from_argument("my.yaml:min")
    (listed / "my.yaml").write_text(
        yaml.safe_dump({"extends": "one.yaml", "evaluate": {"core": []}, "screens": {"core": core}})
    )
    assert isinstance(screen_from_argument("my.yaml"), RxRx3Spec)  # the run's own


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            {"source": "load-data", "plate_map": "m.csv"},
            "screens.s: plate_map: unknown key; nearest: platemap",
        ),
        ({"source": "load-date"}, "my.yaml: screens.s: source: 'load-date' is not known; nearest: load-data"),
        ({}, "my.yaml: screens.s: source: None is not known"),
        ("x", "my.yaml: screens.s: expected keys below it, found 'x'"),
        ({"source": "load-data", "identity": "smiles"}, "my.yaml: screens.s: identity: 'smiles' is not one of"),
        ({"source": "load-data", "plates": "P1"}, "my.yaml: screens.s: plates: 'P1' is not of type"),
    ],
)
def test_a_wrong_section_is_refused_in_one_line(listed, section, said):
    (listed / "my.yaml").write_text(yaml.safe_dump({"screens": {"s": section}}))
    with pytest.raises(InputError) as raised:
        screen_from_argument("my.yaml")
    assert said in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("argument", "options", "said"),
    [
        ("none.csv", {}, "none.csv: no such file or folder"),
        ("none.yaml", {}, "none.yaml: no such file"),
        ("load_data.csv", {"pattern": "opera"}, "is a table, which needs no pattern"),
        ("load_data.csv", {"channels": ["DNA", "DNA"]}, "channels: DNA is listed twice"),
        ("load_data.csv", {"plat": 1}, "plat: unknown key; nearest: plates"),
        ("https://h/load_data.csv", {}, "channels: name the stains of a list that is not on this machine"),
        ("empty.csv", {}, "has no image column"),
        ("wells.parquet", {}, "is no screen"),
    ],
)
def test_what_is_no_screen_is_refused_in_one_line(listed, argument, options, said):
    (listed / "empty.csv").write_text("Metadata_Plate\nP1\n")
    (listed / "wells.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError) as raised:
        screen_from_argument(argument, **options)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_a_plate_of_ome_zarr_or_a_folder_of_plates_is_named_by_its_path(tmp_path):
    store = MiniPlate(tmp_path / "P1.zarr").folder
    for argument in (store, tmp_path):
        spec = screen_from_argument(argument)
        assert (spec.source, spec.units(), spec.stains()) == ("ome-zarr", ["P1"], list(STAINS))
    assert screen_from_argument(store, channels=["dna", "Mito"]).channels == {"dna": "dna", "Mito": "Mito"}
    assert screen_from_argument(store, channels=["a", "b", "c", "d", "e"]).channels == dict(zip("abcde", STAINS))
    assert screen_from_argument(store, channels={"Hoechst": "0", "M": "Mito"}).channels == {"Hoechst": 0, "M": "Mito"}
    with pytest.raises(InputError, match=r"channels: 2 stains are named \(a, b\), but .*P1.zarr has 5 \(DNA, ER"):
        screen_from_argument(store, channels=["a", "b"])
    bare = MiniPlate(tmp_path / "other" / "P2.zarr", labels=None).folder
    assert screen_from_argument(bare, channels=["DNA", "ER"]).channels == {"DNA": 0, "ER": 1}


def test_jump_lite_is_known_by_the_names_of_its_arrays(tmp_path):
    jump_lite(tmp_path / "lite.zarr", ("source_1__b__P7__A01__1",))
    spec = screen_from_argument(tmp_path / "lite.zarr", channels=["DNA", "Mito"])
    assert (spec.source, spec.units(), spec.channels) == ("jump-lite", ["P7"], {"DNA": 1, "Mito": 3})
    assert screen_from_argument(tmp_path / "lite.zarr").stains() == ["AGP", "DNA", "ER", "Mito", "RNA"]
    with pytest.raises(InputError, match="channels: Actin: JUMP-Lite has AGP, DNA, ER, Mito, RNA; name those, or"):
        screen_from_argument(tmp_path / "lite.zarr", channels=["Actin"])
