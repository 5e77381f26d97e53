"""What a run makes, and what each product needs."""

import yaml

from cwamsn.reporting import published, targets

ALL = ("gene_gene", "compound_gene", "plate_probe")


def row(name, kind="trained", tables=(1, 2, 7, 8), seeds=(0,), **more):
    return {"name": name, "kind": kind, "tables": list(tables), "seeds": list(seeds), "parameters": None} | more


DEMO = [
    row("random", "random", (1, 2, 3, 4, 8)),
    row("single-well-msn", tables=(1, 2, 3, 8)),
    row("cwa-msn", tables=range(1, 9)),
]


def test_the_default_rows_make_the_tables_that_say_something():
    made = targets.possible(targets.TABLES + targets.FIGURES, DEMO, ALL)
    assert made == ["table1", "table2", "table3", "table7", "table8", "figure1", "figure3"]


def test_a_finished_map_makes_table_1_alone():
    rows = [row("periscope", "map", path="map.csv")]
    assert targets.possible(targets.TABLES + targets.FIGURES, rows, ("gene_gene",)) == ["table1"]
    assert targets.possible(targets.TABLES + targets.FIGURES, rows, (*ALL, "replicate_map", "signal")) == ["table1"]
    config = {"training_screen": None, "evaluation_screen": None}
    assert targets.manifests_of(rows, config, "data") == {"periscope": "map.csv"}
    assert targets.computations_of("table1", rows, "r") == []


def test_quoted_rows_need_nothing():
    rows = [row("phenom", "quoted", seeds=())]
    assert targets.possible(targets.TABLES, rows, ALL) == []
    assert targets.scores_of("table1", rows, ALL, "r") == []


def test_one_table_reads_the_scores_of_its_own_rows_and_benchmarks():
    assert targets.scores_of("table3", DEMO, ALL, "r") == [
        f"r/scores/{name}/seed0/gene_gene.scores.parquet" for name in ("random", "single-well-msn", "cwa-msn")
    ]
    probes = targets.scores_of("table8", [row("a", seeds=(0, 1))], ("plate_probe",), "r")
    assert probes == [f"r/scores/a/seed{k}/plate_probe.scores.parquet" for k in (0, 1)]
    assert targets.computations_of("table3", DEMO, "r") == []


def test_benchmarks_without_a_table_of_the_paper_have_one_of_every_row():
    rows = [*DEMO, row("mine", "wells", ()), row("map", "map", ())]
    made = targets.possible(targets.TABLES, rows, ("replicate_map", "signal", "latent_probe"))
    assert made == ["replicates", "signal", "latent"]
    names = [r["name"] for r in targets.rows_of("replicates", rows)]
    assert names == ["random", "single-well-msn", "cwa-msn", "mine"], "whatever tables of the paper a row stands in"
    assert targets.scores_of("signal", rows, ("signal",), "r")[-1] == "r/scores/mine/seed0/signal.scores.parquet"


def test_comparisons_are_read_where_both_rows_stand():
    pairs = [("cwa-msn", "single-well-msn"), ("cwa-msn", "other")]
    assert targets.comparisons_of("table3", DEMO, pairs, "r") == [
        "r/scores/cwa-msn/seed0/minus_single-well-msn.scores.parquet"
    ]
    assert (
        targets.comparisons_of("table5", DEMO, pairs, "r") == targets.comparisons_of("figure3", DEMO, pairs, "r") == []
    )


def test_embeddings_from_a_file_need_no_training_screen_and_no_images():
    config = {"training_screen": "t", "evaluation_screen": "e"}
    rows = [row("mine", "wells", path="mine.parquet")]
    assert targets.screens_of(rows, config) == ["e"] and targets.pictured_screens(rows, config) == []
    assert targets.screens_of(DEMO, config) == ["t", "e"] == targets.pictured_screens(DEMO, config)
    assert targets.pictured_screens([row("p", "pretrained")], config) == ["e"]


def test_printed_names_of_the_shipped_rows_exist(root):
    models = yaml.safe_load((root / "config" / "models.yaml").read_text())["models"]
    named = {name: entry for name, entry in models.items() if entry.get("paper_row")}
    assert {"cwa-msn", "single-well-msn", "random"} <= named.keys()
    for name, entry in named.items():
        printed = {printed for table in entry.get("tables", [1, 2, 7, 8]) for printed in published.rows(table)}
        assert entry["paper_row"] in printed, f"{name}: no table of its own prints {entry['paper_row']}"
