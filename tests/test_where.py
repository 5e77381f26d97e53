"""The lines at the end of a run name what it made and where."""

from cwamsn.where import own_command, products, trainings
from tests.plans import DEMO, plan_of

PLAN = plan_of(DEMO)
MADE = [
    "./r/tables/table1.md",
    "./r/tables/table1.csv",
    "./r/tables/table8.html",
    "./r/figures/figure1.png",
    "./r/report.html",
    "./r/scores.parquet",
    "./r/models/cwa-msn/seed0/encoder.safetensors",
    "./r/plates/a/plates.html",
    "./r/profiles/a/cwa-msn/seed0/atlas.html",
    "./mine/tables/table2.md",
    "data/a/wells.parquet",
]


def test_products_are_named_by_kind_and_path():
    assert products(MADE, PLAN) == [
        "report: ./r/report.html",
        "tables: ./r/tables/ (table1, table8)",
        "figures: ./r/figures/ (figure1)",
        "profiles: r/profiles/",
        "atlas: ./r/profiles/a/cwa-msn/seed0/atlas.html",
        "plates: ./r/plates/a/plates.html",
        "scores: ./r/scores.parquet",
    ]


def test_a_plan_without_products_says_nothing():
    assert products(["data/a/wells.parquet"], PLAN) == []
    assert trainings(["./r/report.html"], PLAN) is None


def test_trainings_say_where_to_look():
    command = "cwamsn watch ./r, or tail -f ./r/logs/train/*/*.log"
    assert trainings(MADE, PLAN) == f"progress of each training, once it has begun: {command}"


def test_a_command_names_the_files_that_configure_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert own_command([]) == "snakemake --cores all"
    files = [tmp_path / "my plates.yaml", "/elsewhere/b.yaml"]
    assert own_command(files) == "snakemake --cores all --configfile 'my plates.yaml' /elsewhere/b.yaml --"
