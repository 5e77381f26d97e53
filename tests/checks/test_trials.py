"""Inputs from public reports that earlier versions took without a word, or found late: a check finds each first."""

import runpy
import shutil
import sys

import pytest
import yaml

from cwamsn.checks import check_screen
from cwamsn.screen_specs import parse_spec
from tests.checks.plates import said
from tests.conftest import SHARED, _needs

# What is found (level, parts of the line); None: it is read as it should be, and the check says so.
TRIALS = {
    "tiff_thumbnail_first": None,
    "tiff_palette": ("error", "16 of 16 decoded fields", "a colour map (palette)", "save it as grey"),
    "uint16_offset_32768": ("warning", "high floor: plate P1 5 of 5 fields", "set crops.black_level to it"),
    "hot_pixels": ("warning", "dim: plate P2 8 of 8 fields", "hot pixels? crops.saturated_share can help"),
    "tail_of_plane_zero": ("error", "P1-B01-1: broken off: the last 31.2 of 128 rows of ER", "copy or export"),
    "bigtiff": None,
    "ome_multifile_lzw": None,
    "one_file_two_channels": ("error", "AGP and Mito name the same file in 16 of 16 fields", "correct the column"),
    "plate_under_two_names": ("error", "8 fields name the files of another plate (plate P2 those of P1)", "keep one"),
    "barcode_in_two_batches": ("error", "plate BR1 has 2 values of Metadata_Batch", "correct them, or give plates"),
    "batch_differs_within_plate": ("error", "plate P1 has 2 values of Metadata_Batch", "correct them, or give plates"),
    "plate_images_elsewhere": ("error", "plate P2: none of its 8 fields can be used", "looked for /home/ubuntu/bucket"),
    "all_paths_foreign": ("error", "2 plates alike", "looks like a Windows path", "path_map"),
    "load_data_header_only": ("error", "has no row below its header; fill it in"),
    "gs_url": ("error", "16 of 16 decoded fields", "storage.googleapis.com/bucket/images/P1_A01_s1_DNA.tif"),
    "plate_named_dotdot": ("error", "plate '..' cannot name a file"),
    "yaml_plate_ids": ("error", "YAML reads 20210727_1 as the number 202107271: quote it"),
    "control_lower_case": ("warning", "4 wells are controls though broad_sample is written 'dmso'"),
    "batch_of_a_compound": ("warning", "several salts or batches", "compound_pattern"),
    "platemap_blank_tail": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def trials():
    return _needs(SHARED / "trials")


@pytest.fixture
def made(trials, tmp_path, monkeypatch):
    """Call with the name of a trial: makes its inputs below a folder of the test and returns the screen's keys."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("CWAMSN_SHARED", str(SHARED))

    def make(name):
        shutil.copyfile(trials / "lib.py", tmp_path / "lib.py")
        (tmp_path / name).mkdir()
        shutil.copyfile(trials / name / "make.py", tmp_path / name / "make.py")
        runpy.run_path(str(tmp_path / name / "make.py"))
        (section,) = yaml.safe_load((tmp_path / name / "config.yaml").read_text())["screens"].values()
        return section

    yield make
    sys.modules.pop("lib", None)


@pytest.mark.parametrize("name", TRIALS)
def test_a_trial_is_found_before_anything_long_runs(made, name):
    report = check_screen(parse_spec(made(name)), name=name)
    if TRIALS[name] is None:
        assert said(report) == [] and report.facts["Pictures"].startswith("128 x 128 pixels")
        assert report.facts["Decoded"] == "all 16 fields (80 images)"
        return
    level, *parts = TRIALS[name]
    lines = said(report, level)
    assert any(all(part in line for part in parts) for line in lines), "\n".join(said(report))
    assert report.failed == any(said(report, "error")) and all("\n" not in line for line in lines)


def test_every_trial_of_a_screen_is_tried(trials):
    kinds = {f.name: (f / "KIND").read_text().strip() for f in trials.iterdir() if (f / "KIND").exists()}
    assert {name for name, kind in kinds.items() if kind == "screen"} == set(TRIALS)
