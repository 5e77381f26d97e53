"""`cwamsn watch`."""

import json
import sys

import click
import pytest

from cwamsn.cli import watch
from cwamsn.cli.main import main
from tests.test_progress import write


@pytest.fixture
def run(tmp_path):
    write(tmp_path / "models" / "a" / "seed0", 6.0, 5.0)
    write(tmp_path / "models" / "b" / "seed0", 6.0, running=False, steps=50)
    return tmp_path


def test_one_look_in_words_and_as_json(run, capsys):
    assert main(["watch", str(run)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("a/seed0: step 100 of 10,000") and "\nb/seed0: step 50 of 50 (100%)\n" in out
    assert main(["watch", str(run), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["trainings"]
    assert first["prototypes"] == 1024 and not first["finished"] and second["finished"]


def test_where_no_training_has_begun_one_line_says_so(tmp_path, capsys):
    assert main(["watch", str(tmp_path)]) == 1
    assert "no training has begun there" in capsys.readouterr().err


def test_on_a_terminal_it_looks_until_every_training_has_ended(run, capsys, monkeypatch):
    looks = []

    def end(seconds):
        looks.append(seconds)
        write(run / "models" / "a" / "seed0", 6.0, 5.0, running=False)
        (run / "models" / "a" / "seed0" / "progress.json").unlink()

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(watch.time, "sleep", end)
    monkeypatch.setattr(click, "clear", lambda: None)
    assert main(["watch", str(run), "--every", "2"]) == 0
    out, err = capsys.readouterr()
    assert looks == [2.0] and "Finished: the loss" in out and "a/seed0: step 100" in err


def test_ctrl_c_leaves_the_view_and_not_the_trainings(run, capsys, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(watch.time, "sleep", interrupt)
    assert main(["watch", str(run)]) == 0
    assert "a/seed0: step 100" in capsys.readouterr().out
