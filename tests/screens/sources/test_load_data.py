"""The load-data source: Gallery-style tables, real LINCS images, and what laboratories get wrong."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from cwamsn import screen_specs, screens
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs import Retry
from cwamsn.screen_specs.images import image_locations, known_location, local_images
from cwamsn.screen_specs.locations import local_path
from cwamsn.screens.sources.listed.find_image import find_image

from ..loopback import plane, tiff

CHANNELS = ("DNA", "ER", "RNA", "AGP", "Mito")
STAINS = {"DNA": "Hoechst", "ER": "ERSyto", "RNA": "ERSytoBleed", "AGP": "Ph_golgi", "Mito": "Mito"}


class Lab:
    """Two plates of two wells and one site, as files below `root`."""

    def __init__(self, root):
        self.root = root
        rows = []
        for p, plate in enumerate(("P1", "P2")):
            for w, well in enumerate(("A01", "B2")):
                row = {"Metadata_Plate": plate, "Metadata_Well": well, "Metadata_Site": 3, "Batch": f"day-{p}"}
                for c, channel in enumerate(CHANNELS):
                    name = f"{well}-{channel}.tif"
                    (root / "img" / plate).mkdir(parents=True, exist_ok=True)
                    (root / "img" / plate / name).write_bytes(tiff(plane(100 * p + 10 * w + c)))
                    row |= {f"FileName_Orig{channel}": name, f"PathName_Orig{channel}": f"img/{plate}"}
                rows.append(row)
        self.table = pd.DataFrame(rows)
        self.map = pd.DataFrame(
            {"well_position": ["a01", "b02"], "broad_sample": ["X1", "DMSO"], "mmoles_per_liter": ["0.003", ""]}
        )

    def spec(self, **more):
        self.table.to_csv(self.root / "load_data.csv", index=False)
        self.map.to_csv(self.root / "map.csv", index=False)
        here = {"load_data": str(self.root / "load_data.csv"), "platemap": str(self.root / "map.csv")}
        return {"source": "load-data"} | here | more


@pytest.fixture
def lab(host):
    return Lab(host.root)


def test_wells_and_fields(lab, run):
    this = run(lab.spec(experiment_column="Batch"))
    wells = this.wells()
    assert screen_specs.units("s", this.spec) == ["P1", "P2"]
    assert wells.loc["P1_A01", ["perturbation", "control", "experiment"]].tolist() == ["X1", None, "day-0"]
    assert wells.loc["P2_B02", ["perturbation", "control", "experiment"]].tolist() == ["DMSO", "negative", "day-1"]
    assert wells.loc["P1_A01", "concentration"] == 3.0 and np.isnan(wells.loc["P1_B02", "concentration"])
    fields, skipped, manifest = this.fetch("P2")
    assert fields.index.tolist() == ["P2-A01-3", "P2-B02-3"] and skipped.empty and len(manifest) == 10
    for c, channel in enumerate(CHANNELS):
        np.testing.assert_array_equal(
            screens.read_plane(fields.loc["P2-B02-3", f"uri_{STAINS[channel]}"]), plane(110 + c)
        )


def test_the_laboratory_of_a_plate_is_its_wells_source(lab, run):
    lab.table["Metadata_Source"] = lab.table["Metadata_Plate"].map({"P1": "source_3", "P2": "source_8"})
    wells = run(lab.spec(source_column="Metadata_Source")).wells()
    assert wells.loc[["P1_A01", "P2_B02"], "source"].tolist() == ["source_3", "source_8"]


def test_without_such_a_column_wells_have_no_source(lab, run):
    assert "source" not in run(lab.spec()).wells()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t, "lacks column Metadata_Source"),
        (lambda t: t.assign(Metadata_Source=[str(i) for i in range(len(t))]), "values of Metadata_Source"),
        (lambda t: t.assign(Metadata_Source=""), "plate P1 has no Metadata_Source; fill it in"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_line(lab, run, change, message):
    lab.table = change(lab.table)
    with pytest.raises(InputError, match=message):
        run(lab.spec(source_column="Metadata_Source")).wells()


def test_over_http_with_url_columns_and_one_table_a_plate(lab, host, run):
    for plate, rows in lab.table.groupby("Metadata_Plate"):
        rows = rows.copy()
        for c in CHANNELS:
            rows[f"URL_Orig{c}"] = host.url + "/" + rows[f"PathName_Orig{c}"] + "/" + rows[f"FileName_Orig{c}"]
        rows = rows.drop(columns=[c for c in rows if c.startswith(("FileName", "PathName"))])
        rows.to_csv(host.root / f"{plate}.csv", index=False)
    spec = lab.spec(load_data=f"{host.url}/{{plate}}.csv", platemap=f"{host.url}/map.csv", plates=["P1", "P2"])
    this = run(spec | {"retry": {"attempts": 3, "backoff_s": 0.01}})
    this.wells()
    fields, _, _ = this.fetch("P1")
    assert fields.loc["P1-A01-3", "uri_Mito"] == "data/s/raw/P1/P1-A01-3-Mito.tif"
    np.testing.assert_array_equal(screens.read_plane("data/s/raw/P1/P1-A01-3-Mito.tif"), plane(4))
    del spec["plates"]
    with pytest.raises(InputError, match="plates: must be listed"):
        screen_specs.units("s", spec)


def test_a_plate_map_for_each_plate(lab, run):
    lab.map.assign(broad_sample=["X2", "DMSO"]).to_csv(lab.root / "M2.csv", index=False)
    lab.map.to_csv(lab.root / "M1.csv", index=False)
    (lab.root / "barcodes.csv").write_text("Assay_Plate_Barcode,Plate_Map_Name\nP1,M1\nP2,M2\n")
    spec = lab.spec(barcode_platemap=str(lab.root / "barcodes.csv")) | {"platemap": str(lab.root / "{platemap}.csv")}
    wells = run(spec).wells()
    assert wells.loc[["P1_A01", "P2_A01"], "perturbation"].tolist() == ["X1", "X2"]
    assert wells.loc[["P1_A01", "P2_A01"], "plate_map"].tolist() == ["M1", "M2"]


def test_what_can_be_skipped_is_listed_and_said(lab, run):
    lab.map.loc[1, "well_position"] = "c03"
    lost = lab.root / "img/P1/A01-ER.tif"
    lost.unlink()
    lab.table = pd.concat([lab.table, lab.table.iloc[[0]].assign(Metadata_Site=4)])
    lab.table.iloc[-1, lab.table.columns.get_loc("FileName_OrigER")] = "A01-RNA.tif"
    this = run(lab.spec())
    this.wells()
    with collected() as notes:
        fields, skipped, _ = this.fetch("P1")
    assert fields.index.tolist() == ["P1-A01-4"]
    assert dict(zip(skipped["field_id"], skipped["reason"])) == {
        "P1-A01-3": f"no image of channel ERSyto: looked for {lost} (no such file in that folder)",
        "P1-B02-3": "well without a plate-map entry",
        "P1-C03-0": "well without any image in load_data",
    }
    assert len(notes) == 1 and "plate P1: 2 of 3 fields left out" in notes[0] and str(lost) in notes[0]


def test_a_plate_without_a_usable_field_stops_with_a_path_that_was_looked_for(lab, run):
    lab.table.loc[lab.table["Metadata_Plate"] == "P2", "PathName_OrigER"] = "/home/someone/images"
    this = run(lab.spec())
    this.wells()
    assert len(this.fetch("P1")[0]) == 2
    error = (
        r"plate P2: none of its 2 fields can be used; 2 x no image of channel ERSyto: "
        r"looked for /home/someone/images/A01-ER\.tif \(the folder /home/someone is not there\)"
    )
    with pytest.raises(InputError, match=error):
        this.fetch("P2")


def test_plates_that_no_plate_map_knows_stop(lab, run):
    lab.map["well_position"] = ["c03", "c04"]
    this = run(lab.spec())
    this.wells()
    with pytest.raises(
        InputError,
        match=r"2 fields can be used; 2 x well without a plate-map entry.*or leave the plate out of `plates`",
    ):
        this.fetch("P1")


@pytest.mark.parametrize(
    ("change", "keys", "error"),
    [
        (lambda lab: None, {"channels": {"Mito": "Mitochondria"}}, "for channel Mito; it has DNA, ER, RNA, AGP, Mito"),
        (lambda lab: None, {"compound_column": "pert"}, r"map\.csv: lacks column pert"),
        (lambda lab: None, {"plates": ["P9"]}, r"load_data\.csv: has no row of plate P9"),
        (lambda lab: lab.table.__setitem__("Metadata_Well", "Q"), {}, r"row 0: 'Q' is not a well address"),
        (lambda lab: lab.table.__setitem__("Metadata_Well", "A01"), {}, r"row 1: field P1-A01-3 appears twice"),
        (lambda lab: lab.map.__setitem__("well_position", "A01"), {}, r"map\.csv: well A01 appears twice"),
        (lambda lab: lab.map.__setitem__("mmoles_per_liter", "low"), {}, r"row 0: concentration 'low' is not a number"),
        (lambda lab: lab.table.__setitem__("Metadata_Plate", ".."), {}, r"plate '\.\.' cannot name a file"),
        (lambda lab: lab.table.__setitem__("Metadata_Well", "1"), {}, r"row 0: '1' is not a well address"),
        (lambda lab: lab.map.__setitem__("broad_sample", "NA"), {}, r"map\.csv: no well has a perturbation"),
        (lambda lab: None, {"channels": {"../x": "ER"}}, r"channels: stain '\.\./x' cannot name a file"),
        (lambda lab: None, {"plates": []}, "plates: is empty; list plates"),
    ],
)
def test_what_cannot_be_skipped_stops_with_file_and_row(lab, run, change, keys, error):
    change(lab)
    this = run(lab.spec(**keys))
    with pytest.raises(InputError, match=error):
        this.wells()
        this.fetch(screen_specs.units("s", this.spec)[0])


def test_the_real_lincs_images_as_the_example_lists_them(run, shared, root, tmp_path):
    spec = yaml.safe_load((root / "config/lincs_example.yaml").read_text())["screens"]["lincs"]
    write_tables = runpy.run_path(str(root / "config/lincs_tables.py"))["write_tables"]
    assert write_tables(shared / "lincs_a549", tmp_path) == 40
    listed = {key: str(tmp_path / Path(spec[key]).name) for key in ("load_data", "platemap")}
    this = run(spec | listed | {"base": str(shared / "lincs_a549")})
    wells = this.wells()
    assert len(wells) == 20 and wells["control"].eq("negative").sum() == 10
    assert set(wells.loc[wells["control"].isna(), "concentration"]) == {10.0}
    fields, skipped, _ = this.fetch("SQ00015198")
    assert len(fields) == 8 and skipped.empty
    assert screens.read_plane(fields["uri_Hoechst"].iloc[0]).shape == (1080, 1080)


def test_the_real_bray_field_through_a_small_table(run, shared, tmp_path):
    folder = shared / "bray/field"
    names = {c: f"{c}.tif" for c in ("Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst")}
    (tmp_path / "load_data.csv").write_text(
        ",".join(["Metadata_Plate", "Metadata_Well", "Metadata_Site", *(f"FileName_{c}" for c in names)])
        + "\n24279,a01,1,"
        + ",".join(names.values())
        + "\n"
    )
    (tmp_path / "map.csv").write_text("well_position,broad_sample\nA01,BRD-K1\n")
    spec = {"source": "load-data", "load_data": str(tmp_path / "load_data.csv"), "platemap": str(tmp_path / "map.csv")}
    this = run(spec | {"base": str(folder), "channels": {c: c for c in names}, "concentration_column": None})
    this.wells()
    fields, _, _ = this.fetch("24279")
    assert {c: screens.read_plane(fields[f"uri_{c}"].iloc[0]).max() for c in names} == {
        "Mito": 2881, "ERSyto": 2823, "ERSytoBleed": 4095, "Ph_golgi": 4095, "Hoechst": 2740,
    }  # fmt: skip


def test_locations():
    def first(*arguments):
        return next(iter(image_locations(*arguments, "l.csv")), "")

    assert first("a.tif", "s3://bucket/x y", "") == "https://bucket.s3.amazonaws.com/x%20y/a.tif"
    assert first("a.tif", "/abs", "base") == "/abs/a.tif"
    assert first("a b.tif", "sub", "https://h/base") == "https://h/base/sub/a%20b.tif"
    assert first("a.tif", "", "base") == "base/a.tif"
    assert first("a#%.tif", "https://h/x", "") == "https://h/x/a%23%25.tif"
    assert first("https://h/a#1.tif?key=2", "", "") == "https://h/a%231.tif?key=2"
    assert first("a.tif", "file:/data/x%20y", "") == "/data/x y/a.tif"
    assert first("file:/data/a.tif", "", "") == "file:///data/a.tif"
    assert first("a%41.tif", "file:///data", "") == "/data/a%41.tif"
    for nothing in (" ", "nan", "NA"):
        assert first(nothing, "sub", "base") == ""


def test_a_file_name_that_the_user_has_quoted_is_tried_as_it_stands_too():
    assert image_locations("a%20b.tif", "https://h", "", "l.csv") == ["https://h/a%2520b.tif", "https://h/a%20b.tif"]
    assert image_locations("a.tif", "file:///x%20y", "", "l.csv") == ["/x y/a.tif", "/x%20y/a.tif"]


@pytest.mark.parametrize("location", ["az://bucket/x", "ftp://host/x", "abfss://a@b/x"])
def test_a_scheme_that_is_not_known_is_named_with_those_that_are(location, lab, run):
    known = "is not known; use https://, http://, s3://, gs://, file:// or a path"
    with pytest.raises(InputError, match=f"load_data: {location}: .*{known}"):
        known_location(location, "load_data")
    with pytest.raises(InputError, match=f"platemap: {location}.*{known}"):
        run(lab.spec(platemap=location)).wells()
    lab.table["PathName_OrigER"] = location
    this = run(lab.spec())
    this.wells()
    with pytest.raises(InputError, match=rf"load_data\.csv: row 0: {location}.*{known}"):
        this.fetch("P1")


@pytest.mark.parametrize(
    ("name", "folder", "reason"),
    [
        (
            "a.tif",
            "C:\\data",
            r"looked for C:\data\a.tif (which looks like a Windows path; map its beginning",
        ),
        ("a.tif", "\\\\server\\share", r"looked for \\server\share\a.tif (which looks like a Windows path"),
        ("C:/data/a.tif", "", "looked for C:/data/a.tif (which looks like a Windows path"),
        ("sub\\a.tif", "", "sub\\a.tif (which looks like a Windows path"),
        ("a.tif", "/mnt/other/x", "looked for /mnt/other/x/a.tif (the folder /mnt/other is not there)"),
        ("a.TIF", "", "/a.TIF (the folder has a.tif, which differs in case)"),
        ("e\u0301.tif", "", "(the folder has \u00e9.tif, which differs in its Unicode form)"),
        ("b.tif", "", "/b.tif (no such file in that folder)"),
        ("folder", "", "/folder (which is not a file)"),
        ("x" * 300, "", "(File name too long)"),
        ("", "", "no file is named"),
    ],
)
def test_why_an_image_is_not_there(tmp_path, name, folder, reason):
    for there in ("a.tif", "\u00e9.tif"):
        (tmp_path / there).write_bytes(b"")
    (tmp_path / "folder").mkdir()
    fetched, why = find_image(image_locations(name, folder, str(tmp_path), "l.csv"), tmp_path, Retry())
    assert fetched is None and reason in why


def test_paths_of_another_machine_are_mapped_and_it_is_said_how_many(lab, run, capsys):
    for channel in CHANNELS:
        lab.table[f"PathName_Orig{channel}"] = "D:\\screens\\" + lab.table["Metadata_Plate"]
    this = run(lab.spec(path_map={"d:/screens": str(lab.root / "img"), "/x": "/y"}))
    this.wells()
    fields, skipped, _ = this.fetch("P1")
    assert len(fields) == 2 and skipped.empty
    assert (
        f"plate P1: 10 of 10 image paths mapped by path_map (d:/screens to {lab.root / 'img'}: 10)"
        in capsys.readouterr().out
    )
    before = screen_specs.unit_state(this.spec, "P1")
    (lab.root / "img/P1/A01-ER.tif").unlink()
    assert screen_specs.unit_state(this.spec, "P1") != before


def test_a_map_that_fits_no_path_is_mentioned(lab, run):
    this = run(lab.spec(path_map={"/data": "/mnt"}))
    this.wells()
    with collected() as lines:
        this.fetch("P1")
    assert "plate P1: path_map maps none of its 10 paths (the first: img/P1/A01-Mito.tif; keys: /data)" in lines


def test_what_a_host_answers_is_in_the_reason(host):
    how = Retry(attempts=1, backoff_s=0.01)
    fetched, why = find_image([f"{host.url}/gone.tif"], host.root / "cache", how)
    assert fetched is None and f"looked for {host.url}/gone.tif (HTTP 404" in why


def test_names_with_a_hash_below_a_url_are_fetched(lab, host, run):
    for path in (lab.root / "img").rglob("*.tif"):
        path.rename(path.with_name(path.name.replace("-", "#%")))
    for c in CHANNELS:
        lab.table[f"FileName_Orig{c}"] = lab.table[f"FileName_Orig{c}"].str.replace("-", "#%")
        lab.table[f"PathName_Orig{c}"] = host.url + "/" + lab.table[f"PathName_Orig{c}"]
    this = run(lab.spec(retry={"attempts": 2, "backoff_s": 0.01}))
    this.wells()
    fields, skipped, _ = this.fetch("P1")
    assert len(fields) == 2 and skipped.empty
    np.testing.assert_array_equal(screens.read_plane(fields.loc["P1-A01-3", "uri_Mito"]), plane(4))


# Plates ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "plates", "error"),
    [
        (("20210727_1", "20210727_2"), [202107271, 202107272], 'quote it in `plates`, "20210727_1"'),
        (("00121", "00122"), [81, 82], 'YAML reads 00121 as the number 81: quote it in `plates`, "00121"'),
        (("00121", "00122"), ["121", "122"], "it has 00121: write the plate in one way"),
        (("P1", "P2"), ["p1", "p2"], "it has P1: write the plate in one way"),
        (("P1", "P2"), ["P9"], "it has P1, P2: correct `plates`, or add it"),
    ],
)
def test_a_plate_that_load_data_lacks_stops_before_anything_is_fetched(lab, run, ids, plates, error):
    lab.table["Metadata_Plate"] = lab.table["Metadata_Plate"].map(dict(zip(("P1", "P2"), ids)))
    with pytest.raises(InputError, match=r"load_data\.csv: has no row of plate") as raised:
        run(lab.spec(plates=plates)).wells()
    assert error in str(raised.value)


def test_plate_ids_that_a_spreadsheet_wrote_as_decimal_numbers_are_integers(lab, run):
    lab.table["Metadata_Plate"] = lab.table["Metadata_Plate"].map({"P1": "81.0", "P2": "24,277"})
    assert set(run(lab.spec(plates=[81, 24277])).wells()["plate"]) == {"81", "24277"}


@pytest.mark.parametrize("batches", [["b1", "b2", "b1", "b1"], ["b1", "", "b1", "b1"], ["", "", "b", "b"]])
def test_a_plate_of_two_batches_or_of_none_is_refused(lab, run, batches):
    lab.table["Batch"] = batches
    with pytest.raises(InputError, match=r"plate P1 has (2 values of|no) Batch"):
        run(lab.spec(experiment_column="Batch")).wells()


def test_two_batches_of_a_plate_are_said_even_if_no_key_names_the_column(lab, run):
    lab.table["Batch"] = ["b1", "b2", "b1", "b1"]
    with collected() as notes:
        run(lab.spec()).wells()
    assert any("plate P1 has several values of Batch" in line for line in notes)


def test_columns_that_are_exchanged_on_a_plate_are_said(lab, run):
    with collected() as notes:
        run(lab.spec()).wells()
    assert notes == []
    own, other = "FileName_OrigER", "FileName_OrigRNA"
    there = lab.table["Metadata_Plate"] == "P2"
    lab.table.loc[there, [own, other]] = lab.table.loc[there, [other, own]].to_numpy()
    with collected() as notes:
        run(lab.spec()).wells()
    assert notes == [
        "plate P2: the images of channel ER are named for RNA (A01-RNA.tif); exchanged columns?",
        "plate P2: the images of channel RNA are named for ER (A01-ER.tif); exchanged columns?",
    ]
    for c in CHANNELS:  # a plate or cell line that is named like a stain
        lab.table[f"FileName_Orig{c}"] = [f"RNA-{k}.tif" if c == "DNA" else f"RNA-{c}-{k}.tif" for k in range(4)]
    with collected() as notes:
        run(lab.spec()).wells()
    assert notes == []


def test_a_barcode_table_gives_each_plate_one_map(lab, run):
    spec = lab.spec(barcode_platemap=str(lab.root / "barcodes.csv")) | {"platemap": str(lab.root / "{platemap}.csv")}
    lab.map.to_csv(lab.root / "M1.csv", index=False)
    head = "Assay_Plate_Barcode;Plate_Map_Name\n"  # another separator than the comma
    (lab.root / "barcodes.csv").write_text(head + "P1;M1\nP2;M1\nP3;M1\n")
    with collected() as notes:
        assert set(run(spec).wells()["plate_map"]) == {"M1"}
    assert notes == ["1 plates of barcode_platemap are not in load_data and are left out: P3"]
    for body, error in [
        ("P1;M1\nP1;M2\nP2;M1\n", "plate P1 has 2 plate maps; keep one"),
        ("P1;M1\nP2;\n", "plate P2 has no Plate_Map_Name"),
        ("P1;M1\n", "has no plate P2; it has P1: correct `plates`, or add it"),
    ]:
        (lab.root / "barcodes.csv").write_text(head + body)
        with pytest.raises(InputError, match=error):
            run(spec).wells()


def test_plates_of_the_map_that_load_data_lacks_are_said_and_the_reverse_stops(lab, run):
    lab.map = pd.concat([lab.map.assign(plate=p) for p in ("P1", "P2", "P3")])
    with collected() as notes:
        assert set(run(lab.spec(platemap_plate_column="plate")).wells()["plate"]) == {"P1", "P2"}
    assert notes == ["1 plates of platemap are not in load_data and are left out: P3"]
    lab.map = lab.map[lab.map["plate"] != "P2"]
    with pytest.raises(InputError, match="has no row of plate P2"):
        run(lab.spec(platemap_plate_column="plate")).wells()


@pytest.mark.parametrize("plates", [["P1"] * 4, ["P1", "P1", "P2", "P2"], ["P1", "P1", "P9", "P9"]])
def test_a_map_that_names_the_plate_of_its_rows_is_not_taken_for_another_plate(lab, run, plates):
    lab.map = lab.map.assign(Plate=[plates[i * 4 // len(lab.map)] for i in range(len(lab.map))])
    with pytest.raises(InputError, match=r"column Plate names plate P\d.*set platemap_plate_column"):
        run(lab.spec()).wells()
    lab.map = lab.map.assign(Plate="map 7")  # the name of the map
    assert set(run(lab.spec()).wells()["plate"]) == {"P1", "P2"}


# Wells, controls, doses -----------------------------------------------------------------------------------------------


def _map(lab, compounds, **more):
    """A plate map of as many wells as `compounds`; the images' wells are the first two."""
    wells = ["A01", "B02", *(f"C{k:02d}" for k in range(1, len(compounds) - 1))]
    lab.map = pd.DataFrame({"well_position": wells, "broad_sample": compounds, "mmoles_per_liter": "", **more})


