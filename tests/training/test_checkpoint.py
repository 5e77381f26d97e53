"""A checkpoint is used whole, for what it belongs to, or not at all."""

import errno
import hashlib
import io
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from cwamsn.errors import InputError
from cwamsn.training import checkpoint
from cwamsn.training.checkpoint import Checkpoint, fingerprint, load_checkpoint, save_checkpoint
from cwamsn.training.log import TrainingLog
from cwamsn.training.snapshot import HostCopy
from tests.training.tiny import recipe

CPU = torch.device("cpu")


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "checkpoint" / "last.pt"
    save_checkpoint(path, {"fingerprint": "mine", "step": 3, "model": {"w": torch.arange(999.0)}})
    return path


def test_a_checkpoint_is_what_was_saved(saved):
    state = load_checkpoint(saved, "mine", CPU)
    assert state["step"] == 3 and torch.equal(state["model"]["w"], torch.arange(999.0))


def test_a_flipped_byte_anywhere_is_noticed(saved, capsys):
    whole = saved.read_bytes()
    places = sorted({*range(0, 200), *range(0, len(whole), 61), *range(len(whole) - 100, len(whole))})
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        saved.write_bytes(damaged)
        assert load_checkpoint(saved, "mine", CPU) is None, place
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(places)
    assert set(lines) == {f"{saved}: is damaged: its SHA-256 is not that of what was written; starting afresh"}


def test_half_a_checkpoint_is_noticed(saved):
    whole = saved.read_bytes()
    for content in (b"", whole[:30], whole[: len(whole) // 2], whole[:-1], whole + b"x", b"no checkpoint at all"):
        saved.write_bytes(content)
        assert load_checkpoint(saved, "mine", CPU) is None


def test_a_checkpoint_belongs_to_its_recipe_seed_data_and_code(monkeypatch):
    own = fingerprint(recipe(), "bfloat16", 0, {"crops": "a"})
    incidental = recipe(checkpoint_minutes=1, keep_checkpoint=True)
    assert fingerprint(incidental, "bfloat16", 0, {"crops": "a"}) == own
    others = [
        fingerprint(recipe(temperature=0.2), "bfloat16", 0, {"crops": "a"}),
        fingerprint(recipe(), "float32", 0, {"crops": "a"}),
        fingerprint(recipe(), "bfloat16", 1, {"crops": "a"}),
        fingerprint(recipe(), "bfloat16", 0, {"crops": "b"}),
    ]
    monkeypatch.setattr(checkpoint, "code_version", lambda: "another")
    others.append(fingerprint(recipe(), "bfloat16", 0, {"crops": "a"}))
    assert len({own, *others}) == 6


def test_a_checkpoint_of_an_earlier_version_is_not_used(tmp_path, capsys):
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"identity": "mine", "step": 3})
    assert load_checkpoint(path, "mine", CPU) is None
    assert "belongs to another recipe, precision, seed, data or code; starting afresh" in capsys.readouterr().out


def test_a_checkpoint_is_the_digest_and_what_torch_saves(saved):
    buffer = io.BytesIO()
    torch.save({"fingerprint": "mine", "step": 3, "model": {"w": torch.arange(999.0)}}, buffer)
    content = buffer.getvalue()
    assert saved.read_bytes() == hashlib.sha256(content).hexdigest().encode() + b"\n" + content


class Counting:
    """A trainer whose state changes with each step."""

    steps, done, device = 9, 0, CPU

    def __init__(self):
        self.weights = torch.zeros(3)

    def step(self):
        self.done += 1
        self.weights += 1

    def state_dict(self):
        return {"model": {"w": self.weights}, "step": self.done}


@pytest.fixture
def writer(monkeypatch):
    """Writing waits until it is let go; what was written, in order."""
    go, written = threading.Semaphore(0), []

    def write(path, state):
        go.acquire()
        written.append((state["step"], state["model"]["w"].tolist()))

    monkeypatch.setattr(checkpoint, "save_checkpoint", write)
    return go, written


