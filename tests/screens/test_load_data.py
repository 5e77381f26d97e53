"""The load-data source: Gallery-style tables, real LINCS images, and what laboratories get wrong."""

import numpy as np
import pandas as pd
import pytest

from cwamsn import screens
from cwamsn.screens.load_data import _location
from cwamsn.tables import InputError

from .loopback import plane, tiff

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
    assert screens.parts("s", this.spec) == ["P1", "P2"]
    assert wells.loc["P1_A01", ["perturbation", "control", "experiment"]].tolist() == ["X1", None, "day-0"]
    assert wells.loc["P2_B02", ["perturbation", "control", "experiment"]].tolist() == ["DMSO", "negative", "day-1"]
    assert wells.loc["P1_A01", "concentration"] == 3.0 and np.isnan(wells.loc["P1_B02", "concentration"])
    fields, skipped, manifest = this.fetch("P2")
    assert fields.index.tolist() == ["P2-A01-3", "P2-B02-3"] and skipped.empty and len(manifest) == 10
    for c, channel in enumerate(CHANNELS):
        np.testing.assert_array_equal(
            screens.read_plane(fields.loc["P2-B02-3", f"uri_{STAINS[channel]}"]), plane(110 + c)
        )


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
        screens.parts("s", spec)


def test_a_plate_map_for_each_plate(lab, run):
    lab.map.assign(broad_sample=["X2", "DMSO"]).to_csv(lab.root / "M2.csv", index=False)
    lab.map.to_csv(lab.root / "M1.csv", index=False)
    (lab.root / "barcodes.csv").write_text("Assay_Plate_Barcode,Plate_Map_Name\nP1,M1\nP2,M2\n")
    spec = lab.spec(barcode_platemap=str(lab.root / "barcodes.csv")) | {"platemap": str(lab.root / "{platemap}.csv")}
    wells = run(spec).wells()
    assert wells.loc[["P1_A01", "P2_A01"], "perturbation"].tolist() == ["X1", "X2"]
    assert wells.loc[["P1_A01", "P2_A01"], "plate_map"].tolist() == ["M1", "M2"]


def test_what_can_be_skipped_is_listed(lab, run):
    lab.map.loc[1, "well_position"] = "c03"
    (lab.root / "img/P1/A01-ER.tif").unlink()
    this = run(lab.spec())
    this.wells()
    fields, skipped, _ = this.fetch("P1")
    assert fields.empty and set(fields.columns) == {"well_id", "site", *(f"uri_{stain}" for stain in STAINS.values())}
    assert dict(zip(skipped["field_id"], skipped["reason"])) == {
        "P1-A01-3": "no image of channel ERSyto",
        "P1-B02-3": "well without a plate-map entry",
        "P1-C03-0": "well without any image in load_data",
    }


@pytest.mark.parametrize(
    ("change", "keys", "error"),
    [
        (lambda lab: None, {"channels": {"Mito": "Mitochondria"}}, "for channel Mito; it has DNA, ER, RNA, AGP, Mito"),
        (lambda lab: None, {"compound_column": "pert"}, r"map\.csv: lacks column pert"),
        (lambda lab: None, {"plates": ["P9"]}, r"load_data\.csv: has no row of plate P9"),
        (lambda lab: lab.table.__setitem__("Metadata_Well", "Q"), {}, r"row 0: 'Q' is no well address"),
        (lambda lab: lab.table.__setitem__("Metadata_Well", "A01"), {}, r"row 1: field P1-A01-3 stands twice"),
        (lambda lab: lab.map.__setitem__("well_position", "A01"), {}, r"map\.csv: well A01 stands twice"),
        (lambda lab: lab.map.__setitem__("mmoles_per_liter", "low"), {}, r"row 0: concentration 'low' is no number"),
        (lambda lab: lab.table.__setitem__("Metadata_Plate", "a/b"), {}, r"plate 'a/b' cannot name a file"),
    ],
)
def test_what_cannot_be_skipped_stops_with_file_and_row(lab, run, change, keys, error):
    change(lab)
    this = run(lab.spec(**keys))
    with pytest.raises(InputError, match=error):
        this.wells()
        this.fetch(screens.parts("s", this.spec)[0])


def test_the_real_lincs_images(run, shared):
    folder = shared / "lincs_a549"
    this = run(
        {
            "source": "load-data",
            "load_data": str(folder / "load_data.csv"),
            "platemap": str(folder / "platemap.csv"),
            "compound_column": "pert_iname",
            "control_column": "pert_type",
            "control_values": ["negcon"],
        }
    )
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
    assert _location("a.tif", "s3://bucket/x y", "") == "https://bucket.s3.amazonaws.com/x%20y/a.tif"
    assert _location("a.tif", "/abs", "base") == "/abs/a.tif"
    assert _location("a b.tif", "sub", "https://h/base") == "https://h/base/sub/a%20b.tif"
    assert _location("a.tif", "", "base") == "base/a.tif"
    assert _location(" ", "sub", "base") == ""
