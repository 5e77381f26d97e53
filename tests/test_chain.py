"""A screen prepared without a workflow: the same bytes, once only, and on from where it was killed."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cwamsn import chain
from cwamsn.crops import CropOptions
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import parse_spec
from cwamsn.screen_specs.argument import screen_from_argument
from cwamsn.studies.screens import make_screen
from cwamsn.vocabulary import BRAY_STAINS
from tests.lab import STAINS, write_lab
from tests.workflow.chain import ROOT, snakemake

OPTIONS = CropOptions(channels=list(STAINS))
COMPARED = ("wells.parquet", "crops.parquet", "qc.parquet", "statistics.json", "source.json", "fields", "crops")


def contents(screen: Path, names=COMPARED) -> dict[str, bytes]:
    """Bytes of a screen's files, by name."""
    found = [path for name in names for path in [screen / name, *(screen / name).rglob("[!.]*")] if path.is_file()]
    return {str(path.relative_to(screen)): path.read_bytes() for path in found}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    (tmp_path / "lab").mkdir()
    table = write_lab(tmp_path / "lab")
    monkeypatch.chdir(tmp_path)
    return screen_from_argument(table, platemap=table.with_name("platemap.csv"))


@pytest.fixture
def units_written(monkeypatch):
    """Names of the units whose crops are written in this process."""
    names, original = [], chain.write_crops
    monkeypatch.setattr(chain, "write_crops", lambda unit, *a, **k: (names.append(unit.name), original(unit, *a, **k)))
    return names


@pytest.mark.slow
def test_a_simulated_screen_has_the_bytes_of_the_stages(tmp_path):
    section = {"source": "simulated-bray", "field_height": 64, "field_width": 64, "cell_diameter": 14, "sites": 1}
    section |= {"plate_rows": 4, "plate_columns": 6, "compounds": 20, "seed": 3}
    crops = {"channels": list(BRAY_STAINS)}
    naive = make_screen("s", section, {"crops": crops, "channel_maps": {}}, tmp_path / "naive")
    options = CropOptions.from_config(crops)
    ours = chain.prepare_screen("s", parse_spec(section), tmp_path / "ours", crops=options, jobs=2)
    names = ("wells.parquet", "crops.parquet", "qc.parquet", "statistics.json", "crops")
    assert contents(ours.root, names) == contents(naive, names)


def test_any_number_of_processes_gives_the_same_bytes_and_leaves_no_raw_files(lab):
    one = chain.prepare_screen("s", lab, "one", crops=OPTIONS)
    two = chain.prepare_screen("s", lab, "two", crops=OPTIONS, jobs=2)
    more = chain.prepare_screen("s", lab, "more", crops=OPTIONS, jobs=5)  # two plates: two threads in each process
    assert contents(one.root) == contents(two.root) == contents(more.root)
    assert not list(one.root.glob("raw/*"))
    assert (two.root / "logs" / "P1.log").read_text().startswith("s P1: 16 fields")


def test_what_is_done_is_not_done_again_and_a_change_redoes_what_it_touches(lab, units_written):
    chain.prepare_screen("s", lab, "data", crops=OPTIONS)
    assert units_written == ["P1", "P2"]
    with collected() as first:
        chain.prepare_screen("s", lab, "data", crops=OPTIONS)
    assert units_written == ["P1", "P2"]
    image = Path(lab.load_data).parent / "images" / "P2" / "A01-1-DNA.tif"
    os.utime(image, ns=(1, 1))
    with collected() as second:
        chain.prepare_screen("s", lab, "data", crops=OPTIONS)
    assert units_written == ["P1", "P2", "P2"]
    assert first == second  # what was noted stays noted
    chain.prepare_screen("s", lab, "data", crops=replace(OPTIONS, black_level=100))
    assert units_written[3:] == ["P1", "P2"]
    chain.prepare_screen("s", replace(lab, plates=["P1"]), "data", crops=replace(OPTIONS, black_level=100))
    assert units_written[5:] == []
    assert (ScreenPaths(Path("data/s")).crops).exists()


def test_a_plate_map_that_changes_one_plate_leaves_the_crops_of_the_other(lab, units_written):
    folder = Path(lab.load_data).parent
    for plate in ("P1", "P2"):
        (folder / f"{plate}.csv").write_bytes((folder / "platemap.csv").read_bytes())
    spec = replace(lab, platemap=str(folder / "{plate}.csv"))
    chain.prepare_screen("s", spec, "data", crops=OPTIONS)
    other = (folder / "P2.csv").read_text().replace("X2", "X9")
    (folder / "P2.csv").write_text(other)
    chain.prepare_screen("s", spec, "data", crops=OPTIONS)
    assert units_written == ["P1", "P2", "P2"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_wrong_with_the_input_is_one_line(lab, jobs):
    with pytest.raises(InputError, match="channel 'Actin' needs stain 'Actin', the screen has DNA, RNA"):
        chain.prepare_screen("s", lab, "data", crops=CropOptions(channels=["Actin"]), jobs=jobs)
    with pytest.raises(InputError, match="give 1 or more"):
        chain.prepare_screen("s", lab, "data", crops=OPTIONS, jobs=0)


KILLED = """
import sys, time
from cwamsn import chain
from cwamsn.crops import CropOptions
from cwamsn.screen_specs.argument import screen_from_argument
write = chain._write_unit
def slow(screen, name, *a, **k):
    if name == "P2":
        time.sleep(60)
    write(screen, name, *a, **k)
chain._write_unit = slow
spec = screen_from_argument(sys.argv[1], platemap=sys.argv[2])
chain.prepare_screen("s", spec, "killed", crops=CropOptions(channels=sys.argv[3].split(",")))
"""


def test_a_killed_call_goes_on_where_it_was(lab, units_written):
    command = [sys.executable, "-c", KILLED, lab.load_data, lab.platemap, ",".join(STAINS)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    mark = Path("killed/s/done/P1.json")
    while not mark.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = chain.prepare_screen("s", lab, "killed", crops=OPTIONS)
    assert units_written == ["P2"]
    whole = chain.prepare_screen("s", lab, "whole", crops=OPTIONS)
    assert contents(killed.root) == contents(whole.root)


def test_progress_says_the_time_left(capsys):
    now = [0.0]
    pace = chain._FieldPace(2, clock=lambda: now[0])
    for done in range(1, 11):
        now[0] += 1
        pace("P1", done, 10)
    pace.finish("P1")
    assert capsys.readouterr().out == "crops: 0 of 2 plates, 5 fields, 1 fields per second, 15 s left\n"


@pytest.mark.slow
def test_the_workflow_makes_the_same_bytes(lab, tmp_path):
    entry = {"source": "load-data", "load_data": lab.load_data, "platemap": lab.platemap}
    own = {
        "run": "w",
        "methods": ["random"],
        "evaluate": {"s": ["replicate_map"]},
        "training_screen": None,
        "paths": {"data": "data"},
    }
    own |= {"screens": {"s": entry | {"channels": {s: s for s in STAINS}}}, "crops": {"channels": list(STAINS)}}
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(own, sort_keys=False))
    snakemake(tmp_path, "crops", config=path)
    ours = chain.prepare_screen("s", lab, "ours", crops=OPTIONS)
    assert contents(ours.root) == contents(tmp_path / "data" / "s")
