"""A sample sheet as a screen: one row per image, own treatments or a plate map, nf-core's columns."""

import json

import pandas as pd
import pytest

from cwamsn import screen_specs, screens
from cwamsn.errors import InputError
from cwamsn.notes import collected

from ..loopback import plane, tiff


class Sheet:
    """Two plates of two wells, one field, two stains: as nf-core/cellpainting writes them."""

    def __init__(self, root):
        self.root = root
        rows = []
        for p, plate in enumerate(("BR 1", "BR2")):
            for w, well in enumerate(("A01", "b2")):
                for c, channel in enumerate(("DNA", "ER")):
                    (root / "img").mkdir(exist_ok=True)
                    name = f"img/{p}{well}{channel}.tiff"
                    (root / name).write_bytes(tiff(plane(100 * p + 10 * w + c)))
                    here = {"channel": channel, "path": name, "source": "source_4", "batch": f"b{p}", "plate": plate}
                    rows.append(here | {"well": well, "site": 1, "col": 1, "field_id": 1, "plane_id": 1, "row": 1})
        self.table = pd.DataFrame(rows)

    def spec(self, **more):
        self.table.to_csv(self.root / "sheet.csv", index=False)
        return {"source": "sample-sheet", "sheet": str(self.root / "sheet.csv")} | more


@pytest.fixture
def sheet(host):
    return Sheet(host.root)


def test_wells_fields_and_batches(sheet, run):
    this = run(sheet.spec(experiment_column="batch", z_column="plane_id"))
    wells = this.wells()
    assert screen_specs.units("s", this.spec) == ["BR_1", "BR2"]
    assert wells.index.tolist() == ["BR2_A01", "BR2_B02", "BR_1_A01", "BR_1_B02"]
    assert wells.loc["BR_1_A01", ["experiment", "barcode"]].tolist() == ["b0", "BR 1"]
    fields, skipped, manifest = this.fetch("BR_1")
    assert fields.index.tolist() == ["BR_1-A01-1", "BR_1-B02-1"] and skipped.empty and len(manifest) == 4
    assert (screens.read_plane(fields.loc["BR_1-B02-1", "uri_ER"]) == plane(11)).all()
    said = json.loads((this.folder / "source.json").read_text())["notes"]
    assert said == ["columns of the sheet that are not used: source, col, field_id, row"]


def test_a_column_may_name_the_laboratory(sheet, run):
    wells = run(sheet.spec(source_column="source", z_column="plane_id")).wells()
    assert wells["source"].notna().all()


def test_it_may_carry_the_treatments_itself(sheet, run):
    sheet.table["compound"] = ["X", "X", "DMSO", "DMSO"] * 2
    sheet.table["dose"] = ["3", "3", "", ""] * 2
    keys = {"compound_column": "compound", "concentration_column": "dose", "concentration_unit": "umoles_per_liter"}
    wells = run(sheet.spec(**keys)).wells()
    assert wells.loc["BR2_A01", ["perturbation", "concentration"]].tolist() == ["X", 3.0]
    assert wells.loc["BR2_B02", ["perturbation", "control"]].tolist() == ["DMSO", "negative"]
    with collected() as notes:
        assert run(sheet.spec()).wells()["perturbation"].isna().all()
    assert any("column compound is not used; compound_column: compound takes it" in line for line in notes)
    sheet.table.loc[1, "compound"] = "Y"
    with pytest.raises(InputError, match="well A01 of plate BR_1 has 2 values of compound: 'X', 'Y'"):
        run(sheet.spec(**keys)).wells()


def test_a_plate_map_and_a_remote_sheet(sheet, host, run):
    (host.root / "map.csv").write_text("well_position,broad_sample,mmoles_per_liter\nA01,X,\nB02,DMSO,\n")
    sheet.spec()
    named = {"plates": ["BR 1"], "channels": {"nuclei": "DNA", "reticulum": "ER"}}
    spec = {"source": "sample-sheet", "sheet": f"{host.url}/sheet.csv", "platemap": f"{host.url}/map.csv"} | named
    this = run(spec | {"retry": {"attempts": 3, "backoff_s": 0.01}})
    assert this.wells()["perturbation"].tolist() == ["X", "DMSO"]
    fields, skipped, _ = this.fetch("BR_1")
    assert fields.loc["BR_1-A01-1", "uri_nuclei"] == "data/s/raw/BR_1/BR_1-A01-1-nuclei.tiff" and skipped.empty
    for key in named:
        with pytest.raises(InputError, match=f"^{key}: "):
            screen_specs.units("s", {k: v for k, v in spec.items() if k != key})


