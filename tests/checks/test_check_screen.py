"""A screen checked as a whole: each fault is one line of the right level that says what to do."""

import json

import numpy as np
import pytest
import tifffile

from cwamsn.checks import lines, write_page
from cwamsn.crops import CropOptions, PlateOptions
from tests.checks.plates import STAINS, Lab, drawn, said


def one_line(report, level, *parts):
    """The only finding of the level, which must hold `parts`."""
    (text,) = said(report, level)
    assert "\n" not in text and all(part in text for part in parts), text
    return text


def test_a_good_screen_is_ready_and_says_what_it_is(lab):
    report = lab.check()
    assert said(report) == [] and not report.failed and report.verdict == "ready"
    assert report.facts["Screen"] == "16 wells on 2 plates, 16 fields of 5 channels (DNA, ER, RNA, AGP, Mito)"
    assert report.facts["Files"] == "80 files are there, 1.5 MB; none missing"
    assert report.facts["Controls"] == "4 negative per plate (8 wells)"
    assert report.facts["Perturbations"] == "2 in 8 wells, 4 each"
    assert report.facts["Alignment"].startswith(("take ", "if "))
    assert report.facts["Decoded"] == "all 16 fields (80 images)"
    assert report.facts["Pictures"] == "96 x 96 pixels, 16 bits, TIFF"
    assert "estimate" in report.facts["Time"] and "measured" in report.facts["Time"]
    assert [plate.wells for plate in report.plates] == [8, 8] and report.plates[0].decoded == 8
    assert len(report.pictures) == 5


def test_files_that_are_not_there_are_counted_and_one_is_named(lab):
    lab.write()
    lab.path("P1", "B01", "ER").unlink()
    report = lab.check()
    one_line(
        report, "error", "1 of 16 fields on plate P1 are left out", "no image of channel ER", "P1_B01_ER.tif", "correct"
    )
    assert report.facts["Files"].endswith("6.2% of the fields left out")


def test_few_missing_files_are_a_warning(tmp_path):
    lab = Lab(tmp_path, plates=("P1", "P2", "P3", "P4"))
    lab.write()
    lab.path("P1", "B01", "ER").unlink()
    report = lab.check()
    one_line(report, "warning", "1 of 32 fields on plate P1 are left out")
    assert not report.failed


def test_a_plate_whose_files_lie_elsewhere_is_an_error_and_the_others_are_checked_all_the_same(lab):
    lab.table.loc[lab.table["Metadata_Plate"] == "P2", "FileName_OrigDNA"] = "/mnt/other/x.tif"
    report = lab.check()
    one_line(report, "error", "plate P2: none of its 8 fields can be used", "/mnt/other/x.tif")
    assert report.sample.plates == 1 and report.plates[0].decoded == 8


def test_wells_and_plate_map_are_compared_both_ways(lab):
    lab.map = lab.map[lab.map["well_position"] != "C02"]
    lab.map.loc[len(lab.map) + 5] = ["D07", "Z", "0.01"]
    report = lab.check()
    error = one_line(report, "error", "2 wells (2 fields) have images but no plate-map entry (P1_C02, P2_C02)")
    assert "add them to the plate map" in error
    one_line(report, "warning", "2 of 16 wells of the plate map have no image (P1_D07, P2_D07)")


def test_an_empty_file_is_found_in_the_whole_screen_whatever_the_sample(lab):
    lab.write()
    lab.path("P2", "C01", "Mito").write_bytes(b"")
    report = lab.check(sample=1)
    one_line(
        report, "error", "1 files are empty (0 bytes), in 1 fields", "P2_C01_Mito.tif", "copy or export them again"
    )


def test_a_file_that_is_cut_off_is_decoded_whatever_the_sample(lab):
    lab.write()
    path = lab.path("P2", "C01", "Mito")
    path.write_bytes(path.read_bytes()[:9000])
    report = lab.check(sample=1)
    one_line(report, "error", "1 of 2 decoded fields would be left out", "P2_C01_Mito.tif", "truncated TIFF")
    assert report.sample.fields == 2