def test_a_control_is_a_control_in_any_case_and_has_one_name(lab, run):
    _map(lab, ["X", "DMSO", "dmso", " Dmso "])
    with collected() as notes:
        wells = run(lab.spec(control_values=["DMSO"])).wells()
    assert wells["control"].eq("negative").sum() == 6
    assert wells.loc[wells["control"].notna(), "perturbation"].unique().tolist() == ["DMSO"]
    assert notes == ["4 wells are controls though broad_sample is written 'dmso', 'Dmso', not as in control_values"]


def test_a_column_that_tells_controls_is_read_in_any_case_too(lab, run):
    _map(lab, ["X", "dmso", "DMSO"], pert_type=["trt", "NegCon", "negcon"])
    wells = run(lab.spec(control_column="pert_type", control_values=["negcon"])).wells()
    assert wells["control"].eq("negative").sum() == 4 and wells["perturbation"].nunique() == 2


@pytest.mark.parametrize(
    ("compounds", "keys", "said"),
    [
        (
            ["X", "Y"],
            {},
            "no well is a negative control: control_values ['DMSO', ''] are not in broad_sample ('X'",
        ),
        (["", "DMSO"], {}, "every well is a negative control"),
        (["X", "DMSO", "x"], {}, "2 perturbations differ from another by case only: 'X', 'x'"),
        (["X", "DMSO", "NEG"], {"control_values": ["NEG"]}, "2 wells of 'DMSO' are taken for treated"),
        (["X", "EMPTY", "DMSO"], {}, "2 wells of 'EMPTY' are taken for treated"),
        (["X", "#REF!", "DMSO"], {}, "2 wells of '#REF!' are errors of a spreadsheet"),
        (["X", "DMSO", "NA", "None"], {}, "4 wells have no perturbation (broad_sample is 'NA', 'None')"),
        (["BRD-K18250272-003-03-7", "BRD-K18250272-001-01-1", "DMSO"], {}, "1 compounds appear under several salts or"),
    ],
)
def test_odd_controls_and_compounds_are_said(lab, run, compounds, keys, said):
    _map(lab, compounds)
    with collected() as notes:
        run(lab.spec(**keys)).wells()
    assert [line for line in notes if line.startswith(said)], notes


