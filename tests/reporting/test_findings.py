"""The three sentences that a report opens with: all of them from the run's scores and descriptions."""

import pandas as pd
import pytest

from cwamsn.files import write_json
from cwamsn.reporting import TableMethod
from cwamsn.reporting.findings import Difference, find, listing

SCREENS = {"t": {"source": "bray"}, "s": {"source": "rxrx3-core"}}
CONFIG = {
    "training_screen": "t",
    "screens": SCREENS,
    "evaluate": {"s": ["gene_gene", "some_new_one"]},
    "alignment": {"method": "pca-center-scale"},
    "gene_gene": {"null_rows": "crispr"},
    "comparisons": [["a", "c"], ["a", "b"], ["b", "c"]],
}
METHODS = [TableMethod(name=name, title=name.upper(), kind="trained") for name in "abc"]


def difference(method, other, value, low, high, seed=0, **more):
    fixed = {"screen": "s", "benchmark": "comparison", "source": "joint", "threshold_low": 0.05, "threshold_high": 0.95}
    fixed |= {"alignment": "pca-center-scale", "null": "crispr", "metric": f"recall_minus_{other}", "method": method}
    return fixed | {"seed": seed, "value": value, "ci_low": low, "ci_high": high, "concentration": None} | more


def frame(*rows):
    columns = ["screen", "method", "seed", "benchmark", "source", "metric", "value", "alignment", "null"]
    columns += ["concentration", "threshold_low", "threshold_high", "ci_low", "ci_high"]
    return pd.DataFrame(list(rows), columns=columns).astype({"value": float, "threshold_low": float})


def logs(tmp_path, **steps):
    found = {}
    for title, count in steps.items():
        recipe = {"recipe": {}, "channels": ["x"], "steps": count, "images": 1000 * len(found) + 500}
        write_json(recipe, tmp_path / title / "encoder.json")
        found[title] = [tmp_path / title / "log.csv"]
    return found


def sentences(scores, tmp_path, config=CONFIG, tables=(), methods=METHODS, **steps):
    return find({"configuration": config}, methods, scores, logs(tmp_path, **steps), tables)


def test_the_first_sentence_says_what_was_trained_on_what_and_what_was_scored(tmp_path):
    first = sentences(frame(), tmp_path, A=400, B=400, C=0)[0]
    assert first == (
        "A and B were trained here on 500 to 1,500 images of t, and scored beside C on s by gene-gene recall and "
        "some new one."
    )
    maps = [TableMethod(name="m", title="My map", kind="map")]
    config = CONFIG | {"evaluate": ["gene_gene"], "training_screen": None, "comparisons": []}
    first, second, third = sentences(frame(), tmp_path, config, methods=maps)
    assert first == "Nothing was trained here: My map was scored on finished maps alone by gene-gene recall."
    assert second.startswith("No two methods were compared on the same resamples (key comparisons)")
    assert third == "No screen was read; no published number stands in the tables: all were measured here."


def test_the_second_sentence_tells_apart_only_what_the_interval_tells_apart(tmp_path):
    rows = [
        difference("b", "a", -0.2, -0.3, -0.1),  # the other way round: a is above b
        difference("a", "c", 0.05, -0.01, 0.1),
        difference("b", "c", 0.3, 0.2, 0.4),
        difference("a", "c", 9.0, 8.0, 10.0, alignment="another"),
        difference("a", "c", 9.0, 8.0, 10.0, threshold_low=0.1, threshold_high=0.9),
    ]
    found = find({"configuration": CONFIG}, METHODS, frame(*rows), {}, ())
    assert found[1] == (
        "In recall of known gene-gene relationships over all sources, A is not told apart from C (+0.050, 95 % "
        "interval -0.010 to +0.100) and above B (+0.200, 95 % interval +0.100 to +0.300)."
    )
    assert len(found) == 3


