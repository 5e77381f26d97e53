"""Rows compared on the same resamples, compounds that training saw, targets, and the gathered scores."""

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks.annotations import relationships
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.replicates import summary, target_map
from cwamsn.benchmarks.scores import as_scores, gather

DOSES = [1.0, 10.0]


@pytest.fixture(scope="module")
def setting():
    """Two maps over 90 genes of CORUM and 20 compounds; in the second, compounds carry their target's vector."""
    genes = sorted(set(relationships("CORUM")["entity1"][:1500]))[:90]
    compounds = [f"c{i:02d}" for i in range(20)]
    rows = [("CRISPR", g, np.nan) for g in genes] + [("COMPOUND", c, d) for c in compounds for d in DOSES]
    keys = pd.DataFrame(rows, columns=["perturbation_type", "perturbation", "concentration"]).assign(n_wells=1)
    rng = np.random.default_rng(0)
    noise, better = rng.normal(size=(2, len(keys), 24))
    target = {c: genes[i // 2] for i, c in enumerate(compounds)}
    for i, row in enumerate(rows):
        if row[0] == "COMPOUND":
            better[i] += 1.5 * better[genes.index(target[row[1]])]
    maps = [pd.concat([keys, pd.DataFrame(x).add_prefix("feature_")], axis=1) for x in (noise, better)]
    truth = pd.DataFrame({"gene_symbol": list(target.values()), "nM_value": 10.0, "treatment": list(target)})
    others = pd.DataFrame({"gene_symbol": genes[10:60], "nM_value": 50000.0, "treatment": "c00"})
    return maps, pd.concat([truth, others], ignore_index=True)


def test_a_row_less_itself_is_exactly_nothing(setting):
    maps, truth = setting
    found = gg.Similarities(maps[0])
    table = gg.paired_difference(found, found, gg.GeneGeneOptions(), BootstrapOptions(resamples=50))
    assert (table[["value", "ci_low", "ci_high"]] == 0).all().all()
    scores = cg.score_compounds(maps[0], truth, draws=3, concentrations=DOSES)
    assert (cg.paired_difference(scores, scores, resamples=50)[["value", "ci_low", "ci_high"]] == 0).all().all()


def test_the_difference_of_means_is_the_mean_difference(setting):
    maps, truth = setting
    scores = [cg.score_compounds(m, truth, draws=5, concentrations=DOSES) for m in maps]
    table = cg.paired_difference(scores[1], scores[0], resamples=200).set_index(["metric", "concentration"])
    for dose in ("1.0", "10.0", "max"):
        means = [cg.summary(s, 10).set_index(["metric", "concentration"])["value"] for s in scores]
        key = ("average_precision_mean", dose)
        assert table.loc[key, "value"] == pytest.approx(means[1][key] - means[0][key], abs=1e-12)
        assert table.loc[key, "ci_low"] > 0  # the second map knows its targets
    options = gg.GeneGeneOptions(sources=["CORUM"], thresholds=[(0.05, 0.95)])
    first, second = (gg.Similarities(m) for m in maps)
    pairs = gg.paired_difference(first, second, options, BootstrapOptions(resamples=50))
    recalls = [gg.gene_gene_recall(m, ["CORUM"], [(0.05, 0.95)])["recall"][0] for m in maps]
    assert pairs.set_index("source").loc["CORUM", "value"] == pytest.approx(recalls[0] - recalls[1])
    assert "joint" in set(pairs["source"])


def test_seen_compounds_are_found_by_connectivity_and_left_out(setting):
    maps, truth = setting
    wells = pd.DataFrame(
        {
            "perturbation_type": "COMPOUND",
            "perturbation": ["c00", "c01", "c02"],
            "inchikey": ["AAAAAAAAAAAAAA-XXXXXXXXXX-N", "BBBBBBBBBBBBBB-YYYYYYYYYY-N", None],
        }
    )
    training = pd.DataFrame(
        {"inchikey": ["AAAAAAAAAAAAAA-ZZZZZZZZZZ-M", "BBBBBBBBBBBBBB-YYYYYYYYYY-N"], "split": ["train", "test"]}
    )
    assert cg.seen_compounds(wells, training) == {"c00"}
    assert cg.seen_compounds(wells, training.assign(split=None)) == {"c00", "c01"}
    assert cg.seen_compounds(wells, training.drop(columns="inchikey")) == set()
    scores = cg.score_compounds(maps[0], truth, draws=4, concentrations=DOSES)
    table = cg.unseen_summary(scores, {"c00", "c01"}, resamples=20).set_index("metric")
    assert table.loc["n_seen_compounds", "value"] == 2
    at = scores.concentrations.index("max")
    expected = scores.values["auc_roc"][:, at, 2:].mean()
    unseen = table[table["concentration"] == "max"].loc["auc_roc_mean_unseen"]
    assert unseen["value"] == pytest.approx(expected) and unseen["n"] == 18
    assert len(cg.unseen_summary(scores, set())) == 1


def test_targets_are_retrieved_where_compounds_resemble_them(setting):
    maps, truth = setting
    weak, strong = (target_map(m, truth, null_size=200) for m in maps)
    assert len(strong) == 10 and (strong["n_compounds"] == 2).all()
    assert strong["mean_average_precision"].mean() > 0.7 > 0.4 > weak["mean_average_precision"].mean()
    assert set(summary(strong, False, "targets")["source"]) == {"targets"}
    nothing = target_map(maps[0], truth.assign(nM_value=5000.0))
    assert nothing.empty and summary(nothing, False, "targets").empty


CORUM = gg.GeneGeneOptions(sources=["CORUM"], thresholds=[(0.05, 0.95)], aliases=None)


def test_experiments_alone_are_not_at_chance_where_processes_share_an_experiment():
    pairs = relationships("CORUM")[:60]
    genes = sorted(set(pairs["entity1"]) | set(pairs["entity2"]))
    fillers = [f"x{i}" for i in range(300)]
    experiments = ["together"] * len(genes) + [f"e{i % 60}" for i in range(300)]
    wells = pd.DataFrame({"perturbation": genes + fillers, "experiment": experiments}).assign(
        perturbation_type="CRISPR"
    )
    apart = wells.assign(experiment=[f"e{i % 60}" for i in range(len(wells))])
    together, chance = (gg.experiment_recall(w, CORUM, draws=5)["recall"][0] for w in (wells, apart))
    assert together > 0.9 and chance < 0.25


def test_experiments_alone_on_the_real_screen(shared):
    """Mean of ten draws: near .103/.102/.121/.126/.111 (30 draws; a draw's std is .006 to .015)."""
    table = pd.read_parquet(shared / "rxrx3_core" / "metadata_without_well_ids.parquet")
    table = table[(table["perturbation_type"] == "CRISPR")]
    wells = pd.DataFrame({"perturbation": table["gene"], "experiment": table["experiment_name"]})
    found = gg.experiment_recall(
        wells.assign(perturbation_type="CRISPR"), gg.GeneGeneOptions(thresholds=[(0.05, 0.95)], aliases=None)
    )
    assert found["n_relationships"].tolist() == [1209, 958, 569, 495, 1737]
    np.testing.assert_allclose(found["recall"], [0.103, 0.102, 0.121, 0.126, 0.111], atol=0.015)


def test_scores_are_gathered_in_the_order_of_the_rows(tmp_path):
    paths = []
    for method in ("b", "a"):
        part = pd.DataFrame({"metric": ["recall", "nothing"], "source": "CORUM", "value": [0.5, np.nan], "n": 7})
        frame = as_scores([part], run="r", method=method, seed=0, benchmark="gene_gene", alignment=None, null="crispr")
        assert len(frame) == 1  # what was not measured has no row
        paths.append(tmp_path / f"{method}.parquet")
        tables.write(frame, "scores", paths[-1])
    found = gather(paths[::-1], ["b", "a"])
    assert found["method"].tolist() == ["b", "a"] and found["alignment"].isna().all()
    tables.write(found, "scores", tmp_path / "all.parquet")
    assert tables.read("scores", tmp_path / "all.parquet")["value"].tolist() == [0.5, 0.5]
    tables.write(gather([]), "scores", tmp_path / "none.parquet")
    assert tables.read("scores", tmp_path / "none.parquet").empty
