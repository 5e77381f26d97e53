"""`config/morphohelm.yaml`, from a host with tables of the same columns to tables beside the printed numbers."""

import json
import re

import pandas as pd
import pytest
import yaml

from cwamsn import tables
from tests.morphohelm_host import whole_host
from tests.screens.loopback import Loopback
from tests.workflow.chain import ROOT, snakemake

CONFIG = ROOT / "config" / "morphohelm.yaml"


def test_eight_models_are_scored_on_five_sets(tmp_path):
    plan = snakemake(tmp_path, "--dry-run", config=CONFIG).stdout
    jobs = {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+)$", plan, re.MULTILINE)}
    assert jobs["wells"] == 5 and jobs["well_table"] == jobs["import_embedding"] == jobs["published_protocol"] == 40
    assert (jobs["labels"], jobs["gene_pairs"]) == (2, 1)
    assert jobs["retrieval_at_levels"] == jobs["enrichment_of_labels"] == 24
    plan = snakemake(tmp_path, "morphohelm", "--dry-run", config=CONFIG).stdout
    assert all(f"results/morphohelm/tables/{name}/morphohelm.csv" in plan for name in ("bbbc036", "cpg-tgt2"))


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = whole_host(tmp_path / "host")
    server = Loopback(made.root)
    yield made, server.url
    server.close()


def configured(folder, host, sets, methods, **more):
    """The configuration with its sets on the host, and fewer of them."""
    made, url = host
    own = {name: made.section(name, url) for name in sets}
    keys = {"evaluate": {name: ["morphohelm"] for name in sets}, "methods": methods, "bootstrap": {"resamples": 20}}
    screens = {name: {k: v for k, v in own[name].items() if k not in ("source", "set")} for name in sets}
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump({"extends": str(CONFIG), "screens": screens, **keys, **more}))
    return path


@pytest.mark.slow
def test_the_tables_of_a_host_are_scored_beside_the_printed_numbers(tmp_path, host):
    sets, methods = ("bbbc036", "cpg-crispr", "cpg-compound"), ["helm-cellprofiler", "helm-subcell"]
    config = configured(tmp_path, host, sets, methods)
    snakemake(tmp_path, "morphohelm", "scores", config=config)
    results = tmp_path / "results" / "morphohelm"
    scores = tables.read("scores", results / "scores.parquet")
    assert set(scores["screen"]) == set(sets) and set(scores["method"]) == set(methods)
    for name in sets:
        frame = pd.read_csv(results / "tables" / name / "morphohelm.csv")
        assert frame["row"].tolist()[:2] == methods and (frame["status"] == "quoted").sum() == 6
        level = frame.filter(regex="^NR_.*_difference$").loc[:1]
        assert level.notna().all(axis=None) and len(level.columns) >= 2, "computed minus printed"
    text = (results / "tables" / "cpg-compound" / "morphohelm.md").read_text()
    assert "printed in the preprint" in text and "behind the published numbers 157,462" in text
    source = json.loads((tmp_path / "data" / "cpg-compound" / "source.json").read_text())
    assert source["compounds_selected"] == 40 and source["models_agreeing"] == 8
    assert all(entry["digest"].startswith("sha256:") for entry in source["files"])


def test_a_benchmark_of_other_screens_and_images_of_these_are_refused(tmp_path, host):
    config = configured(tmp_path, host, ["bbbc036"], ["cellprofiler-style"])
    result = snakemake(tmp_path, "--dry-run", config=config, check=False)
    assert (
        result.returncode and "screens.bbbc036: has published profiles and no images" in result.stdout + result.stderr
    )
    other = tmp_path / "other.yaml"
    simulated = {"extends": str(ROOT / "config" / "config.yaml"), "run": "x", "evaluate": {"rxrx3-sim": ["morphohelm"]}}
    other.write_text(yaml.safe_dump(simulated))
    result = snakemake(tmp_path, "--dry-run", config=other, check=False)
    assert "morphohelm is of screens with the source morphohelm" in result.stdout + result.stderr
