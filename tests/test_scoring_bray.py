"""Embeddings of Bray's wells by one command: its numbers, its summary, and the configuration that gives the same."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import yaml

from cwamsn import tables
from cwamsn.alignment import align
from cwamsn.benchmarks import enrichment as en
from cwamsn.benchmarks import stringency as st
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.chain import prepare_wells
from cwamsn.cli.main import main
from cwamsn.config import load_schema, resolve
from cwamsn.embeddings import load_features
from cwamsn.scoring import Sections
from cwamsn.scoring_bray import bray_sections
from cwamsn.screen_specs import SimulatedBraySpec
from tests.workflow.chain import ROOT


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """A simulated screen in the layout of Bray, and embeddings of its wells that know its phenotypes."""
    folder = tmp_path_factory.mktemp("bray")
    found = prepare_wells("bray-sim", SimulatedBraySpec(compounds=64, plate_rows=6, plate_columns=8), folder)
    wells = tables.read("wells", found.wells)
    hidden = pd.read_parquet(found.simulated_truth).set_index("well_id").reindex(wells["well_id"])
    values = hidden.filter(like="phenotype_").to_numpy() + np.random.default_rng(0).normal(size=(len(wells), 16))
    frame = pd.DataFrame(values.astype(np.float32), columns=[f"feature_{i}" for i in range(16)])
    frame.insert(0, "well_id", wells["well_id"])
    frame.to_parquet(folder / "mine.parquet")
    return found


def truth_of(screen):
    return screen.host / "bbbc036" / "BBBC036_v1_DatasetGroundTruth.csv"


def vectors_of(screen):
    return screen.root.parent / "mine.parquet"


def answer(capsys, *words) -> dict:
    capsys.readouterr()
    assert main(["score", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def scored(screen, capsys):
    words = ("--bray", "--screen", screen.root, "--moa", truth_of(screen), "--in-sample", "yes")
    return answer(capsys, vectors_of(screen), *words)


def test_the_command_gives_what_the_benchmarks_give(screen, scored):
    wells = tables.read("wells", screen.wells)
    features, wells = load_features(vectors_of(screen), wells)
    aligned = align(features, wells, "morphohelm")
    sections, _ = bray_sections(str(truth_of(screen)))
    parts = [
        *en.score(aligned, wells, sections.enrichment, BootstrapOptions(), in_sample=True).parts,
        *st.score(aligned, wells, st.RetrievalOptions(), BootstrapOptions(), in_sample=True).parts,
    ]
    expected = {
        (row["metric"], row["source"], row.get("null")): row["value"] for p in parts for row in p.to_dict("records")
    }
    rows = [row for row in scored["scores"] if row["benchmark"] in ("enrichment", "retrieval")]
    assert len(rows) == len(expected)
    for row in rows:
        assert row["value"] == expected[row["metric"], row["source"], row["null"]]
        assert row["source"].endswith("(in-sample)")


def test_the_summary_puts_each_number_beside_chance(scored):
    rows = {(row["question"], row["wells"]): row for row in scored["summary"]}
    share = rows["mechanism: share of compounds", "NR"]
    assert share["value"] > share["chance"] > 0 and share["ci_low"] <= share["value"] <= share["ci_high"]
    assert share["said"] == "in-sample" and share["n"] == 64
    assert rows["mechanism: mean odds ratio", "NR, test"]["n"] < 20
    assert rows["replicates: Recall@1", "NR"]["value"] > 0.03  # by chance .012
    assert rows["replicates", "NSL"]["value"] is None
    assert rows["replicates", "NSL"]["said"] == "not scored (not the same well position)"
    for question in ("plate", "row", "column"):
        assert 0 <= rows[f"{question}: linear probe, macro-F1", "controls, aligned"]["chance"] < 0.5
    assert scored["simulated"] is True


def test_in_words_it_says_that_the_screen_is_simulated(screen, capsys):
    capsys.readouterr()
    assert main(["score", str(vectors_of(screen)), "--bray", "--screen", str(screen.root)]) == 0
    found = capsys.readouterr()
    lines = found.out.splitlines()
    assert lines[0] == "bray-sim is a simulated screen: these numbers say nothing of real ones"
    assert lines[1].split() == ["question", "wells", "value", "from", "to", "chance", "n"]
    assert any(line.startswith("replicates: Recall@1") and "in-sample?" in line for line in lines)
    assert "mechanisms are not scored: give --moa" in found.err


def test_the_least_number_of_cells_holds_here_too(screen, tmp_path, capsys):
    wells = tables.read("wells", screen.wells)
    counts = wells[["plate", "address"]].assign(cell_count=np.arange(len(wells)))
    counts.to_csv(tmp_path / "counts.csv", index=False)
    config = {"run": "r", "screens": {"bray-sim": {"source": "bray"}}, "minimum_cells": {"quantile": 0.1}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    sections = Sections.from_config(resolve(config, load_schema(ROOT / "config" / "schemas")))
    assert bray_sections(None, sections)[0].minimum_cells.quantile == 0.1
    few = int((counts["cell_count"] < counts["cell_count"].quantile(0.1)).sum())
    urls = [f"{key}=file://{screen.host / place}" for key, place in PLACES.items()]
    words = [word for url in urls for word in ("--set", url)]
    found = answer(
        capsys, vectors_of(screen), "--bray", "--screen", f"{tmp_path / 'own.yaml'}:bray-sim", *words,
        "--set", "plates=" + json.dumps(sorted(wells["plate"].unique())), "--cell-counts", tmp_path / "counts.csv",
    )  # fmt: skip
    left = {row["benchmark"]: row["value"] for row in found["scores"] if row["metric"] == "wells_below_minimum_cells"}
    assert left == {"retrieval": few, "plate_probe": few}


PLACES = {"gallery_url": "gallery", "annotations_url": "gigadb/chemical_annotations.csv", "split_url": "splits"}


def test_alone_it_fetches_what_the_wells_are_made_from_and_keeps_it(screen, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = [word for key, place in PLACES.items() for word in ("--set", f"{key}=file://{screen.host / place}")]
    plates = sorted(tables.read("wells", screen.wells)["plate"].unique())
    found = answer(capsys, vectors_of(screen), "--bray", *words, "--set", f"plates={json.dumps(plates)}")
    assert found["wells"]["missing"] == 0 and (tmp_path / "cwamsn" / "bray" / "wells.parquet").is_file()


def test_the_shipped_configuration_says_the_same():
    own = yaml.safe_load((ROOT / "config" / "bray_embeddings.yaml").read_text())
    config = resolve(own, load_schema(ROOT / "config" / "schemas"))
    sections, benchmarks = bray_sections(own["enrichment"]["labels"])
    assert config["evaluate"] == {"bray": benchmarks}
    found = Sections.from_config(config)
    for name in ("alignment", "enrichment", "plate_probe"):
        assert plain(getattr(found, name)) == plain(getattr(sections, name))


def plain(options) -> str:
    """Options as text, lists and tuples alike."""
    return json.dumps(asdict(options))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--screen: is missing; name the screen whose wells the embeddings are of, or --bray"),
        (["--bray", "--moa", "none.csv"], "none.csv: no such file; correct --moa"),
        (["--screen", "x", "--moa", "none.csv"], "--moa: goes with --bray"),
        (["--bray", "--platemap", "x"], "--platemap: does not go with --bray"),
        (["--bray", "--set", "plate=1"], "--bray: plate: unknown key; nearest: plates"),
    ],
)
def test_what_is_wrong_is_one_line(screen, capsys, words, said):
    assert main(["score", str(vectors_of(screen)), *words]) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("cwamsn: ") and said in err
