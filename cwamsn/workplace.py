"""Who runs in a working directory, so that a run that was killed does not stand in the way of the next one.

Snakemake's locks do not say whose they are. Each run therefore keeps a file in `.snakemake/runs/` while it lives:
machine, process, and whether its jobs run on this machine alone.
"""

import atexit
import os
import platform
import time
from pathlib import Path

import psutil

from cwamsn.files import read_json, write_json


def begin(folder: str | Path, local: bool) -> None:
    """Record this process as a run in `folder` until it ends; `local`: the jobs it starts run on this machine."""
    own = psutil.Process()
    path = _record(folder).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        atexit.register(path.unlink, missing_ok=True)
    write_json({"host": platform.node(), "pid": own.pid, "started": own.create_time(), "local": local}, path)


def _record(folder: str | Path) -> Path:
    return Path(folder) / ".snakemake" / "runs" / f"{platform.node()}-{os.getpid()}.json"


def release(folder: str | Path, patience: float = 10.0) -> str | None:
    """Remove the locks in `folder` if every run that may have left them was on this machine and is dead, jobs included.

    Returns the line to show: what was done, or why the locks stay though their run is dead; None where there is nothing
    to say. Locks without a record are left to `snakemake --unlock`. Jobs end by themselves soon after their run was
    killed (a training writes a checkpoint first): they are waited for, `patience` seconds at most.
    """
    locks = list((Path(folder) / ".snakemake" / "locks").glob("*.lock"))
    records = list((Path(folder) / ".snakemake" / "runs").glob("*.json"))
    found = {path: run for path in records if (run := _read(path))}
    runs = list(found.values())
    if not locks:
        for path, run in found.items():
            if run["host"] != platform.node() or not _alive(run):
                path.unlink(missing_ok=True)  # left by a kill between two runs' locks
        return None
    if not runs or any(run["host"] != platform.node() or _alive(run) for run in runs):
        return None
    if not all(run["local"] for run in runs):
        return "an earlier run was killed; when none of its jobs is in the queue any more: snakemake --unlock"
    deadline = time.monotonic() + patience
    while (pids := orphans(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if pids:
        return (
            f"an earlier run was killed but jobs of it still run here (process {', '.join(map(str, pids))}): wait for "
            "them or kill them, then start again"
        )
    for path in (*locks, *records):
        path.unlink(missing_ok=True)
    return (
        "an earlier run was killed and nothing of it runs any more: its locks are removed, this run goes on from there"
    )


def _read(path: Path) -> dict | None:
    """A record; None where its run has ended meanwhile."""
    try:
        return read_json(path)
    except FileNotFoundError:
        return None


def _alive(run: dict) -> bool:
    try:
        process = psutil.Process(run["pid"])
        same = abs(process.create_time() - run["started"]) < 1  # process numbers come again
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def orphans(folder: str | Path) -> list[int]:
    """Processes of Snakemake jobs in `folder`, other than this process, its ancestors and its children."""
    own = psutil.Process()
    family = {own.pid, *(p.pid for p in own.parents()), *(p.pid for p in own.children(recursive=True))}
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            if process.pid in family or Path(process.cwd()).resolve() != Path(folder).resolve():
                continue
            command = process.cmdline()
        except (psutil.Error, OSError):
            continue  # gone, or another user's
        if command and Path(command[0]).name.startswith("python") and any(_job_like(word) for word in command[1:]):
            found.append(process.pid)
    return sorted(found)


def _job_like(word: str) -> bool:
    return any(part in word for part in ("snakemake", "workflow_scripts", "cwamsn.training"))