def test_doses_of_another_unit_are_said(lab, run):
    _map(lab, ["X", "DMSO"], mmoles_per_liter=["10", "0"])
    with collected() as notes:
        run(lab.spec()).wells()
        run(lab.spec(concentration_unit="umoles_per_liter")).wells()
    assert notes == ["2 wells have doses up to 10,000 µM; is concentration_unit (mmoles_per_liter) right?"]


def test_text_that_says_nothing_is_no_perturbation(lab, run):
    _map(lab, ["X", "DMSO", "NA", "nan", "None"])
    wells = run(lab.spec()).wells()
    assert set(wells["perturbation"].dropna()) == {"X", "DMSO"} and wells["control"].eq("negative").sum() == 2
    assert wells.loc["P1_C01", ["perturbation", "treatment", "control"]].isna().all()
    assert run(lab.spec(control_values=["DMSO", "NA"])).wells()["control"].eq("negative").sum() == 4


def test_salts_and_batches_become_one_compound_by_a_pattern(lab, run):
    _map(lab, ["BRD-K18250272-003-03-7", "BRD-K18250272-001-01-1", "other", "DMSO"])
    with collected() as notes:
        wells = run(lab.spec(compound_pattern="^BRD-[A-Z][0-9]+")).wells()
    assert set(wells["perturbation"]) == {"BRD-K18250272", "other", "DMSO"} and not notes
    assert wells.loc["P1_A01", "treatment"] == "BRD-K18250272-003-03-7"
    with pytest.raises(InputError, match="compound_pattern: '\\(' is not a regular expression"):
        run(lab.spec(compound_pattern="(")).wells()


