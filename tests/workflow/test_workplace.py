"""Locks of a killed run: removed where nothing of it can still run, left alone in every other case."""

import platform
import subprocess
import sys

import psutil
import pytest

from cwamsn.files import write_json
from cwamsn.workplace import release


@pytest.fixture
def folder(tmp_path):
    """A working directory with the locks of some run."""
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    for kind in ("input", "output"):
        (tmp_path / ".snakemake" / "locks" / f"0.{kind}.lock").write_text("results/demo/scores.parquet\n")
    return tmp_path


def a_run(folder, **changed):
    """Record a run that is dead and was on this machine alone, but for what is `changed`."""
    record = {"host": platform.node(), "pid": 2**22 + 1, "started": 0.0, "local": True} | changed
    (folder / ".snakemake" / "runs").mkdir(exist_ok=True)
    write_json(record, folder / ".snakemake" / "runs" / f"{record['host']}-{record['pid']}.json")


def locks(folder):
    return sorted(p.name for p in (folder / ".snakemake" / "locks").glob("*"))


def test_the_locks_of_a_run_that_was_killed_here_are_removed(folder):
    a_run(folder)
    assert "an earlier run was killed" in release(folder)
    assert locks(folder) == [] and not list((folder / ".snakemake" / "runs").glob("*"))
    assert release(folder) is None


def test_a_process_number_that_another_process_has_by_now_is_a_dead_run(folder):
    a_run(folder, pid=psutil.Process().ppid(), started=1.0)
    assert "its locks are removed" in release(folder)


@pytest.mark.parametrize(
    "run",
    [
        {"host": "another-node"},
        {"pid": psutil.Process().ppid(), "started": psutil.Process(psutil.Process().ppid()).create_time()},
    ],
    ids=["on another machine", "alive"],
)
def test_the_locks_of_a_run_that_may_go_on_stay(folder, run):
    a_run(folder)
    a_run(folder, **run)
    assert release(folder) is None
    assert len(locks(folder)) == 2


def test_a_run_that_ends_while_its_record_is_read_is_no_error(folder, monkeypatch):
    a_run(folder)

    def gone(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr("cwamsn.workplace.read_json", gone)
    assert release(folder) is None


def test_locks_that_nobody_has_recorded_stay(folder):
    assert release(folder) is None
    assert len(locks(folder)) == 2


def test_a_killed_run_on_a_cluster_may_have_jobs_in_the_queue(folder):
    a_run(folder, local=False)
    assert "snakemake --unlock" in release(folder)
    assert len(locks(folder)) == 2


def test_jobs_that_outlive_their_run_are_named(folder, root):
    a_run(folder)
    job = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", ".snakemake/scripts/tmp.train.py"]
    with subprocess.Popen(job, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as orphan:
        orphan.stdout.readline()
        parent = subprocess.run(
            [
                sys.executable,
                "-c",
                f"from cwamsn.workplace import release; print(release({str(folder)!r}, patience=0))",
            ],
            capture_output=True,
            text=True,
            cwd=root,
        )
        orphan.communicate(b"")
    assert f"jobs of it still run here (process {orphan.pid})" in parent.stdout
    assert len(locks(folder)) == 2
    assert "its locks are removed" in release(folder)


def test_jobs_that_are_about_to_end_are_waited_for(folder, monkeypatch):
    a_run(folder)
    seen = [[5], [5], []]
    monkeypatch.setattr("cwamsn.workplace.orphans", lambda _: seen.pop(0))
    assert "its locks are removed" in release(folder)
    assert seen == [] and locks(folder) == []


def test_a_run_is_recorded_while_it_lives(tmp_path, root):
    code = (
        "from cwamsn.workplace import begin; from pathlib import Path; begin('.', local=True); begin('.', local=False);"
        "print(next(Path('.snakemake/runs').glob('*')).read_text())"
    )
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert '"local": false' in said and platform.node() in said
    assert list((tmp_path / ".snakemake" / "runs").glob("*")) == []
