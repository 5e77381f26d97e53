"""`cwamsn score` on one of MorphoHELM's sets: a user's embeddings of its wells, by its protocol and by ours."""

import json

import pandas as pd
import pytest
import yaml

from cwamsn.__main__ import main
from tests.morphohelm_host import whole_host
from tests.workflow.chain import ROOT


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return whole_host(tmp_path_factory.mktemp("host"))


@pytest.fixture
def config(host, tmp_path):
    """The configuration with its sets on a host in a folder."""
    names = ("bbbc036", "cpg-moa", "cpg-crispr", "cpg-tgt2", "cpg-compound")
    screens = {name: {k: v for k, v in host.section(name).items() if k not in ("source", "set")} for name in names}
    path = tmp_path / "own.yaml"
    extends = str(ROOT / "config" / "morphohelm.yaml")
    path.write_text(yaml.safe_dump({"extends": extends, "screens": screens, "bootstrap": {"resamples": 20}}))
    return path


def scored(capsys, *words):
    assert main(["score", *map(str, words), "--json"]) == 0
    return pd.DataFrame(json.loads(capsys.readouterr().out)["scores"])


def test_embeddings_of_bray_wells_are_scored_on_mechanisms_and_levels(host, config, capsys):
    file = next(host.root.rglob("bbbc036/subcell_normalized.parquet"))
    found = scored(capsys, file, "--screen", f"{config}:bbbc036")
    assert set(found["benchmark"]) == {"morphohelm", "retrieval", "enrichment"}
    sources = found.groupby("benchmark")["source"].unique().map(set)
    assert sources["morphohelm"] == {"bbbc036 NR"} and sources["enrichment"] == {"mechanisms NR"}
    assert {"NR", "NSL"} <= sources["retrieval"]


@pytest.mark.parametrize("name, source", [("cpg-crispr", "cpg-crispr CORUM NSB"), ("cpg-compound", "cpg-compound NSS")])
def test_other_sets_bring_what_they_are_scored_with(host, config, capsys, name, source):
    file = next(host.root.rglob(f"{name}/subcell_normalized.parquet"))
    found = scored(capsys, file, "--screen", f"{config}:{name}", "--benchmarks", "morphohelm")
    assert source in set(found["source"])