@pytest.mark.parametrize(
    ("dose", "error"),
    [
        ("10 uM", "concentration '10 uM' is not a number; write the number alone, its unit is concentration_unit"),
        ("1,5", "concentration '1,5' is not a number; write a decimal point"),
        ("-1", "concentration '-1' is not a dose; it must be finite and not below 0"),
        ("inf", "concentration 'inf' is not a dose"),
        ("low", "concentration 'low' is not a number"),
    ],
)
def test_a_dose_that_is_none_stops_with_what_to_do(lab, run, dose, error):
    lab.map["mmoles_per_liter"] = ["", dose]
    with pytest.raises(InputError, match=r"map\.csv: row 1: ") as raised:
        run(lab.spec()).wells()
    assert error in str(raised.value)


def test_a_dose_that_says_nothing_is_none(lab, run):
    lab.map["mmoles_per_liter"] = ["1e-3", "NA"]
    doses = run(lab.spec()).wells()["concentration"]
    assert doses["P1_A01"] == 1.0 and np.isnan(doses["P1_B02"])


@pytest.mark.parametrize("site", ["", "s1", "1.5", "inf", "-1"])
def test_a_site_that_is_no_number_stops(lab, run, site):
    lab.table["Metadata_Site"] = lab.table["Metadata_Site"].astype(object)
    lab.table.loc[0, "Metadata_Site"] = site
    this = run(lab.spec())
    this.wells()
    with pytest.raises(InputError, match=r"row 0: .* is not the number of a field of view .*; correct Metadata_Site"):
        this.fetch("P1")