def _repeat(sheet, **changes):
    sheet.table = pd.concat([sheet.table, sheet.table.iloc[[1]].assign(**changes)])


@pytest.mark.parametrize(
    ("change", "keys", "said"),
    [
        (lambda s: _repeat(s), {}, r"row 8 repeats row 1 \(plate BR_1, well A01, site 1, channel ER\); keep one row"),
        (
            lambda s: _repeat(s, path="img/x.tiff"),
            {},
            r"row 8 names another file \(img/x.tiff\) for the image of row 1",
        ),
        (lambda s: s.table.__setitem__("channel", ""), {}, "row 0 has no channel; fill it in"),
        (lambda s: s.table.__setitem__("plate", ""), {}, "row 0 has no plate; fill it in"),
        (lambda s: s.table.replace({"well": {"b2": "Q"}}, inplace=True), {}, "'Q' is not a well address"),
        (lambda s: s.table.__setitem__("site", "x"), {}, "row 0: 'x' is not the number of a field of view"),
        (lambda s: s.table.rename(columns={"channel": "Channel"}, inplace=True), {}, "channel is written Channel"),
        (lambda s: None, {"channels": {"DNA": "Hoechst"}}, "channels: DNA is 'Hoechst', which .* it has DNA, ER"),
        (lambda s: None, {"plates": ["BR3"]}, "has no row of plate BR3"),
        (lambda s: None, {"experiment_column": "day"}, "lacks column day"),
        (lambda s: None, {"sheet": "none.csv"}, "none.csv: no such file"),
        (
            lambda s: s.table.__setitem__("batch", range(8)),
            {"experiment_column": "batch"},
            "BR_1 has 4 values of batch",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_file_and_row(sheet, run, change, keys, said):
    change(sheet)
    spec = sheet.spec() | keys
    with pytest.raises(InputError, match=said) as raised:
        this = run(spec)
        this.wells()
        this.fetch("BR_1")
    assert "\n" not in str(raised.value)


def test_relative_paths_start_from_the_sheet_or_the_base(sheet, run, tmp_path):
    sheet.spec()
    (tmp_path / "lists").mkdir()
    (sheet.root / "sheet.csv").rename(tmp_path / "lists/sheet.csv")
    spec = {"source": "sample-sheet", "sheet": str(tmp_path / "lists/sheet.csv")}
    this = run(spec)
    this.wells()
    with pytest.raises(InputError, match=r"none of its 2 fields can be used; 2 x no image of .*lists/img is not there"):
        this.fetch("BR2")
    this = run(spec | {"base": str(sheet.root)})
    assert len(this.fetch("BR2")[0]) == 2


def test_the_state_of_a_plate_changes_with_its_rows_and_images_alone(sheet):
    def states():
        return [screen_specs.unit_state(sheet.spec(), unit) for unit in ("BR_1", "BR2")]

    before = states()
    (sheet.root / "img/1A01ER.tiff").write_bytes(b"x")
    after = states()
    assert after[0] == before[0] and after[1] != before[1]
    sheet.table.loc[0, "path"] = "img/other.tiff"
    assert states()[0] != before[0] and states()[1] == after[1]


def test_depths_are_rows_of_their_own(sheet, run):
    deeper = sheet.table.assign(plane_id=10, path="img/1b2ER.tiff")
    sheet.table = pd.concat([deeper, sheet.table.assign(plane_id=9)])
    with pytest.raises(InputError, match="row 8 names another file"):
        run(sheet.spec()).wells()
    with pytest.raises(InputError, match=r"has 2 depths \(z 9, 10\) per field"):
        screen_specs.unit_state(sheet.spec(z_column="plane_id"), "BR2")
    this = run(sheet.spec(z_column="plane_id", images={"stack": "sharpest"}))
    this.wells()
    uri = this.fetch("BR2")[0].loc["BR2-A01-1", "uri_DNA"]
    assert [part.rsplit("/", 1)[1] for part in uri.split("|")] == ["1A01DNA.tiff", "1b2ER.tiff"]
    sheet.table["plane_id"] = "top"
    with pytest.raises(InputError, match="row 0: 'top' is not the number of a depth"):
        run(sheet.spec(z_column="plane_id")).wells()
