"""Where the files of a run lie."""

import subprocess
import sys

import pytest

from cwamsn.errors import InputError
from cwamsn.methods import EMBEDDING_WELLS, RANDOM, TRAINED
from cwamsn.needs import Needs
from cwamsn.paths import counts_of, notes_of, one_of, own_table_of
from tests.plans import DEMO, finished_map, plan_of, reporting_of, wells


def test_results_of_a_method_lie_below_its_screen():
    plan = plan_of(DEMO)
    assert plan.embeddings("e", "cwa-msn", 0) == "./r/embeddings/e/cwa-msn/seed0.parquet"
    assert plan.map("e", "cwa-msn", 0) == "./r/maps/e/cwa-msn/seed0.parquet"
    assert plan.scores("gene_gene", "e", "cwa-msn", 0) == "./r/scores/e/cwa-msn/seed0/gene_gene.scores.parquet"
    assert plan.difference("e", "a", "b", 1) == "./r/scores/e/a/seed1/minus_b.scores.parquet"
    assert str(plan.model("cwa-msn", 2).weights) == "r/models/cwa-msn/seed2/encoder.safetensors"


def test_what_is_left_out_stays_a_wildcard():
    plan = plan_of(DEMO)
    assert plan.embeddings() == "./r/embeddings/{screen}/{method}/seed{seed}.parquet"
    assert plan.map(alignment="{alignment}") == "./r/maps/{screen}/{method}/seed{seed}.{alignment}.parquet"
    assert str(plan.screen().unit().index) == "d/{screen}/crops/{unit}.parquet"


def test_the_alignment_of_the_tables_is_not_in_a_path_and_any_other_is():
    plan = plan_of(DEMO, alignment={"method": "none"})
    assert plan.map("e", "a", 0, "none") == plan.map("e", "a", 0)
    assert plan.scores("gene_gene", "e", "a", 0, "sphering") == "./r/scores/e/a/seed0/sphering/gene_gene.scores.parquet"


def test_companions_lie_beside_their_table():
    assert notes_of("x/seed0.parquet") == "x/seed0.notes.json" and counts_of("x/seed0.parquet") == "x/seed0.json"
    assert notes_of("x/signal.scores.parquet") == "x/signal.notes.json"
    assert own_table_of("x/signal.scores.parquet") == "x/signal.parquet"


def test_patterns_match_the_methods_of_a_kind_and_no_other():
    plan = plan_of(DEMO | {"a.b": wells(), "genes": finished_map()})
    assert plan.pattern(TRAINED) == r"single\-well\-msn|cwa\-msn" and plan.pattern(RANDOM) == "random"
    assert "genes" not in plan.pattern(*EMBEDDING_WELLS) and r"a\.b" in plan.pattern(*EMBEDDING_WELLS)
    assert one_of([]) == "(?!)", "matches nothing"
    assert plan.screens_from("simulated-bray") == "t"


def test_tables_of_one_screen_lie_in_one_folder():
    assert plan_of(DEMO).tables("csv") == "./r/tables/{product}.csv"


def test_a_truth_table_of_ones_own_replaces_that_of_the_screen():
    assert plan_of(DEMO).truth("e") == "d/e/compound_gene_truth.csv"
    assert plan_of(DEMO, compound_gene={"truth": "mine.csv"}).truth("e") == "mine.csv"


def test_a_method_that_embeds_wells_without_a_screen_is_refused_and_a_finished_map_is_not():
    alone = {"evaluate": ["gene_gene"]}
    assert plan_of({"genes": finished_map()}, **alone).only_screen == "no-screen"
    with pytest.raises(InputError, match="evaluate: names no screen, and method mine"):
        plan_of({"genes": finished_map(), "mine": wells()}, **alone)


