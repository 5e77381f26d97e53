"""Measurements run by hand: what they import is held here, and that the one of a GPU runs on the CPU too."""

import json
import math
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from torch.autograd import DeviceType

from bench.gpu_parts import child, clock, follow
from bench.gpu_parts.busy import device_seconds
from bench.gpu_parts.figures import Figure, lines
from bench.gpu_parts.machine import peak_tflops
from bench.gpu_parts.parts import Part

# A child that takes its parts as their names say.
CHILD = """
import json, os, sys, time
job = json.loads(open(sys.argv[1]).read())
results = open(job["results"], "a")
def tell(**event): print(json.dumps(event), file=results, flush=True)
for name in job["parts"]:
    tell(part=name, started=time.time())
    tell(part=name, figure={"name": os.environ.get("OWN", "none")})
    if name == "crashes":
        print("the device is gone", flush=True)
        os._exit(3)
    if name == "hangs":
        time.sleep(600)
    tell(part=name, seconds=1.0)
    if name == "fails after its end":
        os._exit(4)
"""


def test_every_measurement_imports(root):
    modules = ", ".join(f"bench.{path.stem}" for path in sorted((root / "bench").glob("[!_]*.py")))
    found = subprocess.run([sys.executable, "-c", f"import {modules}"], cwd=root, capture_output=True, text=True)
    assert not found.returncode, found.stderr[-500:]


def test_a_part_that_crashes_or_hangs_costs_no_other(tmp_path, monkeypatch):
    (tmp_path / "child.py").write_text(CHILD)

    def start(job, log, own):
        command = [sys.executable, str(tmp_path / "child.py"), str(job)]
        with log.open("ab") as output:
            return subprocess.Popen(command, env={**os.environ, **own}, stdout=output, start_new_session=True)

    monkeypatch.setattr(follow, "_start", start)
    found, shown = {}, []
    names = ["first", "crashes", "hangs", "fails after its end", "alone", "last"]
    follow.run_parts(
        names,
        {"folder": str(tmp_path)},
        lambda name: 3 if name == "hangs" else 60,
        found,
        lambda name, entry: shown.append(name),
        lambda name: {"OWN": "yes"} if name == "alone" else {},
    )
    assert shown == names
    errors = {name: entry["error"] for name, entry in found.items() if "error" in entry}
    assert errors == {
        "crashes": "its process ended with status 3; the device is gone",
        "hangs": "took more than 3 s; the device is gone",
    }
    assert {name: [f["name"] for f in entry["figures"]] for name, entry in found.items()} == {
        name: ["yes" if name == "alone" else "none"] for name in names
    }


def test_a_process_that_never_speaks_is_no_endless_loop(tmp_path, monkeypatch):
    def start(job, log, own):
        with log.open("ab") as output:
            return subprocess.Popen([sys.executable, "-c", "exit(2)"], stdout=output, start_new_session=True)

    monkeypatch.setattr(follow, "_start", start)
    found = {}
    follow.run_parts(["a", "b"], {"folder": str(tmp_path)}, lambda name: 60, found)
    assert [entry["error"] for entry in found.values()] == ["its process ended with status 2; it printed nothing"] * 2


def test_a_figure_says_whether_it_is_as_wanted():
    assert Figure("x", 1.0).holds is None and Figure("x", "word", at_most=1).holds is None
    assert Figure("x", 1.0, at_most=1).holds and not Figure("x", 1.1, at_most=1).holds
    assert Figure("x", 5.0, at_least=5).holds and not Figure("x", math.nan, at_least=5).holds
    missed, failed = Figure("speed", 1.0, "times", at_least=5), Figure("equal", 2.0, at_most=1, equality=True)
    assert [line.split()[-1] for line in lines([missed, failed])] == ["missed", "HELD"]
    assert [line.split()[-1] for line in lines([missed, failed], small=True)] == ["5", "HELD"]


def event(name, start, end, device=DeviceType.CUDA, named=False):
    span = SimpleNamespace(start=start, end=end)
    return SimpleNamespace(name=name, device_type=device, time_range=span, is_user_annotation=named)


def test_the_time_that_a_device_is_busy_counts_overlaps_once_and_copies_apart():
    kernels = [event("gemm", 0, 2e6), event("softmax", 1e6, 3e6), event("add", 5e6, 6e6)]
    others = [event("Memcpy HtoD (Pinned -> Device)", 2e6, 5e6), event("aten::add", 0, 9e6, DeviceType.CPU)]
    others += [event("Optimizer.step#AdamW.step", 0, 9e6, named=True)]
    assert device_seconds(kernels + others) == (pytest.approx(4), pytest.approx(6), 3)
    assert device_seconds([]) == (0, 0, 0)


def test_time_on_a_gpu_is_that_between_two_events_and_waits_for_them_alone(monkeypatch):
    told = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            told.append("record")

        def synchronize(self):
            told.append("wait")

        def elapsed_time(self, end):
            return 40.0 * told.count("call")  # milliseconds

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: told.append("synchronise"))
    assert clock.elapsed(lambda: told.append("call"), 3, torch.device("cuda:0")) == pytest.approx(0.12)
    assert told == ["synchronise", "record", "call", "call", "call", "record", "wait"]


def test_a_part_for_which_no_time_is_left_is_skipped_and_an_error_is_a_line(tmp_path, monkeypatch):
    def fails(case):
        yield Figure("before", 1.0)
        raise ValueError("no\nluck")

    monkeypatch.setattr(child, "PARTS", {"long": Part(fails, "", 100), "fails": Part(fails, "", 0)})
    monkeypatch.setattr(child, "end_with", lambda parent: None)
    job = {"folder": str(tmp_path), "device": "cpu", "small": False, "seconds": 1, "deadline": time.time() + 50}
    job |= {"parts": ["long", "fails"], "results": str(tmp_path / "results")}
    (tmp_path / "job").write_text(json.dumps(job))
    child.main(str(tmp_path / "job"))
    events = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]
    assert events[0]["skipped"].startswith("needs about 100 s, ") and events[0]["part"] == "long"
    assert [e["error"] for e in events if "error" in e] == ["ValueError: no luck"]
    assert [e["figure"]["name"] for e in events if "figure" in e] == ["before"] and "seconds" in events[-1]


def test_peaks_are_those_of_the_card_that_is_named():
    assert peak_tflops("NVIDIA H100 80GB HBM3", "bfloat16") == 989
    assert peak_tflops("NVIDIA H100 PCIe", "tf32") == 378
    assert peak_tflops("NVIDIA TITAN RTX", "float16") == 130 and peak_tflops("NVIDIA TITAN RTX", "tf32") is None
    assert peak_tflops("AMD EPYC", "float32") is None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_measurement_of_a_gpu_runs_on_the_cpu(root, tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "bench.gpu", "--device", "cpu", "--folder", tmp_path, "--json", report]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=590)
    assert not told.returncode, told.stdout[-2000:] + told.stderr[-2000:]
    parts = json.loads(report.read_text())["parts"]
    assert set(parts) == {
        "machine", "equality", "views", "step", "busy", "loader", "plain", "embedding", "precisions", "deterministic",
        "resume", "processes", "compile",
    }  # fmt: skip
    assert {name for name, part in parts.items() if "skipped" in part} == {"busy", "compile"}
    for name, part in parts.items():
        assert "error" not in part and (part["figures"] or "skipped" in part), name
        assert all(isinstance(f["value"], str) or math.isfinite(f["value"]) for f in part["figures"]), name
        assert all(f["holds"] for f in part["figures"] if f["equality"]), name
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]  # nothing temporary is left