def test_one_file_for_all_stains_asks_for_its_planes_in_one_line(lab):
    for stain in lab.stains if hasattr(lab, "stains") else ("DNA", "ER", "RNA", "AGP", "Mito"):
        lab.table[f"FileName_Orig{stain}"] = lab.table["FileName_OrigMito"]
    report = lab.check(sample=1)
    one_line(report, "error", "all 5 stains name the same file in every field", "images: {planes: {")


def test_two_stains_that_name_one_file_are_found_in_the_whole_screen(lab):
    lab.table["FileName_OrigAGP"] = lab.table["FileName_OrigMito"]
    report = lab.check(sample=1)
    one_line(report, "error", "AGP and Mito name the same file in 16 of 16 fields", "correct the column of one of them")


def test_channels_with_equal_pixels_are_not_different_pictures(lab):
    for key in list(lab.images):
        if key[2] == "AGP":
            lab.images[key] = lab.images[(*key[:2], "Mito")]
    report = lab.check()
    one_line(report, "error", "16 of 16 decoded fields would be left out", "AGP and Mito have the same pixels")


def test_a_channel_that_was_saved_twice_at_another_scale_is_one_picture(lab):
    for plate, well, stain in list(lab.images):
        if stain == "AGP":
            other = drawn(lab.images[plate, well, "Mito"])
            lab.images[plate, well, stain] = (other * 1.7 + 30).astype(np.uint16)
    report = lab.check()
    one_line(
        report,
        "error",
        "channels look like one picture in 16 of 16 fields",
        "AGP and Mito (",
        "correct the columns",
    )


def test_a_plate_under_two_names_is_found_by_its_files_once(lab):
    rows = lab.table["Metadata_Plate"] == "P2"
    for stain in STAINS:
        lab.table.loc[rows, f"FileName_Orig{stain}"] = lab.table.loc[rows, f"FileName_Orig{stain}"].str.replace(
            "P2", "P1"
        )
    report = lab.check()
    one_line(report, "error", "8 fields name the files of another plate (plate P2 those of P1)", "keep one of them")


@pytest.mark.parametrize("sample", [2, 6, None])
def test_a_plate_that_is_a_copy_is_found_by_its_pixels_in_any_sample(lab, sample):
    for key in list(lab.images):
        if key[0] == "P2":
            lab.images[key] = lab.images[("P1", *key[1:])]
    report = lab.check(sample=sample)
    n = 8 if sample is None else sample // 2
    one_line(report, "error", f"plate P2 repeats plate P1: {n} of its {n} fields", "keep one of them")
    allowed = CropOptions(channels=list(STAINS), plates=PlateOptions(repeated="warn"))
    assert not lab.check(sample=sample, crops=allowed).failed


def test_a_field_that_repeats_another_of_its_plate_is_a_warning(lab):
    for stain in STAINS:
        lab.images["P1", "C02", stain] = lab.images["P1", "C01", stain]
    one_line(lab.check(), "warning", "1 of 16 decoded fields repeat the pixels of another field on plate P1")


def test_sizes_that_differ_between_plates_are_an_error_and_within_one_a_warning(lab):
    for key, seed in list(lab.images.items()):
        if key[0] == "P2":
            lab.images[key] = drawn(seed, 80)
    one_line(lab.check(), "error", "sizes differ: 96 x 96, 80 x 80 pixels", "set crops.size")


def test_a_black_channel_is_named_with_what_to_do(lab):
    lab.images["P1", "B01", "RNA"] = np.zeros((96, 96), np.uint16)
    one_line(lab.check(), "error", "1 of 16 decoded fields", "P1-B01-1: empty: RNA has std 0", "replace it")


