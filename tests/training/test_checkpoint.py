"""A checkpoint is used whole, for what it belongs to, or not at all."""

import pytest
import torch

from cwamsn.training import checkpoint
from cwamsn.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
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
