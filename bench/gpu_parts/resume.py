"""Kill a training and start it again: it ends with the weights of one that nobody disturbed."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from safetensors.torch import load_file

from bench.gpu_parts.case import Case
from bench.gpu_parts.figures import Figure
from cwamsn.paths import ModelPaths

WAIT = 150  # seconds for a training to write its first checkpoint, and to end


def measure(case: Case) -> Iterator[Figure]:
    sent = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM}
    with ThreadPoolExecutor(3) as pool:  # side by side: most of the time is the start of the processes
        whole = pool.submit(_undisturbed, case)
        others = {name: pool.submit(_disturbed, case, name, number) for name, number in sent.items()}
        wanted = load_file(ModelPaths(whole.result()).weights)
        for name, future in others.items():
            out, ended, resumed = future.result()
            found = load_file(ModelPaths(out).weights)
            off = max(float((found[key].double() - wanted[key].double()).abs().max()) for key in wanted)
            yield Figure(f"{name}: seconds until the process had ended", ended, "s")
            yield Figure(f"{name}: resumed after step", float(resumed))
            yield Figure(f"{name}: largest difference of a weight in the end", off, "", at_most=0, equality=True)


def _undisturbed(case: Case) -> Path:
    out = case.folder / "undisturbed"
    process, log = _start(case, out, checkpoint_minutes=60)
    _ended(process, log)
    return out


def _disturbed(case: Case, name: str, number: int) -> tuple[Path, float, int]:
    """Folder of the training; seconds from the signal to its end; the step after which it was resumed."""
    out = case.folder / name
    process, log = _start(case, out, checkpoint_minutes=0)
    deadline = time.monotonic() + WAIT
    while not (out / "checkpoint" / "last.pt").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    if process.poll() is not None:
        raise RuntimeError(f"the training ended before it could be killed: {_last_line(log)}")
    start = time.perf_counter()
    process.send_signal(number)
    process.wait(WAIT)
    ended = time.perf_counter() - start
    process, log = _start(case, out, checkpoint_minutes=60)
    _ended(process, log)
    resumed = re.search(r"resumed after step (\d+)", log.read_text())
    if not resumed:
        raise RuntimeError(f"the training was not resumed: {_last_line(log)}")
    return out, ended, int(resumed[1])


def _start(case: Case, out: Path, checkpoint_minutes: float) -> tuple[subprocess.Popen[bytes], Path]:
    out.mkdir(exist_ok=True)
    changes = {"steps": 80 if case.small else 12, "log_every": 100, "deterministic": True}
    changes |= {"batch_size": 8 if case.small else 16, "checkpoint_minutes": checkpoint_minutes}
    recipe = case.recipe(device=str(case.device), **changes)
    job, log = out / "job.json", out / "output.txt"
    about = {"screen": str(case.screen.root), "out": str(out), "device": str(case.device)}
    job.write_text(json.dumps({"recipe": recipe.to_config(), **about}))
    command = [sys.executable, "-m", "bench.gpu_parts.training_job", str(job)]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT), log


def _ended(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.wait(WAIT):
        raise RuntimeError(f"the training ended with status {process.returncode}: {_last_line(log)}")


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["it printed nothing"])[-1]