def test_few_controls_and_none_are_said_per_plate(lab):
    lab.map.loc[1:3, "broad_sample"] = ["Z", "Z", "Z"]
    one_line(lab.check(), "warning", "2 of 2 plates have fewer than 4 negative controls (P1: 1, P2: 1)")
    lab.map["broad_sample"] = "Z"
    report = lab.check()
    assert any("no well is a negative control" in text for text in said(report))
    assert report.facts["Controls"] == "no negative control"


def test_tables_that_cannot_be_read_end_the_check_with_one_error(lab):
    lab.write()
    lab.map = lab.map.rename(columns={"well_position": "well"})
    report = lab.check()
    one_line(report, "error", "platemap.csv: lacks column well_position")
    assert report.sample is None and report.verdict == "not ready: 1 error"


def test_a_screen_without_images_is_checked_by_its_wells(lab):
    report = lab.check({"load_data": None, "plates": ["P1", "P2"]})
    assert not report.failed and "its wells alone were checked" in said(report, "info")[-1]


def test_an_unknown_channel_of_the_run_is_an_error(lab):
    report = lab.check(crops=CropOptions(channels=["DNA", "Actin"]))
    one_line(report, "error", "channel 'Actin' needs stain 'Actin', the screen has DNA, ER")


def test_a_check_writes_nothing_but_its_page(lab, tmp_path):
    lab.write()
    before = sorted(tmp_path.rglob("*"))
    report = lab.check()
    assert sorted(tmp_path.rglob("*")) == before
    write_page(report, tmp_path / "out" / "check.html")
    page = (tmp_path / "out" / "check.html").read_text()
    assert "<script" not in page and "http" not in page.replace("http-equiv", "") and page.count("data:image/png") == 5
    json.dumps(report.as_json())


def test_lines_begin_with_the_verdict_and_fit_the_width(lab):
    lab.write()
    lab.path("P1", "B01", "ER").unlink()
    told = lines(lab.check(), 80)
    assert told[0] == "lab: not ready: 1 error" and told[2].startswith("error    files")
    assert max(map(len, told)) <= 80 or any("/" in line for line in told if len(line) > 80)


def test_more_findings_than_a_reader_takes_in_are_left_to_the_page(lab):
    report = lab.check()
    for n in range(20):
        report.add(report.findings[0].level if report.findings else "info", "files", f"line {n}")
    assert any("and 9 more, see the page" in line or "more, see the page" in line for line in lines(report))


def test_compressed_images_are_read_and_their_crops_measured(lab):
    for key, seed in lab.images.items():
        tifffile.imwrite(lab.path(*key), drawn(seed), compression="lzw")
    lab.written = True
    report = lab.check()
    assert not report.failed and 0 < report.cost.store_bytes < 16 * 5 * 96 * 96 * 1.1


def test_pixels_of_another_type_are_read_as_the_screen_declares_them(lab):
    for key, seed in list(lab.images.items()):
        lab.images[key] = (drawn(seed) / 4095).astype(np.float32)
    one_line(lab.check(), "error", "16 of 16 decoded fields would be left out", "float32")
    report = lab.check({"images": {"range": [0, 1]}})
    assert said(report) == [] and report.facts["Decoded"] == "all 16 fields (80 images)"
    one_line(lab.check({"images": {"range": {"P1": [0, 1]}}}), "error", "has no plate P2", "add it")


def test_an_illumination_function_is_estimated_from_the_plate_whatever_the_sample(tmp_path):
    wells = {f"{row}{c:02d}": treatment for row, treatment in (("A", "DMSO"), ("B", "X")) for c in range(1, 11)}
    lab = Lab(tmp_path, plates=("P1",), wells=wells)
    assert said(lab.check({"images": {"illumination": "estimate"}}, sample=2)) == []


def test_too_few_fields_for_an_illumination_function_are_said(lab):
    one_line(lab.check({"images": {"illumination": "estimate"}}), "error", "estimate needs 16 fields", "give the .npy")
