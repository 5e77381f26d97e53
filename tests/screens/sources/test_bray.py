"""The Bray source against miniature hosts in both layouts: from a folder and over HTTP."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.layouts import read_bray_table
from cwamsn.errors import InputError
from cwamsn.screen_specs import units
from cwamsn.screens import read_plane
from cwamsn.vocabulary import BRAY_STAINS

from .. import loopback
from ..loopback import GALLERY, MiniBray, Odd

MAPS = f"{GALLERY}/workspace/metadata/platemaps/CDRP"
URIS = [f"uri_{c}" for c in BRAY_STAINS]


def _check_planes(mini, fields):
    assert len(fields)
    for field_id, row in fields.iterrows():
        plate, well, site = field_id.split("-")
        for channel in BRAY_STAINS:
            np.testing.assert_array_equal(
                read_plane(row[f"uri_{channel}"]), mini.planes[plate, well.lower(), int(site), channel]
            )


@pytest.mark.parametrize("layout", ["cil", "gallery"])
@pytest.mark.parametrize("remote", [False, True])
def test_the_split_and_nothing_else_is_fetched(host, run, layout, remote):
    mini = MiniBray(host.root)
    mini.write_images(layout)
    this = run(mini.spec(host.url if remote else f"file://{host.root}", layout))
    wells = this.wells()
    assert wells.loc["24277_A01", ["split", "control", "plate_map"]].tolist() == ["train", None, "H-BIOA-004-3"]
    assert wells.loc["24278_B01", ["perturbation", "control", "split"]].tolist() == ["DMSO", "negative", None]
    assert wells.loc["24277_A01", "concentration"] == 5000.0
    assert wells.loc["24277_A01", "perturbation"] == "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"  # ethanol
    assert wells["split"].value_counts().to_dict() == {"train": 4, "val": 2, "test": 2}
    for plate, count in (("24277", 8), ("24278", 7)):
        fields, skipped, manifest = this.fetch(plate)
        assert len(fields) == count and skipped.empty
        assert not fields.index.str.contains("B01").any()  # DMSO is not part of the split
        assert manifest["digest"].str.match("(sha256):[0-9a-f]{64}$").all() and len(manifest) == (
            5 if layout == "cil" else 5 * count
        )
        _check_planes(mini, fields)
        assert not any(u.startswith("/") for u in fields[URIS].to_numpy().ravel()) or not remote
    if remote:
        assert not [p for p in (this.folder / "cache").rglob("*") if p.suffix in (".tif", ".zip", ".partial")]
    source = json.loads((this.folder / "source.json").read_text())
    assert any("published split" in note for note in source["notes"]) and source["files"][0]["size"] > 0


def test_only_the_needed_members_of_a_remote_zip_travel(host, run):
    mini = MiniBray(host.root)
    mini.samples |= {f"c{i:02d}": "" for i in range(1, 25)}
    mini.write_metadata()
    mini.write_images("cil")
    this = run(mini.spec(host.url, "cil"))
    this.wells()
    fields, _, _ = this.fetch("24277")
    assert len(fields) == 8
    _check_planes(mini, fields)
    path = "broad_data/plate_24277/24277-Mito.zip"
    assert host.sent[path] < 0.6 * (host.root / path).stat().st_size


@pytest.mark.parametrize("fault", [["no-range"], [206, "no-range"], [500, 429, "cut"]])
def test_zips_of_a_host_that_ignores_ranges_or_stumbles(host, run, fault):
    mini = MiniBray(host.root, compression=zipfile.ZIP_DEFLATED)
    mini.write_images("cil")
    host.faults["broad_data/plate_24277/24277-Mito.zip"] = [f for f in fault if f != 206]
    this = run(mini.spec(host.url, "cil"))
    this.wells()
    fields, skipped, _ = this.fetch("24277")
    assert len(fields) == 8 and skipped.empty
    _check_planes(mini, fields)


def test_controls_and_everything_can_be_kept(host, run):
    mini = MiniBray(host.root)
    mini.write_images("cil")
    for keep, count in (("split_and_controls", 9), ("all", 9)):
        this = run(mini.spec(str(host.root), "cil", keep=keep))
        this.wells()
        fields, _, _ = this.fetch("24278")
        assert len(fields) == count and "24278-B01-2" in fields.index


def test_what_is_missing_is_listed(host, run):
    mini = MiniBray(host.root)
    mini.missing = {("24277", "a01", 1, "Mito"), *(("24277", "a03", s, c) for s in (1, 2) for c in BRAY_STAINS)}
    mini.write_images("cil")
    this = run(mini.spec(str(host.root), "cil"))
    this.wells()
    fields, skipped, _ = this.fetch("24277")
    assert sorted(fields.index) == ["24277-A01-2", "24277-A02-1", "24277-A02-2", "24277-A04-1", "24277-A04-2"]
    assert dict(zip(skipped["field_id"], skipped["reason"])) == {
        "24277-A01-1": "no image of channel Mito",
        "24277-A03-1": "no image on the host",
        "24277-A03-2": "no image on the host",
    }


def test_a_well_without_a_plate_map_entry_and_one_without_images(host, run):
    mini = MiniBray(host.root, split=False)
    mini.write_images("gallery")
    path = host.root / GALLERY / "workspace/metadata/platemaps/CDRP/platemap/H-BIOA-004-3.txt"
    path.write_text(path.read_text().replace("\ta04\t", "\td04\t"))
    this = run(mini.spec(str(host.root), "gallery", split="own"))
    this.wells()
    fields, skipped, _ = this.fetch("24277")
    assert len(fields) == 6 and set(skipped["reason"]) == {
        "well without a plate-map entry",
        "well without any image on the host",
    }
    assert set(skipped["well_id"]) == {"24277_A04", "24277_D04"}


def test_upper_case_file_names(host, run):
    mini = MiniBray(host.root)
    mini.write_images("gallery")
    for path in list(host.root.rglob("*.tif")):
        path.rename(path.with_name(path.name.upper()))
    this = run(mini.spec(host.url, "gallery"))
    this.wells()
    fields, skipped, _ = this.fetch("24277")
    assert len(fields) == 8 and skipped.empty
    _check_planes(mini, fields)


def test_a_truncated_zip_stops_and_a_damaged_member_is_listed(host, run):
    mini = MiniBray(host.root)
    mini.write_images("cil")
    path = host.root / "broad_data/plate_24277/24277-Mito.zip"
    whole = path.read_bytes()
    this = run(mini.spec(str(host.root), "cil"))
    this.wells()
    broken = bytearray(whole)
    broken[whole.index(mini.planes["24277", "a01", 1, "Mito"].tobytes()) + 5] ^= 1
    path.write_bytes(broken)
    for base in (str(host.root), host.url):
        this.spec = mini.spec(base, "cil")
        _, skipped, _ = this.fetch("24277")
        assert skipped[["field_id", "reason"]].to_numpy().tolist() == [["24277-A01-1", "damaged image of channel Mito"]]
    path.write_bytes(whole[: len(whole) // 2])
    this.spec = mini.spec(str(host.root), "cil")
    with pytest.raises(InputError, match=r"24277-Mito\.zip: not a whole zip file"):
        this.fetch("24277")


def test_the_split_is_own_where_the_published_one_cannot_be_had(host, run):
    mini = MiniBray(host.root, split=False)
    this = run(mini.spec(host.url, "cil", split="auto"))
    wells = this.wells()
    notes = " ".join(json.loads((this.folder / "source.json").read_text())["notes"])
    assert "own split" in notes and "HTTP 404" in notes
    treated = wells[wells["control"].isna()]
    assert treated.groupby("perturbation")["split"].nunique().eq(1).all() and treated["split"].notna().all()
    assert wells.loc[wells["control"].notna(), "split"].isna().all()
    with pytest.raises(InputError, match="HTTP 404"):
        run(mini.spec(host.url, "cil")).wells()


def test_one_compound_in_two_parts_leaves_the_later_one_or_stops(host, run):
    mini = MiniBray(host.root, split=False)
    mini.samples["a05"] = "BRD-K00000001-002-02-2"  # another batch of the compound in a01
    mini.write_metadata()
    loopback.SMILES["BRD-K00000001-002-02-2"] = "CCO"
    try:
        mini.write_split({"a01": "train", "a02": "val", "a05": "test"})
    finally:
        del loopback.SMILES["BRD-K00000001-002-02-2"]
    wells = run(mini.spec(str(host.root), "cil")).wells()
    assert wells.loc["24277_A05", "perturbation"] == wells.loc["24277_A01", "perturbation"]
    assert pd.isna(wells.loc["24277_A05", "split"]) and wells.loc["24277_A01", "split"] == "train"
    with pytest.raises(InputError, match=r"1 compounds are in two splits, first LFQSCWFLJHTTHZ \(test\+train\)"):
        run(mini.spec(str(host.root), "cil", shared_blocks="error")).wells()


ALANINES = {"L": "QNAYBMKLOCPYGJ-REOHCLBHSA-N", "D": "QNAYBMKLOCPYGJ-UWTATZPHSA-N"}


@pytest.fixture
def isomers(host, monkeypatch):
    """a01 and a03 hold the two alanines, which differ in stereochemistry alone."""
    monkeypatch.setitem(loopback.SMILES, "BRD-K00000001-001-01-1", "C[C@H](N)C(=O)O")
    monkeypatch.setitem(loopback.SMILES, "BRD-K00000003-001-01-1", "C[C@@H](N)C(=O)O")
    return MiniBray(host.root, split=False)


def test_stereo_isomers_are_two_perturbations_unless_asked(host, run, isomers):
    isomers.write_split({"a01": "train", "a02": "val", "a03": "train", "a04": "test"})
    wells = run(isomers.spec(str(host.root), "cil")).wells()
    assert wells.loc[["24277_A01", "24278_A03"], "perturbation"].tolist() == list(ALANINES.values())
    assert wells["perturbation"].nunique() == 5 and wells["split"].eq("train").sum() == 4
    wells = run(isomers.spec(str(host.root), "cil", identity="connectivity")).wells()
    assert wells.loc[["24277_A01", "24278_A03"], "perturbation"].tolist() == ["QNAYBMKLOCPYGJ"] * 2
    assert wells["perturbation"].nunique() == 4


def test_stereo_isomers_in_two_parts_of_the_split_are_a_leak(host, run, isomers, caplog):
    isomers.write_split({"a01": "train", "a02": "val", "a03": "test", "a04": "test"})
    wells = run(isomers.spec(str(host.root), "cil")).wells()
    assert wells.loc["24277_A03", "perturbation"] == ALANINES["D"] and pd.isna(wells.loc["24277_A03", "split"])
    assert wells["split"].value_counts().to_dict() == {"train": 2, "val": 2, "test": 2}
    assert "1 compounds (by the first block of the InChIKey) were in two splits; 2 wells" in caplog.text
    with pytest.raises(InputError, match=r"1 compounds are in two splits, first QNAYBMKLOCPYGJ \(test\+train\)"):
        run(isomers.spec(str(host.root), "cil", shared_blocks="error")).wells()


def test_an_own_split_keeps_stereo_isomers_together(host, run, isomers):
    for seed in range(8):
        wells = run(isomers.spec(str(host.root), "cil", split="own", split_seed=seed)).wells()
        assert wells.loc["24277_A01", "split"] == wells.loc["24277_A03", "split"]


@pytest.mark.parametrize("reached", [True, False])
def test_the_split_is_decided_once_and_obeyed_whatever_the_host_does_later(host, run, reached, caplog):
    mini = MiniBray(host.root)
    mini.write_images("cil")
    if reached:  # of a published split, single fields may be absent: here 24278-A02-2
        this = run(mini.spec(host.url, "cil", split="auto"))
        this.wells()
        shutil.rmtree(this.folder / "cache")
        for path in host.root.glob("datasplit1-*.csv"):
            path.unlink()
    else:
        held = {path: path.read_bytes() for path in host.root.glob("datasplit1-*.csv")}
        for path in held:
            path.unlink()
        this = run(mini.spec(host.url, "cil", split="auto"))
        this.wells()
        assert "takes an own split, because the published one could not be fetched" in caplog.text
        for path, data in held.items():
            path.write_bytes(data)
    before = len(host.requests)
    fields, skipped, _ = this.fetch("24278")
    assert len(fields) == (7 if reached else 8) and skipped.empty
    assert not any("datasplit" in path for path, _ in host.requests[before:])
    source = json.loads((this.folder / "source.json").read_text())
    assert source["split"] == ("published, datasplit1" if reached else "own, seed 0")
    (this.folder / "split_fields.parquet").unlink()
    with pytest.raises(InputError, match=r"split_fields\.parquet: cannot be read .*recompute the wells"):
        this.fetch("24278")


@pytest.mark.parametrize(
    "name", [f"{MAPS}/barcode_platemap.csv", f"{MAPS}/platemap/H-BIOA-004-3.txt", "datasplit1-val.csv"]
)
def test_a_table_that_is_none_is_asked_for_again_in_the_next_run(host, run, name):
    this = run(MiniBray(host.root).spec(host.url, "cil"))
    host.faults[name] = [Odd(body=b"<html>\n<p>maintenance</p>\n</html>")]
    with pytest.raises(InputError, match=Path(name).name):
        this.wells()
    assert len(this.wells()) == 10


def test_a_plate_that_the_metadata_lacks(host, run):
    mini = MiniBray(host.root)
    with pytest.raises(InputError, match=r"barcode_platemap\.csv: has no plate 99999"):
        run(mini.spec(str(host.root), "cil", plates=[99999])).wells()


def test_a_plate_without_any_image_stops(host, run):
    mini = MiniBray(host.root)
    for layout, error in (("cil", r"24277-Mito\.zip"), ("gallery", "images/24277")):
        this = run(mini.spec(str(host.root), layout))
        this.wells()
        with pytest.raises(InputError, match=error):
            this.fetch("24277")


def test_the_plates_are_known_without_the_host(shared):
    curated = pd.read_csv(shared / "bray/image_curation_statistics.csv")
    assert units("s", {"source": "bray"}) == curated["PlateID"].astype(str).tolist()
    assert len(units("s", {"source": "bray"})) == 406
    assert units("s", {"source": "bray", "plates": ["24,277"]}) == ["24277"]
    with pytest.raises(InputError, match="unit 24277 is listed twice"):
        units("s", {"source": "bray", "plates": ["24,277", 24277]})


def test_metadata_of_cpimgs_equal_the_published_table(run, shared):
    pytest.importorskip("cpimgs")
    spec = {"metadata": "cpimgs", "plates": None, "annotations_url": None, "split": "own"}
    wells = run({"source": "bray"} | spec).wells()
    published = pd.read_csv(shared / "bray/plate_well_compound.csv.gz", dtype=str, keep_default_na=False)
    assert len(wells) == len(published) == 153_370
    assert (wells["control"] == "negative").sum() == 26_572
    assert wells.loc[wells["control"].isna(), "perturbation"].nunique() == 30_412
    # The layout report infers the same plate maps from the published table.
    table = read_bray_table(shared / "bray" / "plate_well_compound.csv.gz").drop_duplicates("plate")
    expected = ("like-" + table.set_index("plate")["plate_map"]).to_dict()
    assert wells.drop_duplicates("plate").set_index("plate")["plate_map"].to_dict() == expected
    assert wells["plate_map"].nunique() == 99
    shares = wells.dropna(subset=["split"]).drop_duplicates("perturbation")["split"].value_counts(normalize=True)
    np.testing.assert_allclose(shares[["train", "val", "test"]], [0.7, 0.1, 0.2], atol=1e-4)