def test_the_workflow_plans_without_torch_and_pandas():
    code = "import sys, cwamsn.study_needs, cwamsn.report_needs, cwamsn.where, cwamsn.workplace, cwamsn.config_files\n"
    code += "print({'pandas', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_two_screens_of_a_run_share_no_file():
    both = {"e": ["gene_gene", "plate_probe"], "t": ["plate_probe"]}
    needs = Needs(plan_of(DEMO | {"mine": wells(path="mine_{screen}.parquet")}, evaluate=both))
    scores, embeddings = needs.score_files(), needs.embeddings_and_maps()
    assert len(set(scores)) == len(scores) == 4 * 3 and len(set(embeddings)) == len(embeddings) == 4 * 2 + 4
    assert "./r/scores/t/cwa-msn/seed0/plate_probe.scores.parquet" in scores
    assert not [path for path in (*scores, *embeddings) if "/t/" in path and ("gene_gene" in path or "maps" in path)]
    assert needs.embedding_file("t", "mine") == "mine_t.parquet"
    assert needs.fixed("signal", "t", "cwa-msn", "0")["screen"] == "t"
    assert needs.doses("t") is None and needs.doses("e"), "each screen has its own doses"
    assert needs.is_in_sample("t", "cwa-msn") and needs.is_in_sample("e", "cwa-msn") is False
    assert needs.is_in_sample("e", "mine") is None, "the configuration does not say"
    assert needs.training_elsewhere("e", "cwa-msn", "0") == needs.training_elsewhere("e", "mine", "0") == {}
    assert needs.training_wells("t", "cwa-msn") == {} != needs.training_wells("e", "cwa-msn")
    assert len(needs.all_models()) == 2, "trained once"


def test_a_run_without_a_screen_to_evaluate_asks_for_none():
    needs = Needs(plan_of(DEMO, evaluate={}))
    assert needs.score_files() == needs.embeddings_and_maps() == [] and needs.all_models()
    with pytest.raises(InputError, match="evaluate: is empty, and table1 needs scores"):
        reporting_of(needs.plan).one_product("table1")
    with pytest.raises(InputError, match=r"^evaluate: no method of the run is scored; write evaluate: {screen:"):
        needs.gathered_scores()


def test_a_finished_map_without_the_one_benchmark_it_has_is_refused():
    maps = {"m": {"kind": "map", "path": "m.parquet"}}
    with pytest.raises(InputError, match=r"^evaluate: no method of the run is scored"):
        Needs(plan_of(maps, evaluate={"e": ["compound_gene"]})).gathered_scores()
    assert Needs(plan_of(maps, evaluate={"e": ["gene_gene"]})).gathered_scores()


def test_a_training_without_a_screen_says_which_key_is_missing():
    with pytest.raises(InputError, match=r"^training_screen: is missing; name the screen"):
        Needs(plan_of(DEMO, training_screen=None)).training_data()
    assert Needs(plan_of(DEMO)).training_data()["crops"] == "d/t/crops.parquet"


def test_compound_gene_is_refused_on_a_screen_without_known_targets():
    needs = Needs(plan_of(DEMO, evaluate={"t": ["compound_gene"]}))
    with pytest.raises(InputError, match=r"^screens\.t: comes with no known compound-gene relationships; set"):
        needs.truth("t")
    own = Needs(plan_of(DEMO, compound_gene={"truth": "mine/{screen}.csv"}))
    assert own.truth("t") == "mine/t.csv" and needs.truth("e") == "d/e/compound_gene_truth.csv"


def test_the_geometry_of_a_method_is_compared_with_its_untrained_twin():
    methods = DEMO | {"mine": wells(), "other": wells()}
    plan = plan_of(methods, evaluate={"e": ["geometry"]}, geometry={"twins": {"mine": "other"}})
    needs = Needs(plan)
    assert needs.twin("e", "cwa-msn", "0") == {"twin": "./r/embeddings/e/cwa-msn/untrained/seed0.parquet"}
    assert needs.twin("e", "mine", "0") == {"twin": "./r/embeddings/e/other/seed0.parquet"}
    assert needs.twin("e", "random", "0") == needs.twin("e", "other", "0") == {}
    assert needs.twin_sample() == {"max_wells": 2000, "sample_seed": 0}
    off = Needs(plan_of(methods, geometry={"untrained_twin": False}))
    assert off.twin("e", "cwa-msn", "0") == {}
    wrong = Needs(plan_of(methods, geometry={"twins": {"mine": "othr"}}))
    with pytest.raises(InputError, match=r"geometry.twins.mine: 'othr' is no method; .*other"):
        wrong.twin("e", "mine", "0")
