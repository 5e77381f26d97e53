"""Runs parts in child processes: what fails, hangs or loses the device costs one part, not the others."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STARTING = 120  # seconds that a child may take until it begins its first part
Found = dict[str, dict[str, Any]]


def run_parts(
    names: Sequence[str],
    job: Mapping[str, Any],
    limit: Callable[[str], float],
    found: Found,
    show: Callable[[str, dict[str, Any]], None] = lambda name, entry: None,
    environment: Callable[[str], Mapping[str, str]] = lambda name: {},
) -> None:
    """Put what each part found into `found`: `figures`, `seconds`, and `skipped` or `error` with a line.

    job : what a child reads, but for `parts` and `results`; `deadline` is a time of day in seconds.
    limit : seconds that a part may take before its process is killed.
    show : called with each part that has ended.
    environment : variables that a part's process must have from its start; parts in a row that agree share a process.
    """
    waiting = list(names)
    while waiting:
        own, these = next(groupby(waiting, environment))
        events = _Events(Path(job["folder"]) / f"results-{len(waiting)}.jsonl")
        path = events.path.with_suffix(".job")
        path.write_text(json.dumps({**job, "parts": list(these), "results": str(events.path)}))
        log = Path(job["folder"]) / "child.log"
        process = _start(path, log, own)
        try:
            reason = _follow(process, events, limit, found, show)
        finally:
            _kill(process)
        _end_of(events, found, show)
        left = [name for name in waiting if "seconds" not in found.get(name, {})]
        # a process that failed between two parts costs none; one that has not ended any costs the first
        if events.current or len(left) == len(waiting):
            lost = events.current or left[0]
            entry = found.setdefault(lost, {"figures": []})
            began = entry.pop("started", time.time())
            entry |= {"error": f"{reason or 'its process said nothing'}; {_tail(log)}", "seconds": time.time() - began}
            show(lost, entry)
            left.remove(lost)
        waiting = left


class _Events:
    """Lines that a child appends to its file, each once."""

    def __init__(self, path: Path):
        self.path, self.current, self._read = path, "", 0
        path.write_text("")

    def new(self) -> list[dict[str, Any]]:
        text = self.path.read_text()[self._read :]
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def _follow(
    process: subprocess.Popen[bytes], events: _Events, limit: Callable[[str], float], found: Found, show: Callable
) -> str:
    """Wait for the end of the child; why it did not end well, or nothing."""
    began = time.time()
    while process.poll() is None:
        time.sleep(0.1)
        _end_of(events, found, show)
        entry = found.get(events.current)
        if entry is None:
            if time.time() - began > STARTING:
                return f"its process did not begin within {STARTING} s"
        elif "seconds" in entry:
            began = time.time()
            events.current = ""
        elif time.time() - entry["started"] > limit(events.current):
            return f"took more than {limit(events.current):.0f} s"
    return "" if process.returncode == 0 else f"its process ended with status {process.returncode}"


def _end_of(events: _Events, found: Found, show: Callable) -> None:
    """Take in what the child has told since the last call."""
    for event in events.new():
        name = event.pop("part")
        entry = found.setdefault(name, {"figures": []})
        if "figure" in event:
            entry["figures"].append(event["figure"])
        else:
            entry |= event
        if "started" in event:
            events.current = name
        if "seconds" in event or ("skipped" in event and "started" not in entry):
            entry.setdefault("seconds", 0.0)
            entry.pop("started", None)
            events.current = "" if events.current == name else events.current
            show(name, entry)


def _start(job: Path, log: Path, own: Mapping[str, str]) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        **own,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    environment.setdefault("OMP_NUM_THREADS", "1")
    command = [sys.executable, "-m", "bench.gpu_parts.child", str(job)]
    with log.open("ab") as output:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started, which are its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it printed nothing"