# Without images, and genes --------------------------------------------------------------------------------------------


def test_a_plate_map_is_enough_where_no_images_are_needed(lab, run):
    spec = lab.spec(plates=["P1", "P2"], load_data=None)
    this = run(spec)
    assert len(this.wells()) == 4 and screen_specs.lacks_images(spec)
    with pytest.raises(InputError, match="load_data: is null, and images are needed after all"):
        this.fetch("P1")
    with pytest.raises(InputError, match="plates: must be listed, or platemap_plate_column set"):
        screen_specs.units("s", lab.spec(load_data=None))


def test_without_load_data_the_plates_are_those_of_the_plate_map(lab, run):
    lab.map = pd.concat([lab.map.assign(plate=p) for p in ("P2", "P7")])
    spec = lab.spec(platemap_plate_column="plate", load_data=None)
    assert screen_specs.units("s", spec) == ["P2", "P7"]
    assert sorted(run(spec).wells().index) == ["P2_A01", "P2_B02", "P7_A01", "P7_B02"]
    (lab.root / "barcodes.csv").write_text("Assay_Plate_Barcode,Plate_Map_Name\nP5,map\n")
    spec = lab.spec(barcode_platemap=str(lab.root / "barcodes.csv"), load_data=None)
    assert screen_specs.units("s", spec) == ["P5"]


