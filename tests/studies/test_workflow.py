"""The target `study` as a user meets it."""

import pandas as pd
import pytest
import yaml

from tests.workflow.chain import snakemake, tiny

CLAIM = ["cwa-msn", "above", "single-well-msn", "recall"]


def configured(folder, rows, **study):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(tiny() | {"methods": rows, "study": study}))
    return path


@pytest.mark.parametrize(
    ("study", "words"),
    [
        ({}, "study.screen_seeds: is empty"),
        (
            {"screen_seeds": [1], "points": {"odd": {"training": {"layot": "bray"}}}},
            "study.points.odd.training.layot: unknown configuration key; nearest: layout",
        ),
        (
            {"screen_seeds": [1], "points": {"long": {"recipe": {"step": 9}}}},
            "study.points.long.recipe: definitions.cwa-msn.recipe.step: unknown key; nearest: steps",
        ),
        ({"screen_seed": [1]}, "study.screen_seed: unknown configuration key; nearest: screen_seeds"),
    ],
)
def test_a_study_that_cannot_be_planned_says_why(tmp_path, study, words):
    config = configured(tmp_path, ["random", "cwa-msn"], **study)
    result = snakemake(tmp_path, "study", "--dry-run", config=config, check=False)
    assert result.returncode and words in result.stdout + result.stderr


def test_a_point_has_threads_and_memory_to_load_for_a_gpu_where_its_trainings_take_one(tmp_path):
    config = configured(tmp_path, ["random", "cwa-msn"], screen_seeds=[1])

    def planned(**training):
        plan = yaml.safe_load(config.read_text())
        config.write_text(yaml.safe_dump(plan | {"training": plan["training"] | training}))
        command = "--dry-run", "--executor", "slurm", "--jobs", "1"
        return snakemake(tmp_path, "study", *command, config=config).stdout.partition("rule study_report")[0]

    on_cpu, on_gpu = planned(gpus=0), planned(gpus=1)
    assert "mem_mb=4000," in on_cpu and "threads:" not in on_cpu
    # CUDA, and 5 batches of 16 images of 6 MB
    assert f"mem_mb={4000 + 4000 + 5 * 16 * 6}," in on_gpu and "threads: 8\n" in on_gpu and "gpu=1" in on_gpu


@pytest.mark.slow
def test_a_study_ends_with_a_page_and_has_nothing_more_to_do(tmp_path):
    rows = ["random", "untrained-vit", "single-well-msn", "cwa-msn", "oracle"]
    points = {"bray": {}, "free": {"training": {"layout": "randomised"}}}
    config = configured(tmp_path, rows, screen_seeds=[1, 2], points=points, claims=[CLAIM])
    snakemake(tmp_path, "study", config=config)
    folder = tmp_path / "results" / "tiny" / "study"
    page = (folder / "report.md").read_text()
    assert "Simulated screens" in page and "Where it pays" in page and "Oracle (latent phenotype)" in page
    claims = pd.read_csv(folder / "tables" / "claims.csv")
    assert claims["point"].tolist() == ["bray", "free"] and claims["screens"].tolist() == [2, 2]
    summary = pd.read_csv(folder / "tables" / "summary.csv")
    recall = summary[summary["metric"] == "recall"].set_index(["point", "method"])["mean"]
    assert (recall.xs("oracle", level="method") > recall.xs("random", level="method")).all()
    left = [path for path in (tmp_path / "data" / "study" / "tiny").rglob("*") if path.is_file()]
    assert not left, "a point leaves nothing but its scores"
    again = snakemake(tmp_path, "study", config=config)
    assert "Nothing to be done" in again.stdout + again.stderr
    points["more"] = {"training": {"compounds": 24}}
    config = configured(tmp_path, rows, screen_seeds=[1, 2], points=points, claims=[CLAIM])
    jobs = "".join(snakemake(tmp_path, "study", "--dry-run", config=config).stdout.split())
    assert "study_point2" in jobs, "a new point runs, and no finished one again"
