"""From a folder to load_data.csv, plate map and my.yaml: what is written is what later commands read."""

import csv
from pathlib import Path

import pytest
import yaml

from cwamsn.errors import InputError
from cwamsn.screen_specs import LoadDataSpec
from cwamsn.screen_specs.argument import screen_from_argument
from cwamsn.screen_specs.folders import look_into
from cwamsn.screen_specs.harmony import read_index
from cwamsn.screen_specs.start import StartOptions, parse_stack, start_screen

INDEX = """<EvaluationInputData><Images>
<Image Version="1"><id>0101K1F1P1R1</id><ChannelID>1</ChannelID>
<ChannelName>HOECHST 33342</ChannelName>
<ImageResolutionX Unit="m">5.9338E-07</ImageResolutionX></Image>
<Image Version="1"><id>0101K1F1P1R2</id><ChannelID>2</ChannelID>
<ChannelName>Alexa 488</ChannelName></Image>
</Images></EvaluationInputData>"""


@pytest.fixture
def folder(tmp_path):
    """Two plates of two wells, one field, two stains."""
    root = tmp_path / "export"
    for plate in ("BC 1", "BC2"):
        for well in ("r01c01", "r02c03"):
            for c in (1, 2):
                path = root / f"{plate}__2021-05-02T16_02_51-Measurement1/Images/{well}f01p01-ch{c}sk1fk1fl1.tiff"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x")
    return root


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_written_describes_the_screen(folder, tmp_path):
    to = tmp_path / "lists"
    start = start_screen(folder, to, StartOptions(channels=["DNA", "ER"]))
    assert (start.fields, start.images, start.lacking, start.stains) == (4, 8, {}, {"DNA": "ch1", "ER": "ch2"})
    rows = _rows(to / "load_data.csv")
    assert [row["Metadata_Plate"] + row["Metadata_Well"] for row in rows] == ["BC 1A01", "BC 1B03", "BC2A01", "BC2B03"]
    assert all(
        Path(row[f"PathName_Orig{s}"], row[f"FileName_Orig{s}"]).is_file() for row in rows for s in ("DNA", "ER")
    )
    template = (to / "platemap.csv").read_text().splitlines()
    assert template == ["plate,well,compound,concentration_um", "BC 1,A01,,", "BC 1,B03,,", "BC2,A01,,", "BC2,B03,,"]
    spec = screen_from_argument(to / "my.yaml")
    assert isinstance(spec, LoadDataSpec) and spec.units() == ["BC_1", "BC2"] and spec.stains() == ["DNA", "ER"]
    assert spec.platemap == str(to / "platemap.csv") and spec.concentration_unit == "umoles_per_liter"


def test_a_plate_map_is_never_replaced_and_other_files_only_when_told(folder, tmp_path):
    options = StartOptions(channels=["DNA", "ER"])
    start_screen(folder, tmp_path, options)
    with pytest.raises(InputError, match=r"load_data\.csv: is there already; --force replaces it"):
        start_screen(folder, tmp_path, options)
    (tmp_path / "platemap.csv").write_text("filled in")
    start = start_screen(folder, tmp_path, StartOptions(channels={"Hoechst": "ch1"}, force=True))
    assert (tmp_path / "platemap.csv").read_text() == "filled in" and "platemap.csv" not in start.files
    assert "FileName_OrigHoechst" in _rows(tmp_path / "load_data.csv")[0]


def test_a_plate_map_that_there_is_already_is_taken_with_its_columns(folder, tmp_path):
    (tmp_path / "own.csv").write_text("Well,Drug,dose_nM\nA01,X,30\n")
    start_screen(folder, tmp_path / "lists", StartOptions(platemap=tmp_path / "own.csv"))
    spec = screen_from_argument(tmp_path / "lists/my.yaml")
    assert (spec.compound_column, spec.concentration_column) == ("Drug", "dose_nM")
    assert not (tmp_path / "lists/platemap.csv").exists()


