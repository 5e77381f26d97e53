"""What an encoder's training saw of a screen, from its description."""

import pandas as pd
import pytest

from cwamsn.exposure import SEEN, Exposure, is_in_sample, marked, seen_in, without_mark
from cwamsn.files import sha256, write_json

KEYS = ["AAAAAAAAAAAAAA-X", "BBBBBBBBBBBBBB-Y", None, None]


def wells(names=("X1", "X2", "X3", "DMSO"), keys=KEYS, plate="P1"):
    frame = pd.DataFrame({"perturbation": names, "inchikey": keys, "experiment": "e", "plate": plate})
    return frame.assign(control=[None] * (len(names) - 1) + ["negative"])


@pytest.fixture
def path(tmp_path):
    wells().to_parquet(tmp_path / "wells.parquet")
    return tmp_path / "wells.parquet"


def description(trained_on, digest="0" * 64, steps=6):
    return {"steps": steps, "data_sha256": {"wells": digest}, SEEN: seen_in(trained_on), "recipe": {}, "channels": []}


def test_a_training_writes_down_plates_perturbations_and_connectivity():
    assert seen_in(wells()) == {
        "plates": ["e/P1"],
        "perturbations": ["DMSO", "X1", "X2", "X3"],
        "inchikey_blocks": ["AAAAAAAAAAAAAA", "BBBBBBBBBBBBBB"],
    }
    assert seen_in(wells(keys=[None] * 4))["inchikey_blocks"] is None
    assert seen_in(wells().drop(columns="inchikey"))["inchikey_blocks"] is None


def test_compounds_are_compared_by_connectivity_and_by_name_only_without_it(path):
    own = ["BBBBBBBBBBBBBB-Z", "CCCCCCCCCCCCCC-X", None, None]
    other = wells(names=["other", "X1", "X3", "DMSO"], keys=own, plate="P9")
    found = Exposure.of(description(other), path, wells())
    assert found.seen == {"X2", "X3"}, "X2 by its connectivity; X1 of the training is another molecule; X3 has no key"
    assert (found.perturbations, found.by_name, found.in_sample) == (3, True, False)
    keyless = other.assign(inchikey=None)
    assert Exposure.of(description(keyless), path, wells()).seen == {"X1", "X3"}
    keyed = wells().assign(inchikey=[*KEYS[:2], "DDDDDDDDDDDDDD-X", None])
    assert not Exposure.of(description(other), path, keyed).by_name


@pytest.mark.parametrize(
    "trained_on, digest, steps, wanted",
    [
        (wells(), None, 6, True),
        (wells(), "0" * 64, 6, None),  # plates and perturbations of the same names, another table
        (wells(names=["a", "b", "c", "DMSO"], keys=[None] * 4), "0" * 64, 6, False),  # another lab's plate P1
        (wells(plate="P2"), "0" * 64, 6, False),
        (wells(), None, 0, False),
    ],
)
def test_whether_it_is_in_sample_is_told_by_the_wells(path, trained_on, digest, steps, wanted):
    found = description(trained_on, digest or sha256(path), steps)
    assert Exposure.of(found, path, wells()).in_sample is wanted


def test_what_nobody_wrote_down_is_unknown_and_what_the_configuration_says_holds(path, tmp_path):
    bare = {"recipe": {}, "channels": [], "weights_sha256": "1"}
    assert Exposure.of(bare, path, wells()) == Exposure(None, None, 3, False)
    assert Exposure.of(bare | {"data_sha256": {"wells": sha256(path)}}, path, wells()).in_sample is True
    write_json(bare | description(wells(), sha256(path)), tmp_path / "encoder.json")
    assert is_in_sample(None, tmp_path / "encoder.json", path, wells()) is True
    assert is_in_sample(False, tmp_path / "encoder.json", path, wells()) is False
    assert is_in_sample(None, None, path, wells()) is None


def test_a_source_says_it_and_is_read_again():
    sources = pd.Series([marked("NR, test", answer) for answer in (True, None, False)])
    text, answers = without_mark(sources)
    assert list(text) == ["NR, test"] * 3 and list(answers) == ["yes", "unknown", "no"]
    assert list(sources)[1:] == ["NR, test (in-sample unknown)", "NR, test"]