def test_genes_and_guides_of_a_crispr_screen(lab, run):
    _map(
        lab,
        ["TP53_g1", "TP53_g2", "MYC_g1", "DMSO", "NA"],
        gene=["TP53", "TP53", "MYC", "", ""],
        guide=["1", "2", "3", "", ""],
    )
    keys = {"perturbation_type": "CRISPR", "gene_column": "gene"}
    wells = run(lab.spec(**keys, guide_column="guide")).wells()
    assert wells.loc["P1_B02", ["perturbation", "gene", "guide", "treatment"]].tolist() == [
        "TP53",
        "TP53",
        "2",
        "TP53_g2",
    ]
    assert wells.loc["P1_C02", ["control", "perturbation"]].tolist() == ["negative", "DMSO"]
    assert wells.loc[["P1_C02", "P1_C03"], ["gene", "guide"]].isna().all(axis=None)
    assert wells.loc["P1_C03", ["control", "perturbation"]].isna().all()
    assert run(lab.spec(**keys)).wells().loc["P1_B02", "guide"] == "TP53_g2"
    named = run(lab.spec(perturbation_type="CRISPR", compound_pattern="^[^_]+")).wells()
    assert named.loc["P1_B02", ["perturbation", "gene", "guide"]].tolist() == ["TP53", "TP53", "TP53_g2"]
    plain = run(lab.spec(perturbation_type="CRISPR", compound_column="gene", control_column="broad_sample")).wells()
    assert plain.loc["P1_B02", "gene"] == "TP53" and plain["guide"].isna().all()


