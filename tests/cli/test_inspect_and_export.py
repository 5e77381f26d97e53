"""`cwamsn inspect` says what is there and whether it is whole; `cwamsn export` writes what loads elsewhere."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from cwamsn import tables
from cwamsn.cli.main import main
from cwamsn.embeddings.encoder import load_encoder
from cwamsn.files import write_json
from cwamsn.profiling import Request, Settings, profile_screen
from cwamsn.screen_specs.argument import screen_from_argument
from tests.lab import STAINS, write_encoder, write_lab


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with an encoder, and profiles of a lab's screen by it."""
    folder = tmp_path_factory.mktemp("made")
    write_lab(folder / "lab")
    encoder = write_encoder(folder / "results" / "demo" / "models" / "cwa-msn" / "seed0")
    shutil.copytree(encoder, encoder.with_name("seed3"))
    spec = screen_from_argument(folder / "lab" / "load_data.csv", platemap=folder / "lab" / "platemap.csv")
    profile_screen(Request("lab", spec, encoder, Settings()), folder / "profiles")
    return folder


@pytest.fixture
def here(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def ask(capsys, *words):
    code = main([*map(str, words), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        ("results/demo/models/cwa-msn/seed0", {"kind": "encoder", "channels": list(STAINS), "input_size": 32}),
        ("results/demo/models/cwa-msn/seed0/encoder.json", {"kind": "encoder", "trained_on": "bray-sim (simulated)"}),
        ("profiles", {"kind": "profiles of wells", "profiles": 16, "features": 24, "controls": {"negative": 8}}),
        ("profiles/perturbations.parquet", {"kind": "profiles of perturbations", "profiles": 2, "plates": None}),
        ("profiles/work/lab", {"kind": "screen", "wells": 16, "crops": 32, "sizes": {"40 x 48": 32}, "shards": 2}),
        ("profiles/work/lab/crops.parquet", {"kind": "screen", "channels": list(STAINS), "fields": {"kept": 32}}),
        ("profiles/work/lab/wells.parquet", {"kind": "table of wells", "perturbations": 2, "plates": 2}),
        ("profiles/work/lab/qc.parquet", {"kind": "table of qc", "rows": 32}),
        ("profiles/work/lab/crops/P1/crops.arrow", {"kind": "crop shard", "crops": 16, "codec": "lz4"}),
        ("results/demo", {"kind": "run", "encoders": ["models/cwa-msn/seed0", "models/cwa-msn/seed3"]}),
    ],
)
def test_it_says_what_is_there(here, capsys, path, facts):
    code, found, _ = ask(capsys, "inspect", path)
    assert code == 0 and {key: found[key] for key in facts} == facts


def test_embeddings_and_scores_are_known_by_their_columns(tmp_path, capsys):
    frame = pd.DataFrame({"well_id": ["a", "b"], "feature_0": [0.5, 1.0], "feature_1": [0.0, 1.0]})
    tables.write(frame, "embeddings", tmp_path / "e.parquet")
    assert ask(capsys, "inspect", tmp_path / "e.parquet")[1] == {
        "kind": "table of embeddings",
        "rows": 2,
        "features": 2,
    }
    row = {"run": "r", "method": "m", "seed": 0, "benchmark": "signal", "metric": "x", "value": 1.0}
    scores = pd.DataFrame([row | dict.fromkeys(("screen", "source", "n", "alignment", "null"))])
    tables.write(scores, "scores", tmp_path / "s.parquet")
    found = ask(capsys, "inspect", tmp_path / "s.parquet")[1]
    assert (found["kind"], found["method"], found["benchmark"]) == ("table of scores", ["m"], ["signal"])


def test_the_whole_store_is_read_if_asked_and_damage_is_named(here, capsys, tmp_path):
    assert ask(capsys, "inspect", "profiles/work/lab", "--whole")[1]["checksums"] == "all right"
    shutil.copytree("profiles/work/lab", tmp_path / "lab")
    shard = tmp_path / "lab" / "crops" / "P2" / "crops.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    code, found, _ = ask(capsys, "inspect", tmp_path / "lab", "--whole")
    assert code == 1 and "wrong checksum" in found["error"]


def test_changed_profiles_and_weights_are_refused(here, capsys, tmp_path):
    shutil.copytree("profiles", tmp_path / "p", ignore=shutil.ignore_patterns("work"))
    with (tmp_path / "p" / "wells.parquet").open("ab") as handle:
        handle.write(b" ")
    assert "is not the file that about.json names" in ask(capsys, "inspect", tmp_path / "p")[1]["error"]
    shutil.copytree("results/demo/models/cwa-msn/seed0", tmp_path / "e")
    with (tmp_path / "e" / "encoder.safetensors").open("ab") as handle:
        handle.write(b" ")
    assert "its sha256 is not the" in ask(capsys, "inspect", tmp_path / "e")[1]["error"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "absent: no such file or folder; give a crop store, an encoder, profiles, a run or a release"),
        ("empty", "holds none of SHA256SUMS, encoder.json"),
        ("notes.txt", "is nothing that this project writes"),
        ("other.parquet", "is no table of this project: its columns are a, b"),
    ],
)
def test_what_is_nothing_of_ours_is_refused(tmp_path, capsys, name, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("notes.txt").touch()
    pd.DataFrame({"a": [1], "b": [2]}).to_parquet("other.parquet")
    code, found, err = ask(capsys, "inspect", name)
    assert code == 1 and said in found["error"] and err.count("\n") == 1


def test_words_are_one_line_a_fact(here, capsys):
    assert main(["inspect", "profiles/work/lab"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "screen" and "  wells: 16" in lines and "  fields: kept 32" in lines


def test_an_exported_encoder_gives_the_same_features(here, capsys, tmp_path):
    code, found, _ = ask(capsys, "export", "demo", "cwa-msn", "--seed", "3", "--to", tmp_path / "out")
    assert code == 0 and found["from"].endswith("models/cwa-msn/seed3")
    exported, trained = load_encoder(tmp_path / "out"), load_encoder("results/demo/models/cwa-msn/seed3")
    images = torch.rand(2, 5, 32, 32)
    torch.testing.assert_close(exported.encoder(images), trained.encoder(images))
    assert ask(capsys, "inspect", tmp_path / "out")[1]["kind"] == "exported encoder"


def test_the_run_says_what_the_card_and_the_preprocessing_say(made, capsys, tmp_path):
    run = tmp_path / "demo"
    shutil.copytree(made / "results" / "demo", run)
    config = {"crops": {"saturated_share": 0.001}, "embedding": {"view": "tiles", "tile_size": 64}, "definitions": {}}
    config["definitions"]["cwa-msn"] = {"title": "CWA-MSN, small", "embedding": None}
    write_json({"configuration": config, "run": "demo"}, run / "provenance.json")
    code, _, _ = ask(capsys, "export", run, "cwa-msn", "--to", tmp_path / "out", "--licence", "cc-by-4.0")
    card = (tmp_path / "out" / "README.md").read_text()
    assert code == 0 and "# CWA-MSN, small" in card and "license: cc-by-4.0" in card
    preparation = json.loads((tmp_path / "out" / "preprocessing.json").read_text())
    assert preparation["to_8_bit"]["saturated_share"] == 0.001 and preparation["view"]["name"] == "tiles"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["results/demo/models/cwa-msn/seed0", "cwa-msn"], "is one encoder; name the run's folder"),
        (["dmo", "cwa-msn"], "dmo: is no run with trained encoders; nearest: demo"),
        (["demo", "cwa-mns"], "results/demo: has no encoder of 'cwa-mns'; nearest: cwa-msn"),
        (["demo", "cwa-msn", "--seed", "1"], "results/demo: cwa-msn has no seed 1; it has 0, 3"),
    ],
)
def test_what_cannot_be_exported_is_said_with_what_there_is(here, capsys, tmp_path, words, said):
    code, found, _ = ask(capsys, "export", *words, "--to", tmp_path / "out")
    assert code == 1 and said in found["error"]