def test_missing_stains_are_counted(folder, tmp_path):
    next(folder.rglob("r02c03*ch2*")).unlink()
    start = start_screen(folder, tmp_path, StartOptions())
    assert (start.fields, start.images, start.incomplete, start.lacking) == (4, 7, 1, {"ch2": 1})
    assert sum(row["FileName_Origch2"] == "" for row in _rows(tmp_path / "load_data.csv")) == 1


def test_harmony_names_the_stains_and_the_size_of_a_pixel(folder, tmp_path):
    for images in folder.rglob("Images"):
        (images / "Index.idx.xml").write_text("﻿<?xml version='1.0'?>" + INDEX, encoding="utf-8")
    start = start_screen(folder, tmp_path / "a", StartOptions())
    assert start.stains == {"HOECHST 33342": "ch1", "Alexa 488": "ch2"}
    spec = screen_from_argument(tmp_path / "a/my.yaml")
    assert spec.images.microns_per_pixel == 0.59338 and spec.stains() == ["HOECHST 33342", "Alexa 488"]
    assert start_screen(folder, tmp_path / "b", StartOptions(channels=["DNA", "ER"])).stains["DNA"] == "ch1"
    newer = INDEX.replace("<ChannelID>1</ChannelID>", '<Entry ChannelID="1">').replace("Alexa 488", "HOECHST 33342")
    for images in folder.rglob("Images"):
        (images / "Index.idx.xml").write_text(newer, encoding="utf-8")
    assert read_index(look_into(folder, None)).names == {}  # two channels of one name tell nothing apart


def test_depths_must_be_chosen_and_become_one_plane(tmp_path):
    for z in (1, 2):
        path = tmp_path / f"P1/TimePoint_1/ZStep_{z}/A01_s1_w1.tif"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"plate P1 has 2 depths \(z 1, 2\) per field; .* --stack max"):
        start_screen(tmp_path / "P1", tmp_path, StartOptions())
    start_screen(tmp_path / "P1", tmp_path, StartOptions(stack="max"))
    row = _rows(tmp_path / "load_data.csv")[0]
    assert row["FileName_Origw1"] == "TimePoint_1/ZStep_1/A01_s1_w1.tif|TimePoint_1/ZStep_2/A01_s1_w1.tif"
    assert row["PathName_Origw1"] == str(tmp_path / "P1")
    assert screen_from_argument(tmp_path / "my.yaml").images.stack == "max"
    assert (parse_stack("2"), parse_stack("sharpest"), parse_stack(None)) == (2, "sharpest", None)
    with pytest.raises(InputError, match="--stack mean: is not known"):
        parse_stack("mean")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"channels": ["DNA"]}, r"1 stains are named \(DNA\), but .* has 2 \(ch1, ch2\)"),
        ({"channels": {"DNA": "ch9"}}, "channels: DNA is 'ch9', which no file of"),
        ({"channels": ["DNA/x", "ER"]}, "stain 'DNA/x' cannot name a file"),
        ({"pattern": "imagexpress"}, "they match opera"),
        ({"platemap": Path("none.csv")}, "none.csv: no such file"),
        ({"name": "a b"}, "--name 'a b' cannot name a file"),
        ({"time": 2}, "has no image of time point 2; it has 1"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(folder, tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        start_screen(folder, tmp_path / "lists", StartOptions(**options))
    assert not (tmp_path / "lists").exists()


def test_odd_names_survive_yaml(tmp_path):
    folder = tmp_path / "it's: #1"
    folder.mkdir()
    (folder / "00121_A01_s1_w1.tif").write_bytes(b"")
    start_screen(folder, tmp_path, StartOptions(channels=["on"], name="2020"))
    screen = yaml.safe_load((tmp_path / "my.yaml").read_text())["screens"]["2020"]
    assert screen["channels"] == {"on": "on"} and screen["crops"] == {"channels": ["on"]}
    assert screen_from_argument(tmp_path / "my.yaml").units() == ["it_s_1"]
