"""Whole trainings on a tiny crop store: files, log, resuming, and what stops a run."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cwamsn.errors import InputError, TrainingStopped
from cwamsn.models.precision import resolve_precision
from cwamsn.progress import progress_of
from cwamsn.training import checkpoint, launch, loop, restore_encoder, train, trainer
from cwamsn.training.stopping import stop_requests
from tests.training.tiny import ROOT, recipe, wells_frame, write_store

KILLED = """
import json, sys
from pathlib import Path
from cwamsn.progress import progress_of
from cwamsn.paths import ScreenPaths
from cwamsn.training import Recipe, train
recipe, screen, out = sys.argv[1:]
train(Recipe.from_config(json.loads(recipe)), ScreenPaths(Path(screen)), Path(out), seed=0, threads=1)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store"))


def run(folder, store, seed=0, **changes):
    train(recipe(**changes), store, folder, seed=seed, threads=1)
    return load_file(folder / "encoder.safetensors")


def rows(folder):
    with (folder / "log.csv").open() as handle:
        return list(csv.DictReader(handle))


def equal(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_a_training_leaves_its_files(tmp_path, store, capsys):
    weights = run(tmp_path / "a", store)
    assert equal(weights, run(tmp_path / "b", store))
    assert not equal(weights, run(tmp_path / "c", store, seed=1))
    description = json.loads((tmp_path / "a" / "encoder.json").read_text())
    assert description["recipe"] == recipe().to_config() and description["steps"] == 6 and description["seed"] == 0
    assert description["channels"] == list("abcde") and description["input_size"] == 32
    assert description["counts"]["control_crops_dropped"] == 16 and description["counts"]["perturbations"] == 12
    assert len(description["data_sha256"]["crops"]) == 64
    assert description["precision"] == resolve_precision("auto", torch.device("cpu"))
    assert description["attention"] == ("fused" if description["precision"] == "float32" else "eager")
    assert recipe().run.precision == recipe().run.attention == "auto"
    assert f"precision {description['precision']}, attention {description['attention']}, on " in capsys.readouterr().out
    log = rows(tmp_path / "a")
    assert [row["step"] for row in log] == ["2", "4", "6"]
    assert float(log[0]["same_position"]) == 1 and float(log[0]["same_well"]) == 0 == float(log[0]["same_plate"])
    assert {"loss", "me_max", "prototype_use", "lr", "images_per_second", "gpu_memory_mb"} <= log[0].keys()
    assert list((tmp_path / "a" / "events").glob("events.out.tfevents.*"))
    assert not (tmp_path / "a" / "checkpoint").exists() and not (tmp_path / "a" / "progress.json").exists()


def test_training_changes_the_anchor_and_drags_the_target(tmp_path, store):
    before = run(tmp_path / "untrained", store, epochs=0)
    after = run(tmp_path / "trained", store, sinkhorn_iterations=0, start_momentum=0.5)
    name = "encoder.vit.blocks.0.attn.qkv.weight"
    assert torch.equal(before[f"anchor.{name}"], before[f"target.{name}"])
    moved = {b: (after[f"{b}.{name}"] - before[f"{b}.{name}"]).norm() for b in ("anchor", "target")}
    assert 0 < moved["target"] < moved["anchor"]
    assert not torch.equal(before["parts.prototypes.weight"], after["parts.prototypes.weight"])
    assert rows(tmp_path / "untrained") == []


def test_single_well_training_pairs_an_image_with_itself(tmp_path, store):
    run(tmp_path, store, target_from="image")
    assert all(float(row["same_well"]) == 1 for row in rows(tmp_path))


@pytest.mark.parametrize("network", ["target", "anchor"])
@pytest.mark.parametrize("feature,width", [("cls_last_block", 24), ("cls_norm", 24), ("head", 16)])
def test_an_encoder_is_restored(tmp_path, store, network, feature, width):
    weights = run(tmp_path, store)
    encoder, description = restore_encoder(tmp_path, network, feature)
    images = torch.randn(3, 5, 32, 48)
    assert encoder(images).shape == (3, width) and description["seed"] == 0
    assert torch.equal(encoder.encoder.vit.cls_token, weights[f"{network}.encoder.vit.cls_token"])
    assert not encoder.training and torch.equal(encoder(images[:1]), encoder(images[:1]))


def test_an_encoder_of_an_earlier_version_is_restored(tmp_path, store):
    """Its encoder.json lacks the keys that have been added since."""
    run(tmp_path, store, epochs=0)
    description = json.loads((tmp_path / "encoder.json").read_text())
    for key in ("attention", "target_view", "objective_options", "quarter_turns"):
        del description["recipe"][key]
    (tmp_path / "encoder.json").write_text(json.dumps(description))
    assert restore_encoder(tmp_path)[0](torch.randn(1, 5, 32, 32)).shape == (1, 24)


def test_damaged_weights_are_refused(tmp_path, store):
    run(tmp_path, store, epochs=0)
    description = json.loads((tmp_path / "encoder.json").read_text())
    description["channels"] = description["channels"][:4]
    (tmp_path / "encoder.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"does not fit its encoder\.json"):
        restore_encoder(tmp_path)
    (tmp_path / "encoder.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"encoder\.safetensors"):
        restore_encoder(tmp_path)


@pytest.mark.parametrize("precision,near", [("float32", 1e-9), ("bfloat16", 0.03), ("float16", 0.03)])
def test_every_precision_trains_to_nearly_the_same_weights(tmp_path, store, monkeypatch, precision, near):
    if precision == "float16":  # a scale at which no step is left out
        monkeypatch.setattr(trainer, "gradient_scaler", lambda *_: torch.amp.GradScaler("cpu", init_scale=256.0))
    exact = run(tmp_path / "exact", store, precision="float32")
    weights = run(tmp_path / precision, store, precision=precision)
    name = "anchor.encoder.vit.blocks.0.attn.qkv.weight"
    assert all(torch.isfinite(tensor.float()).all() for tensor in weights.values())
    assert (weights[name] - exact[name]).norm() <= near * exact[name].norm()
    assert json.loads((tmp_path / precision / "encoder.json").read_text())["precision"] == precision
    assert ("skipped_steps" in rows(tmp_path / precision)[0]) == (precision == "float16")


def test_float16_leaves_out_a_step_that_overflows_and_goes_on(tmp_path, store, monkeypatch):
    """With a scale that float16 cannot hold steps overflow until the scaler has halved it often enough."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**28)
    monkeypatch.setattr(trainer, "gradient_scaler", lambda *_: scaler)
    before = run(tmp_path / "untrained", store, epochs=0)
    after = run(tmp_path / "trained", store, precision="float16", steps=24)
    log = rows(tmp_path / "trained")
    assert float(log[0]["skipped_steps"]) == 1 and log[0]["gradient_norm"] == ""
    assert float(log[-1]["skipped_steps"]) == 0 < float(log[-1]["gradient_norm"]) < 1000
    assert not equal(before, after) and all(torch.isfinite(tensor.float()).all() for tensor in after.values())


def test_a_float16_training_whose_steps_all_overflow_leaves_no_encoder(tmp_path, store, monkeypatch):

    monkeypatch.setattr(trainer, "gradient_scaler", lambda *_: torch.amp.GradScaler("cpu", init_scale=2.0**100))
    with pytest.raises(TrainingStopped, match="every step overflowed in float16"):
        run(tmp_path, store, precision="float16")
    assert not (tmp_path / "encoder.safetensors").exists()


class Stopped(Exception):
    pass


@pytest.mark.parametrize("after", [1, 3, 5])
@pytest.mark.parametrize(
    "changes", [{}, {"precision": "float16"}, {"precision": "bfloat16", "mask_pattern": "sample", "epoch_unit": "well"}]
)
def test_a_resumed_training_gives_the_same_weights(tmp_path, store, monkeypatch, after, changes):
    whole = run(tmp_path / "whole", store, **changes)

    save, saved = checkpoint.save_checkpoint, []

    def save_and_stop(path, state):
        save(path, state)
        saved.append(state["step"])
        if state["step"] == after:
            raise Stopped

    monkeypatch.setattr(checkpoint, "save_checkpoint", save_and_stop)
    with pytest.raises(Stopped):
        run(tmp_path / "parts", store, checkpoint_minutes=0, **changes)
    assert saved[-1] == after
    assert progress_of(tmp_path / "parts").steps == 6 and not progress_of(tmp_path / "parts").finished
    assert equal(whole, run(tmp_path / "parts", store, checkpoint_minutes=0, **changes))
    assert saved == [1, 2, 3, 4, 5]
    timed = {"seconds", "images_per_second", "gpu_memory_mb", "waiting"}
    one, two = (
        [{k: v for k, v in r.items() if k not in timed} for r in rows(tmp_path / x)] for x in ("whole", "parts")
    )
    assert one == two


def losses(folder):
    return [float(row["loss"]) for row in rows(folder)]


def test_a_training_on_views_cut_as_on_a_gpu_is_the_training(tmp_path, store, monkeypatch):
    changes = {"precision": "float32", "log_every": 1, "quarter_turns": True, "vertical_flip": True}
    run(tmp_path / "sparse", store, **changes)
    monkeypatch.setenv("CWAMSN_VIEWS", "dense")
    run(tmp_path / "dense", store, **changes)
    assert losses(tmp_path / "dense") == pytest.approx(losses(tmp_path / "sparse"), rel=1e-3)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler; none was found")
@pytest.mark.parametrize("objective", ["msn", "cropmae"])
def test_a_compiled_training_is_the_training_and_says_how_long_it_compiled(tmp_path, store, capsys, objective):
    changes = {"objective": objective, "precision": "float32", "steps": 4, "log_every": 1}
    if objective == "cropmae":
        changes |= {
            "focal_views": 0,
            "objective_options": {"decoder_width": 16, "decoder_depth": 1, "decoder_heads": 2},
        }
    eager = run(tmp_path / "eager", store, **changes)
    compiled = run(tmp_path / "compiled", store, compile=True, **changes)
    assert eager.keys() == compiled.keys()
    assert losses(tmp_path / "compiled") == pytest.approx(losses(tmp_path / "eager"), rel=1e-4)
    description = json.loads((tmp_path / "compiled" / "encoder.json").read_text())
    assert description["compile_seconds"] > 0 and description["recipe"]["compile"]
    assert "compile_seconds" not in json.loads((tmp_path / "eager" / "encoder.json").read_text())
    assert "compile: the first step took " in capsys.readouterr().out


def test_a_compiler_that_fails_ends_the_training_in_one_line(tmp_path, store, monkeypatch):
    def failing(module):
        module.vit.blocks[0].compile(backend=lambda graph, inputs: 1 / 0)

    monkeypatch.setattr(trainer, "compile_encoder", failing)
    with pytest.raises(InputError, match=r"^training.compile: torch.compile fails \(.*\); set compile: false$"):
        run(tmp_path, store, compile=True)


@pytest.fixture
def signals_as_on_a_terminal():
    """A background job of a shell ignores Ctrl-C, one under nohup a closed terminal, and a training keeps to that."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_as_on_a_terminal")
@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
    ids=["ctrl-c", "sigterm", "closed-terminal"],
)
def test_an_interrupted_training_goes_on_from_the_step_it_was_at(tmp_path, store, monkeypatch, capsys, number, raised):
    """Though five minutes, after which it writes a checkpoint by itself, are far off."""
    whole = run(tmp_path / "whole", store)
    before, averaged, steps = signal.getsignal(number), trainer.averaged, []

    def interrupted(numbers):
        steps.append(1)
        if len(steps) == 3:
            signal.raise_signal(number)
        return averaged(numbers)

    with monkeypatch.context() as patch, pytest.raises(raised):
        patch.setattr(trainer, "averaged", interrupted)
        run(tmp_path / "parts", store)
    assert signal.getsignal(number) == before
    assert "stopped after step 3 of 6; the same command goes on from there" in capsys.readouterr().out
    assert equal(whole, run(tmp_path / "parts", store))
    assert "resumed after step 3 of 6" in capsys.readouterr().out


@pytest.mark.usefixtures("signals_as_on_a_terminal")
def test_a_second_signal_stops_a_training_at_once():
    with stop_requests() as told:
        assert told() is None
        signal.raise_signal(signal.SIGINT)
        assert told() == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_signal_that_is_ignored_does_not_stop_a_training():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stop_requests() as told:
        signal.raise_signal(signal.SIGHUP)
        assert told() is None
    signal.signal(signal.SIGHUP, before)


def test_a_killed_training_gives_the_same_weights(tmp_path, store):
    """SIGKILL at whatever moment, twice over."""
    changes = {"steps": 40, "checkpoint_minutes": 0}
    whole = run(tmp_path / "whole", store, **changes)
    job = [json.dumps(recipe(**changes).to_config()), str(store.root), str(tmp_path / "killed")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    last = tmp_path / "killed" / "checkpoint" / "last.pt"
    delays, seen = iter(np.random.default_rng(0).uniform(0.02, 0.3, 2)), None
    for delay in delays:
        process = subprocess.Popen([sys.executable, "-c", KILLED, *job], env=environment)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:  # a checkpoint of this process's own
            if last.exists() and last.stat().st_mtime_ns != seen:
                break
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen = last.stat().st_mtime_ns if last.exists() else seen
    subprocess.run([sys.executable, "-c", KILLED, *job], env=environment, check=True)
    assert equal(whole, load_file(tmp_path / "killed" / "encoder.safetensors"))


def test_a_checkpoint_of_another_recipe_is_not_used(tmp_path, store, capsys):
    run(tmp_path, store, checkpoint_minutes=0, keep_checkpoint=True, temperature=0.2)
    again = run(tmp_path, store)
    assert "starting afresh" in capsys.readouterr().out
    assert equal(again, run(tmp_path / "clean", store))


def test_a_training_without_a_full_batch_is_an_input_error(tmp_path, store):
    with pytest.raises(InputError, match=r"training\.batch_size: 13 perturbations"):
        run(tmp_path, store, batch_size=13)
    with pytest.raises(InputError, match="target_from: batch"):
        only_one = write_store(tmp_path / "one", wells=wells_frame(plates=2))
        run(tmp_path, only_one, target_from="batch")


def test_what_is_not_finite_stops_the_run(tmp_path, store):
    # nothing is advised that is so already
    with pytest.raises(TrainingStopped, match=r"training stopped: step \d+ gave .*nan.*; lower training\.peak_lr$"):
        run(tmp_path, store, peak_lr=1e30, start_lr=1e30, clip_gradient=None, precision="float32")
    assert not (tmp_path / "encoder.safetensors").exists()


@pytest.mark.parametrize("log_every", [2, 5])
def test_steps_that_are_read_once_per_window_give_the_same_files(tmp_path, store, monkeypatch, log_every):
    """As on a GPU; with threads that load ahead."""
    changes = {"precision": "float16", "steps": 12, "log_every": log_every}
    weights = run(tmp_path / "each", store, **changes)
    monkeypatch.setattr(loop, "reading_is_free", lambda device: False)
    train(recipe(**changes), store, tmp_path / "window", seed=0, threads=2, loader_threads=1)
    assert equal(weights, load_file(tmp_path / "window" / "encoder.safetensors"))
    timed = {"seconds", "images_per_second", "gpu_memory_mb", "waiting"}
    one, two = (
        [{k: v for k, v in row.items() if k not in timed} for row in rows(tmp_path / x)] for x in ("each", "window")
    )
    assert one == two and len(one) == -(-12 // log_every)


@pytest.mark.parametrize("minutes", [0, 5])
def test_weights_after_a_step_that_is_not_finite_are_never_written(tmp_path, store, monkeypatch, minutes):
    """The first bad step is named, as where each is read; the checkpoint before it stays."""
    changes = {"peak_lr": 1e30, "start_lr": 1e30, "clip_gradient": None, "precision": "float32", "log_every": 6}
    with pytest.raises(TrainingStopped) as each:
        run(tmp_path / "each", store, **changes)
    monkeypatch.setattr(loop, "reading_is_free", lambda device: False)
    with pytest.raises(TrainingStopped) as window:
        run(tmp_path / "window", store, checkpoint_minutes=minutes, **changes)
    assert str(window.value) == str(each.value)
    assert not (tmp_path / "window" / "encoder.safetensors").exists()
    last = tmp_path / "window" / "checkpoint" / "last.pt"
    assert last.exists() == (minutes == 0)
    if last.exists():
        content = last.read_bytes().partition(b"\n")[2]
        bad = int(re.search(r"step (\d+)", str(each.value))[1])
        assert torch.load(io.BytesIO(content), weights_only=True)["step"] == bad - 1


@pytest.mark.parametrize("threads", [1, 3])
def test_a_damaged_shard_ends_a_training_with_the_same_line_in_any_thread(tmp_path, threads):
    screen = write_store(tmp_path / "screen")
    shard = screen.root / "crops" / "p0" / "crops.arrow"
    content = bytearray(shard.read_bytes())
    content[2000 : len(content) - 30_000 : 500] = bytes(len(range(2000, len(content) - 30_000, 500)))
    shard.write_bytes(content)
    lines = []
    for loading in (0, threads):
        with pytest.raises(InputError) as error:
            train(recipe(), screen, tmp_path / str(loading), seed=0, threads=1, loader_threads=loading)
        lines.append(str(error.value))
    assert lines[0] == lines[1] and "wrong checksum; delete the shard and recompute the crops" in lines[0]


def test_collapse_stops_the_run_with_its_cause(tmp_path, store):
    with pytest.raises(
        TrainingStopped, match=r"collapsed at step 2: .*min_prototype_use: 100\.0%.*lower training\.peak_lr$"
    ):
        run(tmp_path, store, min_prototype_use=1.0)
    with pytest.raises(TrainingStopped, match=r"peak_lr, or take sinkhorn_iterations: 3 in place of 0$"):
        run(tmp_path, store, min_prototype_use=1.0, sinkhorn_iterations=0)
    assert not (tmp_path / "encoder.safetensors").exists()
    run(tmp_path, store, min_prototype_use=0)


def test_a_batch_that_a_gpu_has_no_room_for_ends_with_one_line(tmp_path, store, monkeypatch):
    def full(self, images):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB. GPU 0 has ...")

    for name, value in {"max_memory_allocated": 7, "memory_reserved": 7}.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value * 2**30)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**30, 8 * 2**30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Test")
    monkeypatch.setattr(trainer.Trainer, "step", full)
    line = (
        r"^training\.batch_size: 8 do not fit into the 8\.0 GiB of NVIDIA Test: they need at least 10\.0 GiB; "
        r"4 should; training\.precision and training\.attention: auto may need less$"
    )
    with pytest.raises(InputError, match=line):
        run(tmp_path, store, precision="float32", attention="eager")


def test_statistics_of_another_store_are_refused(tmp_path):
    store = write_store(tmp_path / "screen")
    wrong = store.statistics
    wrong.write_text(json.dumps({"mean": [1.0] * 4, "std": [1.0] * 4}))
    with pytest.raises(InputError, match="holds 4 channels, the crop store 5"):
        run(tmp_path, store)
    wrong.write_text(json.dumps({"mean": [1.0] * 5, "std": [1.0] * 5, "channels": list("bacde")}))
    with pytest.raises(InputError, match=r"of b, a, c, d, e, the crop store has a, b, c, d, e; run crops again"):
        run(tmp_path, store)
    wrong.write_text(json.dumps({"mean": [1.0] * 5, "std": [1.0] * 4 + [0.0]}))
    with pytest.raises(InputError, match="constant or not finite"):
        run(tmp_path, store)


def test_launch_of_one_process_is_train(tmp_path, store):
    launch(recipe(), store, tmp_path / "a", seed=0, threads=1)
    assert equal(load_file(Path(tmp_path) / "a" / "encoder.safetensors"), run(tmp_path / "b", store))