def test_several_seeds_are_told_apart_only_where_all_agree(tmp_path):
    rows = [difference("a", "b", value, value - 0.1, value + 0.1, seed) for seed, value in enumerate((0.2, 0.3, 0.4))]
    text = sentences(frame(*rows), tmp_path)[1]
    assert "A is above B (+0.300 in the mean of 3 seeds, their 95 % intervals span +0.100 to +0.500)" in text
    rows[0] |= {"ci_low": -0.01}
    assert "A is not told apart from B (+0.300 in the mean" in sentences(frame(*rows), tmp_path)[1]
    rows = [difference("a", "b", 0.2, 0.1, 0.3), difference("a", "b", -0.2, -0.3, -0.1, seed=1)]
    assert "A is not told apart from B" in sentences(frame(*rows), tmp_path)[1], "seeds that contradict each other"


def test_without_comparisons_values_stand_without_a_verdict(tmp_path):
    rows = [
        difference(m, "", v, None, None, benchmark="gene_gene", metric="recall") for m, v in (("a", 0.3), ("b", 0.2))
    ]
    text = sentences(frame(*rows), tmp_path)[1]
    assert text.startswith("In recall of known gene-gene relationships over all sources: A 0.300 and B 0.200; no two")


def test_what_can_be_read_of_a_simulated_phenotype_is_said_from_the_best_down(tmp_path):
    read = {"source": None, "benchmark": "latent_probe", "metric": "phenotype_r2", "threshold_low": None}
    values = [("a", 0.25, 0), ("a", 0.15, 1), ("b", 0.3, 0), ("r", -0.01, 0), ("o", 1.0, 0)]
    rows = [difference(name, "", value, None, None, seed, **read) for name, value, seed in values]
    bounds = [TableMethod(name="r", title="Random", kind="random"), TableMethod(name="o", title="Best", kind="latent")]
    text = sentences(frame(*rows), tmp_path, methods=[*METHODS, *bounds])[1]
    assert text.endswith("can be read from the embeddings, without an interval: B 0.300 and A 0.200.")


def test_each_screen_has_its_own_sentence(tmp_path):
    config = CONFIG | {"evaluate": {"s": ["gene_gene"], "t": ["gene_gene"]}}
    rows = [difference("a", "b", 0.2, 0.1, 0.3), difference("a", "b", -0.2, -0.3, -0.1, screen="t")]
    text = sentences(frame(*rows), tmp_path, config)[1]
    assert text.startswith("On s: In recall") and " A is above B" in text.split("On t:")[0]
    assert " A is below B" in text.split("On t:")[1]


def test_the_third_sentence_says_what_is_simulated_and_what_is_quoted(tmp_path):
    quoted = '<td class="quoted number" data-label="CORUM">.386</td><td class="quoted number" data-label="x"></td>'
    config = CONFIG | {"screens": SCREENS | {"t": {"source": "simulated-bray"}}}
    assert sentences(frame(), tmp_path, config, [quoted, quoted])[2] == (
        "t is simulated, and what is measured on it says nothing about a method on real cells; the 2 numbers in "
        "italics are quoted from the paper, all others were measured here."
    )
    assert sentences(frame(), tmp_path)[2].startswith(
        "No screen is simulated; no published number stands in the tables"
    )


def test_a_difference_turned_round_is_the_same_difference():
    found = Difference("a", "b", 0.1, -0.05, 0.2, 0, 1)
    assert found.flipped().flipped() == found and found.flipped()[2:5] == pytest.approx((-0.1, -0.2, 0.05))


def test_parts_are_listed_as_in_a_sentence():
    assert [listing(list(text)) for text in ("", "a", "ab", "abc")] == ["nothing", "a", "a and b", "a, b and c"]


def test_a_run_that_compares_other_benchmarks_is_not_said_to_compare_none(tmp_path):
    more = {"source": "NSB", "metric": "recall_at_1_minus_b", "null": "perturbations"}
    more |= {"threshold_low": None, "threshold_high": None}
    text = sentences(frame(difference("a", "b", 0.2, 0.1, 0.3, **more)), tmp_path)[1]
    assert text == "In replicates, Recall@1 at level NSB, A is above B (+0.200, 95 % interval +0.100 to +0.300)."
