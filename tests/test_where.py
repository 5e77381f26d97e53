"""The lines at the end of a run name what it made and where."""

from cwamsn.where import products, trainings

MADE = [
    "results/my/tables/table1.md",
    "results/my/tables/table1.csv",
    "results/my/tables/table8.html",
    "results/my/figures/figure1.png",
    "results/my/report.html",
    "results/my/scores.parquet",
    "results/my/models/cwa-msn/seed0/encoder.safetensors",
    "results/mine/tables/table2.md",
    "data/a/wells.parquet",
]


def test_products_are_named_by_kind_and_path():
    assert products(MADE, "results/my") == [
        "report: results/my/report.html",
        "tables: results/my/tables/ (table1, table8)",
        "figures: results/my/figures/ (figure1)",
        "scores: results/my/scores.parquet",
    ]


def test_a_plan_without_products_says_nothing():
    assert products(["data/a/wells.parquet"], "results/my") == []
    assert trainings(["results/my/report.html"], "results/my") is None


def test_trainings_say_where_to_look():
    command = "tail -f results/my/logs/train/*/*.log"
    assert trainings(MADE, "results/my") == f"progress of each training, once it has begun: {command}"
