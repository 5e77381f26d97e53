"""What the workflow plans for a run's reports, and what is there when a method fails."""

import numpy as np
import pandas as pd
import pytest
import yaml

from cwamsn.files import read_json
from tests.workflow.chain import snakemake

GENES = [f"PSM{letter}{number}" for letter in "ABCD" for number in range(1, 8)]


@pytest.fixture
def maps(tmp_path):
    """A run of one finished map, as a configuration; a second map, `bad`, is a text where its numbers should be."""
    values = np.random.default_rng(0).standard_normal((len(GENES), 4))
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(4)])
    frame.insert(0, "perturbation", GENES)
    frame.to_csv(tmp_path / "good.csv", index=False)
    frame.astype({"feature_0": str}).assign(feature_0="text").to_csv(tmp_path / "bad.csv", index=False)
    methods = {name: {"kind": "map", "path": str(tmp_path / f"{name}.csv")} for name in ("good", "bad")}
    config = {"run": "own", "title": "My genes", "methods": ["good"], "evaluate": ["gene_gene"], "embeddings": methods}
    config |= {"training_screen": None, "bootstrap": {"resamples": 10}}

    def written(*rows):
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(config | {"methods": list(rows)}))
        return tmp_path / "own.yaml"

    return written


def test_a_run_of_a_finished_map_plans_its_tables_and_one_digest_of_its_file(maps, tmp_path):
    plan = snakemake(tmp_path, "--dry-run", config=maps("good")).stdout
    lines = dict(line.split() for line in plan.split("Job stats:")[1].splitlines() if len(line.split()) == 2)
    wanted = {"digest": "1", "import_map": "1", "gene_gene": "1", "table": "2", "gather_scores": "1"}
    assert lines.items() >= wanted.items() and "wells" not in lines


def test_a_report_never_stands_beside_a_failed_method_without_saying_so(maps, tmp_path):
    results = tmp_path / "results" / "own"
    failed = snakemake(tmp_path, "--keep-going", config=maps("good", "bad"), check=False)
    assert failed.returncode != 0 and "gap in table1: bad: no gene_gene score of seed 0" in failed.stderr
    assert (results / "tables" / "incomplete" / "table1.csv").exists()
    assert not (results / "report.html").exists() and not (results / "provenance.json").exists()

    snakemake(tmp_path, config=maps("good"))
    assert not (results / "tables" / "incomplete").exists()
    page = (results / "report.html").read_text()
    assert "<h1>My genes</h1>" in page and "imulated" not in page and "OpenPhenom" not in page
    record = read_json(results / "provenance.json")
    jobs = {usage["job"] for usage in record["usage"]}
    assert jobs == {"embeddings/no-screen/good/seed0", "gene_gene/no-screen/good/seed0"}
    assert set(record["data"]) == {"good"}
    snakemake(tmp_path, "--report", str(tmp_path / "snakemake.html"), config=maps("good"))
    assert "table1, for the run" in (tmp_path / "snakemake.html").read_text(), "the captions name what the rules have"

    snakemake(tmp_path, config=maps("good", "bad"), check=False)
    assert "The run failed after this page was made" in (results / "report.html").read_text()
