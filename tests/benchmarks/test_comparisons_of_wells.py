"""Methods compared at levels of stringency, replicates and enrichment: paired resamples against naive versions."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.benchmarks import comparison
from cwamsn.benchmarks import enrichment as en
from cwamsn.benchmarks import stringency as st
from cwamsn.benchmarks.bootstrap import BootstrapOptions, resample_counts
from cwamsn.errors import InputError
from cwamsn.notes import collected

QUICK = BootstrapOptions(resamples=80, seed=3)
OPTIONS = comparison.ComparisonOptions(bootstrap=QUICK)


def wells(n=240, compounds=24):
    draw = np.random.default_rng(0)
    names = np.array([f"c{i:02d}" for i in draw.integers(0, compounds, n)], dtype=object)
    frame = pd.DataFrame(
        {
            "well_id": [f"w{i:03d}" for i in range(n)],
            "experiment": draw.choice(["b1", "b2"], n),
            "address": draw.choice(["A01", "A02", "B01"], n),
            "perturbation": names,
            "perturbation_type": "COMPOUND",
            "control": np.where(draw.random(n) < 0.1, "negative", None),
        }
    )
    return frame.assign(split=np.where(frame["perturbation"] < "c12", "train", "test"))


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """Wells, and vectors of a method that knows compounds and of one that knows nothing; mechanisms of four each."""
    table = wells()
    draw = np.random.default_rng(1)
    number = table["perturbation"].str[1:].astype(int).to_numpy()
    own, mechanism, noise = draw.normal(size=(24, 6)), draw.normal(size=(6, 6)), draw.normal(size=(len(table), 6))
    labels = tmp_path_factory.mktemp("labels") / "labels.csv"
    lines = [f"c{i:02d},mechanism {i // 4}" for i in range(24)]
    labels.write_text("\n".join(["compound,moa", *lines]))
    return table, (noise + own[number] + mechanism[number // 4], draw.normal(size=noise.shape)), str(labels)


@pytest.fixture(scope="module")
def retrieved(screen):
    table, vectors, _ = screen
    options = st.RetrievalOptions(levels=["NR", "NSB", "NSL"])
    results = [st.score(x, table, options, QUICK, in_sample=seen) for x, seen in zip(vectors, (True, False))]
    return results, tuple(result.table for result in results)


@pytest.fixture(scope="module")
def enriched(screen):
    table, vectors, labels = screen
    options = en.EnrichmentOptions(labels=labels, levels=["NR", "NSB"])
    results = [en.score(x, table, options, QUICK) for x in vectors]
    return results, tuple(result.table for result in results)


def test_differences_of_retrieval_are_differences_of_its_scores(retrieved):
    results, tables = retrieved
    found = st.paired_difference(*tables, QUICK).set_index(["metric", "source", "null"])
    first, second = (pd.concat(result.parts) for result in results)
    first["source"] = first["source"].str.replace(" (in-sample)", "", regex=False)
    scores = [frame.set_index(["metric", "source", "null"]) for frame in (first, second)]
    assert set(found.index) == set(scores[0].index) and ("recall_at_1", "NSB, test", "perturbations") in found.index
    assert ("mean_average_precision", "NSL", "controls") in found.index
    for key in found.index:
        assert found.loc[key, "value"] == pytest.approx(scores[0].loc[key, "value"] - scores[1].loc[key, "value"])
        assert found.loc[key, "n"] == scores[0].loc[key, "n"]


def test_its_intervals_are_of_resampled_perturbations(retrieved):
    tables = retrieved[1]
    found = st.paired_difference(*tables, QUICK).set_index(["metric", "source", "null"])
    first, second = (t[(t["level"] == "NSB") & (t["distractors"] == "perturbations")] for t in tables)
    less = first.set_index("well_id")["hit"] - second.set_index("well_id")["hit"]
    groups = first.set_index("well_id")["group"]
    names = sorted(set(groups))
    samples = [
        np.average(less, weights=groups.map(dict(zip(names, counts))))
        for counts in resample_counts(len(names), QUICK.resamples, QUICK.seed)
    ]
    row = found.loc[("recall_at_1", "NSB", "perturbations")]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(np.quantile(samples, [0.025, 0.975])), abs=1e-12)
    assert row["ci_low"] > 0, "the first method knows its compounds"


def test_differences_of_enrichment_are_differences_of_its_scores(enriched):
    results, tables = enriched
    found = en.paired_difference(*tables, QUICK).set_index(["metric", "source"])
    scores = [pd.concat(result.parts).set_index(["metric", "source"]) for result in results]
    assert {source for _, source in found.index} == {
        f"mechanisms {level}{part}" for level in ("NR", "NSB") for part in ("", ", train", ", test")
    }
    for key in found.index:
        assert found.loc[key, "value"] == pytest.approx(scores[0].loc[key, "value"] - scores[1].loc[key, "value"])
        assert found.loc[key, "n"] == scores[0].loc[key, "n"]
    row = found.loc[("geometric_mean_odds_ratio", "mechanisms NR")]
    assert row["ci_low"] <= row["value"] <= row["ci_high"]


def test_its_ratios_are_resampled_by_compound(enriched):
    tables = enriched[1]
    found = en.paired_difference(*tables, QUICK).set_index(["metric", "source"])
    first, second = (t[t["level"] == "NSB"].reset_index(drop=True) for t in tables)
    names = sorted(set(first["item"]))
    samples = []
    for counts in resample_counts(len(names), QUICK.resamples, QUICK.seed):
        weights = first["item"].map(dict(zip(names, counts)))
        means = [np.exp(np.average(np.log(t["odds_ratio"]), weights=weights)) for t in (first, second)]
        samples.append(means[0] - means[1])
    row = found.loc[("geometric_mean_odds_ratio", "mechanisms NSB")]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(np.quantile(samples, [0.025, 0.975])), abs=1e-9)


def test_databases_are_averaged_as_the_scores_average_them():
    draw = np.random.default_rng(2)

    def table(relation, items):
        ratio, p = np.exp(draw.normal(size=len(items))), draw.random(len(items)) / 8
        frame = pd.DataFrame({"item": items, "block": "", "odds_ratio": ratio, "p_value": p})
        return frame.assign(relation=relation, level="NR")

    tables = [pd.concat([table("CORUM", list("abcdef")), table("HuMAP", list("cdeg"))]) for _ in range(2)]
    found = en.paired_difference(*tables, QUICK).set_index(["metric", "source"])
    shares, logs = (
        [f.groupby("relation")[column].mean().mean() for f in (t.assign(low=t["p_value"] < 0.05) for t in logged)]
        for column, logged in (("low", tables), ("log", [t.assign(log=np.log(t["odds_ratio"])) for t in tables]))
    )
    assert found.loc[("share_significant", "pathways NR"), "value"] == pytest.approx(shares[0] - shares[1])
    ratio = found.loc[("geometric_mean_odds_ratio", "pathways NR")]
    assert ratio["value"] == pytest.approx(np.exp(logs[0]) - np.exp(logs[1])) and ratio["ci_low"] < ratio["ci_high"]


def test_a_method_less_itself_is_exactly_nothing(retrieved, enriched):
    for compare, tables in ((st.paired_difference, retrieved[1]), (en.paired_difference, enriched[1])):
        assert (compare(tables[0], tables[0], QUICK)[["value", "ci_low", "ci_high"]] == 0).all().all()


def test_queries_that_one_method_lacks_are_counted(retrieved):
    tables = retrieved[1]
    with collected() as notes:
        st.paired_difference(tables[0].iloc[:-5], tables[1], QUICK)
    assert notes == ["retrieval: 5 queries that one of the two methods lacks are not compared"]
    with pytest.raises(InputError, match="no query in common"):
        st.paired_difference(tables[0].assign(well_id="x" + tables[0]["well_id"]), tables[1], QUICK)
    with pytest.raises(InputError, match="other groups of replicates"):
        st.paired_difference(tables[0].assign(group="x"), tables[1], QUICK)


def test_one_comparison_holds_everything_that_two_methods_have(retrieved, enriched):
    given = comparison.OfWells(retrieval=retrieved[1], enrichment=enriched[1])
    scores = comparison.score(None, "b", OPTIONS, of_wells=given).scores(
        run="r", screen="s", method="a", seed=0, benchmark="comparison", alignment="none"
    )
    assert {"recall_at_1_minus_b", "mean_average_precision_by_group_minus_b", "share_significant_minus_b"} <= set(
        scores["metric"]
    )
