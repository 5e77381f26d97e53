"""A job that embeds and is stopped goes on where it was, with the same result."""

import io
import json
import shutil
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from cwamsn.embeddings import images
from cwamsn.embeddings.parts import Parts, fingerprint
from cwamsn.training import Recipe
from cwamsn.training.model import Model
from cwamsn.training.weights import save_encoder
from tests.embeddings.job import OPTIONS, encode
from tests.training.tiny import CHANNELS, write_store

SMALL = {
    "encoder": "vit_tiny_patch16_224",
    "encoder_options": {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8},
    "rand_size": 32,
    "hidden_dim": 16,
    "output_dim": 8,
    "prototypes": 4,
}
BATCHES = 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A screen of 112 crops and an encoder."""
    folder = tmp_path_factory.mktemp("embedding")
    write_store(folder / "screen")
    torch.manual_seed(0)
    recipe = Recipe.from_config(SMALL)
    description = {"recipe": recipe.to_config(), "channels": list(CHANNELS), "classes": 5, "input_size": 32}
    save_encoder(Model(recipe, len(CHANNELS), classes=5), description, folder / "model")
    return folder


@pytest.fixture(scope="module")
def whole(folder):
    """What an embedding gives that nobody stops."""
    return encode(folder, None)


@pytest.fixture
def parts(folder):
    path = folder / "parts"
    yield path
    for file in path.glob("*"):
        file.unlink()


def counted(folder, parts):
    """The embeddings, and how many batches were computed for them."""
    seen = []
    return encode(folder, parts, lambda *_: seen.append(0)), len(seen)


@pytest.fixture
def at_once(monkeypatch):
    """A part per batch."""
    monkeypatch.setattr(images, "Parts", partial(Parts, seconds=0))


@pytest.mark.parametrize(("number", "seconds", "status"), [(signal.SIGKILL, 0, -9), (signal.SIGTERM, 60, 143)])
def test_a_job_that_is_killed_in_the_middle_goes_on_to_the_same_bytes(
    root, folder, whole, parts, number, seconds, status
):
    """kill -9 leaves the parts that were written before; SIGTERM writes what it has, and ends as the signal would."""
    command = [sys.executable, "-m", "tests.embeddings.job", str(folder), str(seconds)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        lines = iter(process.stdout.readline, "")
        assert [next(line for line in lines if line == "batch\n") for _ in range(4)]
        process.send_signal(number)
        rest = list(lines)
    assert process.returncode == status
    assert number == signal.SIGKILL or "the same command goes on from there" in rest[-1]
    before = len(Parts(parts, written_fingerprint(folder)).done)
    assert 3 <= before < BATCHES
    frame, computed = counted(folder, parts)
    assert computed == BATCHES - before
    pd.testing.assert_frame_equal(frame, whole, check_exact=True)


def written_fingerprint(folder):
    """That of whatever lies there."""
    return json.loads(next((folder / "parts").glob("[0-9]*")).read_bytes().partition(b"\n")[0])["fingerprint"]


def test_damaged_and_missing_parts_are_computed_again(folder, whole, parts, at_once, capsys):
    assert counted(folder, parts)[1] == BATCHES
    files = sorted(parts.glob("*"))
    assert len(files) == BATCHES
    content = bytearray(files[5].read_bytes())
    content[-3] ^= 1
    files[5].write_bytes(content)
    files[8].write_bytes(files[8].read_bytes()[:40])
    files[11].unlink()
    frame, computed = counted(folder, parts)
    assert computed == 3
    pd.testing.assert_frame_equal(frame, whole, check_exact=True)
    assert "2 part(s) are damaged and are computed again" in capsys.readouterr().out
    assert counted(folder, parts)[1] == 0


def test_no_batch_of_a_copied_an_overlapping_or_a_mislabelled_part_counts_twice(folder, whole, parts, at_once, capsys):
    assert counted(folder, parts)[1] == BATCHES
    files = sorted(parts.glob("*"))
    header, content = files[7].read_bytes().split(b"\n", 1)
    files[7].write_bytes(header.replace(b'"first": 7', b'"first": 2') + b"\n" + content)
    another = Parts(parts, written_fingerprint(folder), seconds=60)  # of a process at the same time
    for number in (5, 6):
        another.add(number, np.load(io.BytesIO(files[number].read_bytes().partition(b"\n")[2])))
    another.write()
    shutil.copy(files[3], parts / "00000003 2.part")
    frame, computed = counted(folder, parts)
    assert computed == 1
    pd.testing.assert_frame_equal(frame, whole, check_exact=True)
    told = capsys.readouterr().out
    assert "1 part(s) are damaged" in told and "part(s) repeat batches of others" in told


def test_parts_of_another_encoder_are_removed_with_a_line(folder, whole, parts, at_once, monkeypatch, capsys):
    def moved(encoder, *rest):
        next(encoder.parameters()).data += 1e-3
        return fingerprint(encoder, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(images, "fingerprint", moved)
        other, computed = counted(folder, parts)
    assert computed == BATCHES and not other.equals(whole)
    frame, computed = counted(folder, parts)
    assert computed == BATCHES
    pd.testing.assert_frame_equal(frame, whole, check_exact=True)
    assert "14 part(s) belong to another encoder, screen, precision, options or code" in capsys.readouterr().out


def test_the_fingerprint_knows_what_features_depend_on():
    encoder, crops = torch.nn.Linear(2, 2), pd.DataFrame({"crop_id": ["a", "b"]})
    settings = {"options": OPTIONS, "precision": "float32"}
    found = fingerprint(encoder, crops, settings)
    assert found == fingerprint(encoder, crops, settings)
    others = [
        fingerprint(torch.nn.Linear(2, 2), crops, settings),
        fingerprint(encoder, crops.assign(crop_id=["a", "c"]), settings),
        fingerprint(encoder, crops, settings | {"precision": "bfloat16"}),
    ]
    assert len({found, *others}) == 4


def test_parts_are_written_once_a_minute_and_in_order(tmp_path):
    features = np.random.default_rng(0).random((9, 2, 3))
    parts = Parts(tmp_path, "mine")
    for number in (0, 1, 2):
        parts.add(number, features[number])
    assert not list(tmp_path.glob("*")) and not parts.done
    parts.add(6, features[6])  # batches 3 to 5 lie in another part: a new one begins
    assert parts.done == {0, 1, 2}
    parts.seconds = 0
    parts.add(7, features[7])
    parts.add(3, features[3])
    parts.write()
    assert [list(numbers) for numbers, _ in Parts(tmp_path, "mine").read()] == [[0, 1, 2], [3], [6, 7]]
    for numbers, found in parts.read():
        np.testing.assert_array_equal(found, np.concatenate(features[numbers.start : numbers.stop]))
    assert not Parts(tmp_path, "another").done and not list(tmp_path.glob("*"))
