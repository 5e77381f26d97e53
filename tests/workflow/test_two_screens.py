"""A run that evaluates on two screens: each has its own tables, and nothing of one overwrites the other's."""

import pandas as pd
import pytest
import yaml

from cwamsn import tables
from tests.workflow.chain import snakemake, tiny

EVALUATE = {"rxrx3-tiny": ["gene_gene", "plate_probe"], "rxrx3-other": ["plate_probe", "signal", "geometry"]}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "two.yaml"
    own = tiny()
    own["screens"]["rxrx3-other"] = own["screens"]["rxrx3-tiny"] | {"seed": 5}
    path.write_text(yaml.safe_dump(own | {"evaluate": EVALUATE, "shuffled_labels": {"draws": 1}}))
    return path


def counts(plan: str) -> dict[str, int]:
    """Jobs of a dry run by rule."""
    lines = plan.split("Job stats:")[1].splitlines()
    return {line.split()[0]: int(line.split()[1]) for line in lines if len(line.split()) == 2 and line[-1].isdigit()}


def test_a_method_is_trained_once_and_scored_on_each_screen(tmp_path, config):
    jobs = counts(snakemake(tmp_path, "--dry-run", config=config).stdout)
    assert jobs["train"] == 3 and jobs["embed"] == 6 and jobs["plate_probe"] == 8
    assert jobs["gene_gene"] == 4 and jobs["perturbation_signal"] == 4 and jobs["align"] == 4, "of one screen each"
    assert jobs["embedding_geometry"] == 4 and jobs["untrained_embedding"] == 3, "random numbers have no network"
    plan = snakemake(tmp_path, "table8", "--dry-run", config=config).stdout
    for screen in EVALUATE:
        assert f"results/tiny/tables/{screen}/table8.csv" in plan
        assert f"results/tiny/scores/{screen}/cwa-msn/seed0/plate_probe.scores.parquet" in plan


@pytest.mark.slow
def test_each_screen_has_its_own_tables(tmp_path, config):
    snakemake(tmp_path, config=config)
    results = tmp_path / "results" / "tiny"
    scores = tables.read("scores", results / "scores.parquet")
    assert scores.groupby("screen")["benchmark"].unique().map(set).to_dict() == {
        "rxrx3-tiny": {"gene_gene", "plate_probe", "comparison"},
        "rxrx3-other": {"plate_probe", "signal", "geometry"},
    }
    made = {path.relative_to(results / "tables").as_posix() for path in results.glob("tables/**/*.csv")}
    assert made >= {
        "rxrx3-tiny/table1.csv",
        "rxrx3-tiny/table8.csv",
        "rxrx3-other/table8.csv",
        "rxrx3-other/signal.csv",
        "rxrx3-other/geometry.csv",
        "rxrx3-other/shuffled.csv",
    }
    assert all(len(path.split("/")) == 2 for path in made) and "rxrx3-other/table1.csv" not in made
    twins = scores[scores["metric"] == "twin_distance_correlation"].set_index("method")["value"]
    assert twins["untrained-vit"] == pytest.approx(1) and twins["cwa-msn"] < 1, "six steps have changed something"
    assert set(scores.loc[scores["shuffled"].notna(), "benchmark"]) == {"gene_gene", "signal"}
    probes = [pd.read_csv(results / "tables" / screen / "table8.csv") for screen in EVALUATE]
    assert (probes[0]["row"] == probes[1]["row"]).all() and not probes[0].equals(probes[1])
    report = (results / "report.html").read_text()
    assert all(screen in report for screen in EVALUATE)
    assert "Nothing to be done" in snakemake(tmp_path, config=config).stderr
