"""Signs of life of a long job: in its log, and on the terminal where there is one."""

import os
import types

from cwamsn import live
from cwamsn.live import Pace, duration, say
from workflow_scripts._job import job


def test_a_line_comes_soon_and_then_every_half_minute(capsys, monkeypatch):
    monkeypatch.delenv(live.TERMINAL, raising=False)
    now = [0.0]
    pace = Pace(400, done=100, clock=lambda: now[0])
    for step in range(101, 401):
        now[0] += 0.5
        pace(step, 64, {"loss": 2.34567})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "step 110 of 400, loss 2.346, 128 images per second, 2 min left"
    assert [line.split()[1] for line in lines] == ["110", "170", "230", "290", "350"]
    assert lines[-1].endswith("128 images per second, 25 s left")


def test_a_time_left_is_short():
    assert [duration(x) for x in (9.6, 59, 90, 3599, 12060)] == ["10 s", "59 s", "2 min", "1 h 0 min", "3 h 21 min"]


def test_a_line_reaches_log_and_terminal_and_the_terminal_is_told_whose_it_is(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv(live.TERMINAL, str(tmp_path / "terminal"))
    monkeypatch.setenv(live.JOB, "train cwa-msn 0")
    (tmp_path / "terminal").touch()
    say("step 5 of 9")
    assert capsys.readouterr().out == "step 5 of 9\n"
    assert (tmp_path / "terminal").read_text() == "train cwa-msn 0: step 5 of 9\n"
    monkeypatch.setenv(live.TERMINAL, str(tmp_path / "closed" / "terminal"))
    say("step 6 of 9")
    assert live.TERMINAL not in os.environ


def test_a_job_shows_its_life_on_the_terminal_of_the_workflow(monkeypatch, tmp_path):
    master, slave = os.openpty()
    for name in (live.TERMINAL, live.JOB):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("sys.stderr", os.fdopen(slave, "w"))
    log = tmp_path / "log"
    with job(types.SimpleNamespace(rule="train", wildcards=["cwa-msn", "0"], log=[str(log)], output={})):
        say("step 5 of 9")
    assert log.read_text() == "step 5 of 9\n"
    assert os.read(master, 100) == b"train cwa-msn 0: step 5 of 9\r\n"
    os.close(master)
    monkeypatch.setattr("sys.stderr", (tmp_path / "no terminal").open("w"))
    with job(types.SimpleNamespace(rule="train", wildcards=[], log=[str(log)], output={})):
        assert live.TERMINAL not in os.environ