# What the graph watches -----------------------------------------------------------------------------------------------


def test_the_users_tables_are_inputs_of_wells_and_urls_are_not(lab):
    lab.map.to_csv(lab.root / "M1.csv", index=False)
    (lab.root / "barcodes.csv").write_text("Assay_Plate_Barcode,Plate_Map_Name\nP1,M1\nP2,M1\n")
    spec = lab.spec(barcode_platemap=str(lab.root / "barcodes.csv")) | {"platemap": str(lab.root / "{platemap}.csv")}
    names = [path.rsplit("/", 1)[1] for path in screen_specs.local_files(spec, "metadata")]
    assert names == ["M1.csv", "barcodes.csv", "load_data.csv"]
    remote = {"load_data": "https://h/{plate}.csv", "platemap": "s3://b/m.csv", "plates": ["P1"]}
    assert screen_specs.local_files(lab.spec() | remote, "metadata") == []


@pytest.mark.parametrize("folder", ["", "sub", "/abs/x", "file:///x%20y", "https://h/x", "C:\\data", "s3://b/x"])
def test_the_watched_images_are_those_that_are_fetched(folder):
    names = ["a.tif", "a b#%41.tif", "", "nan", "sub/a.tif", "/abs/a.tif", "https://h/a.tif", "a.b.tif", "é.TIF", "a"]
    places = [image_locations(name, folder, "base", "l.csv") for name in names]
    paths = [local_path(found[0]) for found in places if found]
    assert local_images(names, [folder] * len(names), "base", "l.csv") == [str(p) for p in paths if p is not None]