def test_steps_go_on_while_a_checkpoint_is_written_and_a_second_one_waits_for_the_first(tmp_path, writer):
    (go, written), trainer, log = writer, Counting(), TrainingLog(tmp_path)
    with Checkpoint(tmp_path / "last.pt", "mine", 0) as file:
        trainer.step()
        file.save_if_due(trainer, log)
        trainer.step()
        assert not written
        threading.Timer(0.1, go.release).start()
        file.save_if_due(trainer, log)
        assert written == [(1, [1.0] * 3)], "the state is that of its step, not what became of it"
        trainer.step()
        go.release(2)
        file.save_if_due(trainer, log, now=True)
        assert [step for step, _ in written] == [1, 2, 3], "one that is asked for now is complete"
        trainer.step()
        file.save_if_due(trainer, log)
        threading.Timer(0.1, go.release).start()
    assert written[-1] == (4, [4.0] * 3), "the end waits for what is being written"


def test_a_full_disk_ends_the_training_with_its_line(tmp_path, monkeypatch):
    def full(path, state):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_checkpoint", full)
    trainer, log = Counting(), TrainingLog(tmp_path)
    message = r"last\.pt: the checkpoint cannot be written: No space left on device; free some space"
    with pytest.raises(InputError, match=message), Checkpoint(tmp_path / "last.pt", "mine", 0) as file:
        file.save_if_due(trainer, log)
        file._writer.join()
        file.save_if_due(trainer, log)
    with pytest.raises(InputError, match=message), Checkpoint(tmp_path / "last.pt", "mine", 0) as file:
        file.save_if_due(trainer, log)  # the last one of a training: its end tells


def test_a_disk_that_is_full_in_the_middle_of_the_file_is_named_and_not_torch_s_error_about_it(saved, monkeypatch):
    """Torch, which closes its archive after the error, raises another."""
    before, opened = saved.read_bytes(), Path.open

    class Full:
        def __init__(self, handle):
            self.handle, self.room = handle, 20_000

        def write(self, data):
            self.room -= len(data)
            if self.room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.handle.write(data)

        def __getattr__(self, name):
            return getattr(self.handle, name)

    @contextmanager
    def small(path, mode="r"):
        with opened(path, mode) as handle:
            yield Full(handle) if mode == "wb" else handle

    monkeypatch.setattr(Path, "open", small)
    message = r"last\.pt: cannot be written: No space left on device; free some space"
    with pytest.raises(InputError, match=message):
        save_checkpoint(saved, {"w": torch.randn(50_000)})
    monkeypatch.undo()
    assert saved.read_bytes() == before and [path.name for path in saved.parent.iterdir()] == ["last.pt"]


def test_a_copy_of_a_state_takes_the_same_memory_each_time():
    module = torch.nn.BatchNorm1d(4)
    keeper, state = HostCopy(), {"model": module.state_dict(), "rows": [{"loss": 1.0}], "turned": torch.ones(2, 3).T}
    first, wait = keeper.take(state)
    wait()
    assert first["model"]._metadata == state["model"]._metadata and first["turned"].stride() == (1, 3)
    state["rows"][0]["loss"] = 2.0
    with torch.no_grad():
        module.weight += 1
    assert first["rows"] == [{"loss": 1.0}] and torch.equal(first["model"]["weight"], torch.ones(4))
    second, _ = keeper.take(state)
    assert second["model"]["weight"].data_ptr() == first["model"]["weight"].data_ptr()
    assert torch.equal(second["model"]["weight"], torch.full((4,), 2.0))
    longer, _ = keeper.take({"model": {"weight": torch.ones(5)}})
    assert longer["model"]["weight"].shape == (5,)


def test_a_copy_from_a_gpu_is_complete_once_its_stream_has_come_to_it(monkeypatch):
    """On a GPU that only records what is asked of it."""
    told = []

    class Stream:
        def record_event(self):
            told.append("event")
            return SimpleNamespace(synchronize=lambda: told.append("waited"))

    stream = Stream()
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    with FakeTensorMode():
        weight = torch.empty(3, 4, 5, 6, device="cuda:0").to(memory_format=torch.channels_last)
        copied, wait = HostCopy().take({"weight": weight, "step": torch.empty((), device="cuda:0"), "done": 3})
    assert told == ["event"]
    wait()
    assert told == ["event", "waited"] and copied["done"] == 3
    assert copied["weight"].device.type == copied["step"].device.type == "cpu"
    assert copied["weight"].stride() == weight.stride()  # a copy to another layout would be waited for
