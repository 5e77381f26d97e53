"""What a stage says about its result reaches the terminal, the log and the output `notes`."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from cwamsn.errors import InputError
from cwamsn.notes import collected, note, read_notes
from workflow_scripts._job import job


class Outputs(dict):
    """Snakemake's named outputs, as far as a script's surroundings use them."""


def a_job(folder: Path, **outputs):
    return SimpleNamespace(rule="align", wildcards=["cwa-msn", "0"], log=[str(folder / "log")], output=Outputs(outputs))


def test_a_note_stands_on_the_terminal_in_the_log_and_in_the_output(tmp_path, capfd):
    with job(a_job(tmp_path, notes=tmp_path / "notes.json")):
        note("179 of 512 dimensions are left")
        note("179 of 512 dimensions are left")
        logging.getLogger("cwamsn.alignment").warning("two controls")
    assert capfd.readouterr().err.splitlines() == [
        "align cwa-msn 0: note: 179 of 512 dimensions are left",
        "align cwa-msn 0: note: two controls",
    ]
    assert "two controls" in (tmp_path / "log").read_text()
    assert read_notes([tmp_path / "notes.json"]) == ["179 of 512 dimensions are left", "two controls"]


def test_after_a_job_warnings_go_where_they_went_before(tmp_path):
    before = logging.root.handlers[:], logging.root.level
    with job(a_job(tmp_path)):
        assert logging.root.handlers != before[0]
    assert (logging.root.handlers, logging.root.level) == before


def test_a_job_without_notes_leaves_an_empty_list_and_a_failed_one_nothing(tmp_path, capfd):
    with job(a_job(tmp_path, notes=tmp_path / "none.json")):
        pass
    assert json.loads((tmp_path / "none.json").read_text()) == []
    with pytest.raises(SystemExit), job(a_job(tmp_path, notes=tmp_path / "failed.json")):
        note("seen before the fault")
        raise InputError("e.csv: row 3: text in a feature")
    assert not (tmp_path / "failed.json").exists()
    assert "align: e.csv: row 3: text in a feature" in capfd.readouterr().err


def test_ctrl_c_leaves_a_line_in_the_log_and_no_traceback(tmp_path, capfd):
    with pytest.raises(SystemExit) as stopped, job(a_job(tmp_path)):
        raise KeyboardInterrupt
    assert stopped.value.code == 130 and stopped.value.__cause__ is None
    assert (tmp_path / "log").read_text() == "align: stopped by Ctrl-C\n"
    assert capfd.readouterr() == ("", "")


def test_notes_of_one_collection_do_not_reach_the_next():
    with collected() as first:
        note("one")
    with collected() as second:
        note("two")
    assert (first, second) == (["one"], ["two"])