def test_a_part_is_fetched_again_when_its_rows_or_its_images_change_and_not_when_others_do(lab):
    spec = lab.spec()
    before = [screen_specs.unit_state(spec, p) for p in ("P1", "P2")]
    lab.table["note"] = "a column that nothing reads"
    assert [screen_specs.unit_state(lab.spec(), p) for p in ("P1", "P2")] == before
    lab.table.loc[lab.table["Metadata_Plate"] == "P2", "Metadata_Site"] = 9
    rows = [screen_specs.unit_state(lab.spec(), p) for p in ("P1", "P2")]
    assert rows[0] == before[0] and rows[1] != before[1]
    image = lab.root / "img/P1/A01-ER.tif"
    image.write_bytes(image.read_bytes() + b"\0")
    images = [screen_specs.unit_state(lab.spec(), p) for p in ("P1", "P2")]
    assert images[0] != rows[0] and images[1] == rows[1]
    image.unlink()
    assert screen_specs.unit_state(lab.spec(), "P1") not in (rows[0], images[0])
    assert screen_specs.unit_state(lab.spec(watch_images=False), "P1") == screen_specs.unit_state(
        lab.spec(watch_images=False, control_values=["X1"]), "P1"
    )


def test_without_a_plate_map_the_wells_are_those_with_images(lab, run):
    spec = lab.spec()
    del spec["platemap"]
    this = run(spec)
    with collected() as notes:
        wells = this.wells()
    assert len(notes) == 1 and notes[0].endswith("or is a control; give one for an alignment, neighbours and hits")
    assert wells.index.tolist() == ["P1_A01", "P1_B02", "P2_A01", "P2_B02"]
    assert wells["perturbation"].isna().all() and wells["control"].isna().all()
    assert len(this.fetch("P2")[0]) == 2


def test_a_barcode_with_blanks_and_slashes_is_cleaned_for_files_and_kept_in_the_wells(lab, run):
    lab.table["Metadata_Plate"] = lab.table["Metadata_Plate"].replace("P1", "Exp 7/P1")
    this = run(lab.spec())
    with collected() as notes:
        wells = this.wells()
    assert screen_specs.units("s", this.spec) == ["Exp_7_P1", "P2"]
    assert wells.loc[["Exp_7_P1_A01", "P2_A01"], "barcode"].tolist() == ["Exp 7/P1", "P2"]
    assert "1 plates have another name in files than their barcode: 'Exp 7/P1' is Exp_7_P1" in notes
    assert this.fetch("Exp_7_P1")[0].index.tolist() == ["Exp_7_P1-A01-3", "Exp_7_P1-B02-3"]
    assert "barcode" not in run(lab.spec(plates=["P2"])).wells()
    lab.table.loc[0, "Metadata_Plate"] = "Exp 7_P1"
    with pytest.raises(InputError, match="plates 'Exp 7_P1' and 'Exp 7/P1' would both be called Exp_7_P1"):
        screen_specs.units("s", lab.spec())


def test_an_unfilled_plate_map_gives_wells_without_perturbation_and_says_so(lab, run):
    lab.map["broad_sample"] = ""
    with collected() as notes:
        wells = run(lab.spec(control_values=["DMSO"])).wells()
    assert wells["perturbation"].isna().all() and wells["control"].isna().all()
    assert len(notes) == 1 and "map.csv: broad_sample is empty in every row: no well has a perturbation" in notes[0]


def test_other_columns_of_a_plate_map_are_kept_as_text(lab, run):
    lab.map["moa"], lab.map["Metadata_cell_line"] = ["kinase inhibitor", ""], "A549"
    wells = run(lab.spec()).wells()
    assert wells["platemap_moa"].tolist() == ["kinase inhibitor", None] * 2
    assert wells["platemap_cell_line"].unique().tolist() == ["A549"]
