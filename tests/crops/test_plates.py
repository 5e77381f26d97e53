"""Plates judged together: copies, plates unlike the others, fields left out; one line each, with counts."""

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.crops import CropStore
from cwamsn.crops.plates import cell_less, commonest, plate_of, suspicious, thinned, unlike
from cwamsn.errors import InputError
from cwamsn.notes import collected
from tests.crops.screen import gather, make_unit, random_field, write


def screen(means: dict[str, float], fields=4, **columns) -> pd.DataFrame:
    """A QC table of kept fields with the given mean of DNA on each plate."""
    rows = [
        {
            "field_id": f"{plate}-A{k}-1", "well_id": f"{plate}_A{k}", "plate": plate, "site": 1, "status": "kept",
            "reason": None, "mean_DNA": mean, **{c: v[plate] for c, v in columns.items()},
        }
        for plate, mean in means.items()
        for k in range(fields)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_plate_far_from_the_others_is_named():
    (line,) = unlike(screen({"P1": 40, "P2": 38, "P3": 5, "P4": 44}))
    assert line.startswith("unlike plates, by mean grey level: plate P3 DNA 5 (median of 4 plates: DNA 39)")
    (line,) = unlike(screen({"P1": 40, "P2": 5}))
    assert "plate P1 DNA 40, plate P2 DNA 5;" in line
    assert unlike(screen({"P1": 40, "P2": 14, "P3": 80})) == []
    assert unlike(screen({"P1": 40, "P2": 5}, fields=2)) == []  # too few fields for a median
    assert unlike(screen({"P1": 0.0})) == []


def test_plates_of_other_bit_depths_are_named():
    (line,) = unlike(screen({"P1": 40, "P2": 30, "P3": 35}, bits={"P1": "16", "P2": "8", "P3": "16"}))
    assert line.startswith("bit depths differ: plate P2 8 bits, the others 16 bits; ")
    assert unlike(screen({"P1": 40, "P2": 30}, bits={"P1": "16", "P2": "16"})) == []


def test_many_plates_take_one_line():
    means = {f"P{k:02d}": 40 for k in range(30)}
    (line,) = suspicious(screen(means, warning=dict.fromkeys(means, "dim: DNA")))
    assert line.count("4 of 4 fields") == 8 and "and 22 more plates, e.g. DNA; " in line


def test_plates_that_lose_many_fields_are_named():
    qc = screen({"P1": 40, "P2": 40})
    qc.loc[[1, 2], ["status", "reason"]] = "skipped", "empty: DNA has std 0"
    assert thinned(qc) == [
        "fields left out: plate P1 2 of 4; the commonest reason: 2 of 2: empty: DNA has std 0",
    ]
    assert thinned(screen({"P1": 40})) == []


@pytest.mark.parametrize(
    "reason",
    [
        "/x/a.tif: not a readable plane (truncated TIFF)",
        "broken off: the last 30 of 128 rows of ER are all 0",
        "repeats the pixels of field P1-A0-1",
    ],
)
def test_a_single_damaged_image_is_said_and_a_single_empty_field_is_not(reason):
    qc = screen({"P1": 40, "P2": 40}, fields=20)
    qc.loc[[1, 30], "status"] = "skipped"
    qc.loc[[1, 30], "reason"] = [reason, "empty: DNA has std 0"]
    assert thinned(qc) == [f"damaged images left out: plate P1 1 of 20; the commonest reason: {reason}"]


def test_the_commonest_reason_is_counted_over_paths_and_numbers():
    reasons = ["/a b/x 1.tif: cut off", "/a b/y 22.tif: cut off", "empty: DNA has std 0"]
    assert commonest(reasons) == "2 of 3: /a b/x 1.tif: cut off"
    windows = [f"no image of channel DNA (looked for C:\\data\\{k}.tif)" for k in range(3)]
    assert commonest([*reasons, *windows]).startswith("3 of 6: no image of channel DNA")
    assert commonest(["its well"]) == "its well"


def test_plates_of_one_name_in_two_experiments_are_two_plates():
    qc = pd.DataFrame({"well_id": ["compound-001_3_A01", "gene-002_3_A01"], "plate": ["3", "3"]})
    assert plate_of(qc).tolist() == ["compound-001_3", "gene-002_3"]


# Through the stage ----------------------------------------------------------------------------------------------------


def plates(folder, sections, fields: dict[str, dict[str, np.ndarray]], **changes) -> list[dict]:
    parts = [make_unit(folder, name, planes) for name, planes in fields.items()]
    for part in parts:
        write(part, sections, **changes)
    return parts


def test_a_plate_that_repeats_another_stops_unless_it_may(tmp_path, sections):
    same = {f"A{k:02d}": random_field(k) for k in range(1, 5)}
    mostly = {**{a: same[a] for a in ("A01", "A02")}, "A03": random_field(20), "A04": random_field(21)}
    parts = plates(tmp_path, sections, {"p1": same, "p2": mostly})
    with pytest.raises(InputError) as caught:
        gather(parts, tmp_path)
    assert str(caught.value) == (
        "plate p2 repeats plate p1: 2 of its 4 fields have the same pixels (as p2-A01-1 and p1-A01-1); "
        "keep one of them, or set crops.plates.repeated: warn"
    )
    with collected() as lines:
        _, qc, _ = gather(parts, tmp_path, plates={"repeated": "warn"})
    assert lines[0].startswith("plate p2 repeats plate p1: 2 of its 4 fields")
    warned = tables.read("qc", qc).set_index("field_id")["warning"].dropna()
    assert warned.to_dict() == {f"p2-A0{k}-1": f"repeated: the pixels of field p1-A0{k}-1 of plate p1" for k in (1, 2)}


def test_a_single_field_that_repeats_another_plates_is_a_warning(tmp_path, sections):
    one = {f"A{k:02d}": random_field(k) for k in range(1, 6)}
    other = {f"A{k:02d}": random_field(30 + k) for k in range(1, 6)} | {"A02": one["A05"]}
    with collected() as lines:
        _, qc, _ = gather(plates(tmp_path, sections, {"p1": one, "p2": other}), tmp_path)
    (line,) = lines
    assert line.startswith("repeated: plate p2 1 of 5 fields, e.g. the pixels of field p1-A05-1 of plate p1; ")
    assert tables.read("qc", qc)["warning"].notna().sum() == 1


def test_one_channel_of_another_field_is_a_warning_and_of_most_fields_stops(tmp_path, sections):
    fields = {f"A{k:02d}": random_field(k) for k in range(1, 6)}
    fields["A04"][2] = fields["A01"][2]
    parts = plates(tmp_path, sections, {"p1": fields})
    with collected() as lines:
        _, qc, _ = gather(parts, tmp_path)
    (line,) = lines
    assert line.startswith("repeated channel: plate p1 1 of 5 fields, e.g. ERSytoBleed of field p1-A01-1 of plate p1; ")
    assert tables.read("qc", qc).set_index("field_id")["warning"].dropna().index.tolist() == ["p1-A04-1"]
    other = {a: random_field(20 + k) for k, a in enumerate(fields)}
    for address in ("A01", "A02", "A03"):
        other[address][0] = fields[address][0]
    parts += plates(tmp_path, sections, {"p2": other})
    with pytest.raises(
        InputError, match=r"plate p2 has channel Mito of plate p1: 3 of its 5 fields have the same pixels"
    ):
        gather(parts, tmp_path)


def test_blank_fields_do_not_repeat_each_other(tmp_path, sections):
    blank = np.zeros((5, 40, 48), np.uint16)
    keep = {
        "min_std": None,
        "min_focus": None,
        "max_saturation": None,
        "max_blank_tail": None,
        "skip_duplicates": False,
    }
    parts = plates(tmp_path, sections, {"p1": {"A01": blank}, "p2": {"A01": blank}}, qc=keep)
    index, *_ = gather(parts, tmp_path)
    assert len(tables.read("crops", index)) == 2


def test_two_channels_of_one_file_or_of_the_same_pixels_are_skipped(tmp_path, sections):
    field = random_field(1)
    copied = random_field(2)
    copied[4] = copied[3]
    paths = make_unit(tmp_path, "p1", {"A01": field, "A02": copied, "A03": random_field(3)})
    fields = pd.read_parquet(paths.fields)
    fields.loc[0, "uri_Mito"] = fields.loc[0, "uri_Hoechst"]
    fields.to_parquet(paths.fields)
    write(paths, sections)
    reasons = tables.read("qc", paths.qc).set_index("field_id")["reason"]
    assert reasons["p1-A01-1"].endswith(
        "A01_Hoechst.tif: named for Mito and Hoechst; correct the columns of one of them"
    )
    assert reasons["p1-A02-1"].startswith("Ph_golgi and Hoechst have the same pixels")
    assert pd.isna(reasons["p1-A03-1"])


def test_a_plane_that_broke_off_is_skipped_and_a_suspicious_one_is_counted(tmp_path, sections):
    planes = {f"A{k:02d}": random_field(k) for k in range(1, 9)}
    planes["A03"][1].reshape(-1)[-500:] = 0
    other = {a: np.stack([p + 32768 for p in random_field(40 + k)]) for k, a in enumerate(planes)}
    parts = plates(tmp_path, sections, {"p1": planes, "p2": other})
    with collected() as lines:
        _, qc, _ = gather(parts, tmp_path)
    qc = tables.read("qc", qc).set_index("field_id")
    assert qc.loc["p1-A03-1", "reason"] == "broken off: the last 10.4 of 40 rows of ERSyto are all 0"
    text = "\n".join(lines)
    assert "high floor: plate p2 8 of 8 fields, e.g. Mito 2" in text
    assert "few grey levels: plate p2 8 of 8 fields" in text
    assert qc.loc[qc["status"] == "kept", "warning"].notna().sum() == 8 and set(qc["bits"].dropna()) == {"16"}


def test_hot_pixels_darken_a_plate_aloud_and_a_larger_saturated_share_mends_it(tmp_path, sections):
    rng = np.random.default_rng(0)
    clean = {f"A{k:02d}": random_field(k, 100, 100) for k in range(1, 5)}
    hot = {a: np.where(rng.random(f.shape) < 5e-4, 65535, f).astype(np.uint16) for a, f in clean.items()}
    hot = {a: np.roll(f, 7, axis=1) for a, f in hot.items()}
    parts = plates(tmp_path, sections, {"p1": clean, "p2": hot})
    with collected() as lines:
        gather(parts, tmp_path)
    text = "\n".join(lines)
    assert "unlike plates, by mean grey level: plate p1 Mito" in text and "dim: plate p2 4 of 4 fields" in text
    parts = plates(tmp_path / "robust", sections, {"p1": clean, "p2": hot}, saturated_share=0.01)
    with collected() as lines:
        gather(parts, tmp_path / "robust")
    assert lines == []


def test_a_black_level_takes_an_offset_away(tmp_path, sections):
    field = random_field(1)
    parts = plates(tmp_path, sections, {"p1": {"A01": field}})
    offset = plates(tmp_path / "offset", sections, {"p1": {"A01": field + 32768}}, black_level=32768)
    stores = [CropStore(p[0].index, p[0].index.parents[1]) for p in (parts, offset)]
    np.testing.assert_array_equal(stores[0].load(0), stores[1].load(0))


def test_a_part_made_before_warnings_were_kept_can_be_gathered(tmp_path, sections):
    parts = plates(tmp_path, sections, {"p1": {"A01": random_field(1)}, "p2": {"A01": random_field(2)}})
    for part in parts:
        old = pd.read_parquet(part.qc).drop(columns=["warning", "bits", "pixels"])
        old.to_parquet(part.qc)
    _, qc, _ = gather(parts, tmp_path)
    assert len(tables.read("qc", qc)) == 2


def test_plates_without_cells_are_named():
    qc = pd.DataFrame({"plate": ["P1"] * 3 + ["P2"] * 3, "status": "kept", "cell_count": [5.0, 0, 7, 0, 9, 0]})
    qc["well_id"] = qc["plate"] + "_A01"
    (line,) = cell_less(qc)
    assert line.startswith("no cells in most fields: plate P2; is crops.cells.channel the nuclear stain")
    assert cell_less(qc[qc["plate"] == "P1"]) == [] and cell_less(qc.drop(columns="cell_count")) == []
