"""What a run makes, and what each product needs."""

import yaml

from cwamsn.products import PRODUCTS
from cwamsn.reporting import published
from tests.plans import ALL, DEMO, RANDOM, finished_map, plan_of, reporting_of, wells


def made(plan, known=PRODUCTS):
    return [product.name for product, _ in reporting_of(plan).products(known)]


def test_the_default_methods_make_the_tables_that_say_something():
    of_paper = ["table1", "table2", "table3", "table7", "table8"]
    assert made(plan_of(DEMO)) == [*of_paper, "gene_levels", "figure1", "figure3"]
    compared = plan_of(DEMO, comparisons=[["cwa-msn", "random"]])
    assert made(compared) == [*of_paper, "gene_levels", "differences", "figure1", "figure3"]


def test_a_finished_map_makes_tables_of_recall_alone():
    methods = {"periscope": finished_map()}
    assert made(plan_of(methods, evaluate=["gene_gene"])) == ["table1", "gene_levels"]
    plan = plan_of(methods, evaluate={"e": ["gene_gene", "compound_gene", "replicate_map", "signal"]})
    assert made(plan) == ["table1", "gene_levels"]
    assert reporting_of(plan).manifests() == {"periscope": "./r/digests/periscope.sha256.json"}
    assert reporting_of(plan).file("periscope") == "map.csv"
    assert reporting_of(plan).computations_in("table1") == []


def test_one_of_two_benchmarks_is_enough_for_the_table_of_positive_pairs():
    methods = {name: {"tables": [9]} for name in ("cwa-msn", "wells-2")}
    for benchmarks in (["gene_gene"], ["retrieval"], ["gene_gene", "retrieval"]):
        plan = plan_of(methods, evaluate={"e": benchmarks})
        assert "table9" in made(plan)
        files = reporting_of(plan).scores_in("table9", "e")
        assert files == [f"./r/scores/e/{m}/seed0/{b}.scores.parquet" for m in methods for b in benchmarks]
    neither = plan_of(methods, evaluate={"e": ["plate_probe"]})
    assert "table9" not in made(neither)
    assert reporting_of(neither).scores_in("table9", "e")[0].endswith("gene_gene.scores.parquet"), "asked for by name"
    assert "table9" not in made(plan_of({"wells-2": {"tables": [9]}}, evaluate={"e": ["gene_gene"]}))


def test_published_numbers_need_nothing():
    plan = plan_of({"phenom": {"kind": "published"}})
    assert made(plan) == [] and reporting_of(plan).scores_in("table1", "e") == []


def test_one_table_reads_the_scores_of_its_own_methods_and_benchmarks():
    reporting = reporting_of(plan_of(DEMO))
    assert reporting.scores_in("table3", "e") == [
        f"./r/scores/e/{name}/seed0/gene_gene.scores.parquet" for name in ("random", "single-well-msn", "cwa-msn")
    ]
    probes = reporting_of(plan_of({"a": {}}, seeds=[0, 1], evaluate={"e": ["plate_probe"]})).scores_in("table8", "e")
    assert probes == [f"./r/scores/e/a/seed{k}/plate_probe.scores.parquet" for k in (0, 1)]
    assert reporting.computations_in("table3") == []
    assert reporting.computations_in("table7") == ["./r/models/cwa-msn/computation.json"]


def test_benchmarks_without_a_table_of_the_paper_have_one_of_every_method():
    methods = DEMO | {"mine": wells(tables=[]), "map": finished_map(tables=[])}
    plan = plan_of(methods, evaluate={"e": ["replicate_map", "signal", "latent_probe"]})
    assert made(plan) == ["latent", "replicates", "signal"], "what tells most first"
    shown = reporting_of(plan).methods_in(PRODUCTS["replicates"])
    assert [m.name for m in shown] == ["random", "single-well-msn", "cwa-msn", "mine"], "whatever their tables are"
    assert reporting_of(plan).scores_in("signal", "e")[-1] == "./r/scores/e/mine/seed0/signal.scores.parquet"


def test_comparisons_are_read_where_both_methods_are_shown():
    pairs = [["cwa-msn", "single-well-msn"], ["cwa-msn", "other"]]
    reporting = reporting_of(plan_of(DEMO | {"other": {"tables": [1]}}, comparisons=pairs))
    found = [path for path in reporting.scores_in("table3", "e") if "minus" in path]
    assert found == ["./r/scores/e/cwa-msn/seed0/minus_single-well-msn.scores.parquet"]
    assert not [path for name in ("table5", "figure3") for path in reporting.scores_in(name, "e") if "minus" in path]


def test_embeddings_from_a_file_need_no_training_screen_and_no_images():
    mine = reporting_of(plan_of({"mine": wells()}))
    assert mine.screens() == ["e"] and mine.pictured() == []
    demo = reporting_of(plan_of(DEMO))
    assert demo.screens() == ["t", "e"] == demo.pictured()
    public = reporting_of(plan_of({"p": {"kind": "pretrained", "weights": "openphenom"}}))
    assert public.pictured() == ["e"]


def test_methods_are_compared_by_what_both_have():
    """On a screen without knockouts too: by the own tables of the benchmarks, without a map."""
    methods = {"a": wells(), "b": wells(), "m": finished_map()}
    pairs = [["a", "b"], ["a", "m"]]
    plan = plan_of(methods, comparisons=pairs, evaluate={"t": ["retrieval", "enrichment"], "e": ["gene_gene"]})
    needs = reporting_of(plan).needs
    assert needs.comparison("t", "a", "b", "0") == {
        f"{which}_{benchmark}": f"./r/scores/t/{name}/seed0/{benchmark}.parquet"
        for which, name in (("first", "a"), ("second", "b"))
        for benchmark in ("retrieval", "enrichment")
    }
    assert [(first.name, second.name) for first, second, _ in needs.compared("t")] == [("a", "b")]
    assert [(first.name, second.name) for first, second, _ in needs.compared("e")] == [("a", "b"), ("a", "m")]
    maps = {"first_map": "./r/maps/e/a/seed0.parquet", "second_map": "./r/maps/e/b/seed0.parquet"}
    assert needs.comparison("e", "a", "b", "0") == maps
    levels = plan_of(methods, comparisons=pairs, gene_gene={"levels": ["NR", "NSB"]}, evaluate={"e": ["gene_gene"]})
    found = reporting_of(levels).needs.comparison("e", "a", "b", "0")
    assert found.keys() == {*maps, "first_embeddings", "second_embeddings", "wells"}
    assert "first_embeddings" not in reporting_of(levels).needs.comparison("e", "a", "m", "0")


def test_a_table_reads_the_notes_of_its_own_methods_and_benchmarks():
    methods = {"a": {"tables": [1, 2]}, "b": RANDOM | {"seeds": [0]}, "c": {"tables": [3]}}
    config = {"alignment": {"method": "none", "also": ["sphering"]}, "evaluate": {"e": ["gene_gene", "signal"]}}
    reporting = reporting_of(plan_of(methods, seeds=[0, 1], comparisons=[["a", "b"]], **config))
    notes = reporting.notes_in("table1", "e")
    assert notes["b"] == {
        0: [
            "./r/embeddings/e/b/seed0.notes.json",
            "./r/maps/e/b/seed0.notes.json",
            "./r/scores/e/b/seed0/gene_gene.notes.json",
        ]
    }
    assert set(notes) == {"a", "b"} and "./r/scores/e/a/seed0/minus_b.notes.json" in notes["a"][0]
    assert set(notes["a"]) == {0, 1}
    assert reporting.notes_in("signal", "e")["c"][0] == [
        "r/models/c/seed0/notes.json",
        "./r/embeddings/e/c/seed0.notes.json",
        "./r/scores/e/c/seed0/signal.notes.json",
    ]


def test_published_names_of_the_shipped_methods_exist(root):
    models = yaml.safe_load((root / "config" / "methods.yaml").read_text())["definitions"]
    named = {name: entry for name, entry in models.items() if entry.get("paper_row")}
    assert {"cwa-msn", "single-well-msn", "random"} <= named.keys()
    for name, entry in named.items():
        listed = {row for table in entry.get("tables", [1, 2, 7, 8]) for row in published.rows(table)}
        assert entry["paper_row"] in listed, f"{name}: no table of its own has {entry['paper_row']}"


def test_each_of_two_screens_has_its_own_tables_and_figures():
    reporting = reporting_of(plan_of(DEMO, evaluate={"e": ALL, "t": ["plate_probe"]}))
    assert [(p.name, screen) for p, screen in reporting.products() if screen == "t"] == [("table8", "t")]
    files = reporting.everything()
    assert len(set(files)) == len(files)
    assert (
        "./r/tables/t/table8.csv" in files
        and "./r/tables/e/table8.csv" in files
        and "./r/figures/e/figure1.svg" in files
    )
    assert reporting.plan.tables("csv") == "./r/tables/{screen}/{product}.csv"
    assert all("/scores/t/" in path for path in reporting.scores_in("table8", "t"))
    assert reporting.one_product("table1") == reporting.plan.product_files([(PRODUCTS["table1"], "e")])
    assert reporting.scores_by_product().keys() >= {"e/table8", "t/table8"}
    assert reporting.context("t")["screen"] == "t"
    assert reporting.files_by_screen(PRODUCTS).keys() == {"e", "t"}
    notes = reporting.all_notes()
    assert notes["cwa-msn"] == {0: ["r/models/cwa-msn/seed0/notes.json"]}
    assert "./r/scores/t/cwa-msn/seed0/plate_probe.notes.json" in notes["t/cwa-msn"][0]
    assert all("/t/" in path for path in notes["t/cwa-msn"][0]) and len(notes["e/cwa-msn"][0]) > 3
    usage = [job.usage for job in reporting.jobs()]
    assert len([name for name in usage if name == "train/cwa-msn/seed0"]) == 1
    assert {"plate_probe/e/cwa-msn/seed0", "plate_probe/t/cwa-msn/seed0"} <= set(usage)


def test_controls_with_shuffled_labels_have_a_table_where_they_are_asked_for():
    evaluate = {"e": ["gene_gene", "geometry"]}
    assert made(plan_of(DEMO, evaluate=evaluate))[-1] != "shuffled"
    plan = plan_of(DEMO, evaluate=evaluate, shuffled_labels={"draws": 3})
    assert {"geometry", "shuffled"} <= set(made(plan))
    files = reporting_of(plan).scores_in("shuffled", "e")
    assert files == [f"./r/scores/e/{name}/seed0/gene_gene.scores.parquet" for name in DEMO]


def test_a_report_knows_every_page_that_its_run_can_have():
    pages = reporting_of(plan_of(DEMO)).pages()
    assert [(page["title"], page["target"]) for page in pages] == [
        ("Map of single-well-msn on e", "atlas"),
        ("Map of cwa-msn on e", "atlas"),
        ("Plates of t", "plates"),
        ("Check of t", "check"),
        ("Plates of e", "plates"),
        ("Check of e", "check"),
    ]
    assert pages[0]["path"] == "r/profiles/e/single-well-msn/seed0/atlas.html"


def test_the_report_reads_the_wells_of_the_screen_that_something_is_trained_on():
    assert list(reporting_of(plan_of(DEMO)).paired()) == ["t"]
    assert reporting_of(plan_of({"random": RANDOM})).paired() == {}
