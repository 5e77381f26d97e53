"""Gene-gene recall: equal to the published function, to known values on real profiles, and to itself in any order."""

import importlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils import Bunch

from cwamsn.annotation_files import annotation_folder
from cwamsn.benchmarks import gene_gene_recall, relationships
from cwamsn.benchmarks.annotations import joint_relationships
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.gene_gene import GeneGeneOptions, Similarities, summary
from cwamsn.benchmarks.similarity import cosines
from cwamsn.benchmarks.split_half import split_half_by_guide, split_half_summary
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.vocabulary import SOURCES

COUNTS = {"CORUM": 1209, "HuMAP": 958, "Reactome": 569, "SIGNOR": 495, "StringDB": 1737}


def as_map(names, features, kind="CRISPR", concentration=np.nan):
    table = pd.DataFrame({"perturbation_type": kind, "perturbation": names, "concentration": concentration})
    columns = [f"feature_{i}" for i in range(features.shape[1])]
    return pd.concat([table.assign(n_wells=1), pd.DataFrame(features, columns=columns)], axis=1)


@pytest.fixture(scope="module")
def genes(shared):
    return pd.read_csv(shared / "rxrx3_core" / "genes_735.csv")["gene"].tolist()


@pytest.fixture(scope="module")
def some_genes():
    """Genes with relationships that need no test data."""
    pairs = relationships("CORUM")
    return sorted(set(pairs["entity1"][:400]) | set(pairs["entity2"][:400]))


def test_benchmarks_and_annotations_are_there_without_heavy_packages():
    heavy = {"copairs", "efaar_benchmarking", "matplotlib", "snakemake", "torch"}
    code = "import sys; from cwamsn.benchmarks import relationships; relationships('CORUM'); "
    code += f"sys.exit(str({heavy} & set(sys.modules) or ''))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stderr.strip() == ""


def test_relationship_counts_on_the_real_genes(genes):
    assert {source: len(relationships(source, genes)) for source in SOURCES} == COUNTS
    corum, humap = (set(map(tuple, relationships(s, genes).to_numpy())) for s in ("CORUM", "HuMAP"))
    assert len(corum & humap) == 561
    assert len(joint_relationships(["CORUM", "HuMAP"], genes)) == 1209 + 958 - 561


def test_relationships_are_sorted_and_have_no_self_pairs_or_repeats(tmp_path):
    (tmp_path / "own.txt").write_text("entity1,entity2\nB,A\nA,B\nC,C\nNA,B\n")
    pairs = relationships("own", folder=tmp_path)
    assert pairs.to_numpy().tolist() == [["A", "B"], ["B", "NA"]]
    with pytest.raises(InputError, match=r"other\.txt"):
        relationships("other", folder=tmp_path)


def published(perturbation_map):
    """The published function on the CRISPR rows of a map."""
    benchmarking = importlib.import_module("efaar_benchmarking.benchmarking")
    rows = perturbation_map[perturbation_map["perturbation_type"] == "CRISPR"].reset_index(drop=True)
    features = rows[[c for c in rows.columns if c.startswith("feature_")]]
    result = benchmarking.known_relationship_benchmark(
        Bunch(features=features, metadata=rows[["perturbation"]]), pert_col="perturbation", log_stats=True
    )
    return result.set_index("source")


def test_equals_the_published_function(some_genes):
    rng = np.random.default_rng(3)
    names = [*some_genes, "EMPTY_control"]
    factors = rng.normal(size=(len(names), 8)) @ rng.normal(size=(8, 40))
    perturbation_map = as_map(names, factors + rng.normal(size=factors.shape))
    expected, found = published(perturbation_map), gene_gene_recall(perturbation_map)
    assert len(found) == 10
    for row in found.itertuples():
        want = expected.loc[row.source, f"recall_{row.threshold_low}_{row.threshold_high}"]
        assert row.recall == pytest.approx(want, abs=1e-12, nan_ok=True)
    assert (found["n_null_pairs"] == len(names) * (len(names) - 1) // 2).all()
    assert found["recall"].notna().sum() >= 8


def test_few_entities_do_not_raise_as_in_the_published_function(some_genes):
    perturbation_map = as_map(some_genes[:12], np.random.default_rng(0).normal(size=(12, 5)))
    expected, found = published(perturbation_map), gene_gene_recall(perturbation_map, ["CORUM"], [(0.05, 0.95)])
    assert found["recall"][0] == pytest.approx(expected.loc["CORUM", "recall_0.05_0.95"], abs=1e-12, nan_ok=True)


def test_real_gene_profiles(shared):
    table = pd.read_csv(shared / "profiles" / "PERISCOPE_HeLa_HPLM_hits_PCA56.csv")
    found = gene_gene_recall(as_map(table.iloc[:, 0].tolist(), table.iloc[:, 1:].to_numpy()))
    recall = found[found["threshold_low"] == 0.05].set_index("source")["recall"].round(3)
    assert recall.to_dict() == {"CORUM": 0.156, "HuMAP": 0.248, "Reactome": 0.211, "SIGNOR": 0.174, "StringDB": 0.278}


@pytest.mark.slow
def test_gaussian_embeddings_score_chance(genes):
    """100 seeds of Gaussian vectors: mean .100 +- .003 a source, std about .008, .009, .012, .007."""
    values = {source: [] for source in SOURCES}
    for seed in range(100):
        features = np.random.default_rng(seed).normal(size=(736, 384))
        found = gene_gene_recall(as_map([*genes, "EMPTY_control"], features), thresholds=[(0.05, 0.95)])
        for row in found.itertuples():
            values[row.source].append(row.recall)
    spread = {"CORUM": 0.008, "HuMAP": 0.009, "Reactome": 0.012, "StringDB": 0.007}
    for source, recalls in values.items():
        assert np.mean(recalls) == pytest.approx(0.100, abs=0.003)
        assert source not in spread or np.std(recalls) == pytest.approx(spread[source], rel=0.25)


@given(st.permutations(range(60)))
@settings(max_examples=10, deadline=None)
def test_any_order_of_rows_gives_the_same_digits(order):
    names = sorted(set(relationships("CORUM")["entity1"][:2000]))[:60]
    perturbation_map = as_map(names, np.random.default_rng(1).normal(size=(60, 7)))
    expected = gene_gene_recall(perturbation_map)
    pd.testing.assert_frame_equal(gene_gene_recall(perturbation_map.iloc[list(order)]), expected, check_exact=True)


def test_whole_map_null_counts_compounds_and_blocks_agree_with_one_matrix(some_genes):
    rng = np.random.default_rng(5)
    genes = as_map(some_genes, rng.normal(size=(len(some_genes), 6)))
    compounds = pd.concat([as_map([f"c{i}" for i in range(1100)], rng.normal(size=(1100, 6)), "COMPOUND", 1.0)])
    whole = pd.concat([genes, compounds], ignore_index=True)
    n = len(whole)
    found = gene_gene_recall(whole, ["CORUM"], [(0.1, 0.9)], null="whole-map")
    assert found["n_null_pairs"][0] == n * (n - 1) // 2
    similar = Similarities(whole, "whole-map")
    matrix = cosines(whole[[f"feature_{i}" for i in range(6)]].to_numpy())
    np.testing.assert_allclose(similar.null, np.sort(matrix[np.triu_indices(n, 1)]), atol=1e-14)
    rows = {name: i for i, name in enumerate(some_genes)}
    order = [rows[g] for g in similar.genes]
    np.testing.assert_allclose(similar.matrix, matrix[np.ix_(order, order)], atol=1e-14)


def test_a_pair_that_is_recalled_lies_in_a_tail():
    names = ["A", "B", "C", "D"]
    perturbation_map = as_map(names, np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [0.4, 0.6]]))
    similar = Similarities(perturbation_map)
    pairs = pd.DataFrame({"entity1": ["A", "A", "C"], "entity2": ["B", "C", "D"]})
    assert similar.recalled(pairs, 0.17, 0.83).tolist() == [True, True, False]


def test_excluded_genes_leave_map_null_and_relationships(genes):
    features = np.random.default_rng(0).normal(size=(735, 16))
    found = gene_gene_recall(as_map(genes, features), exclude=["MTOR", "PLK1"])
    assert (found["n_null_pairs"] == 733 * 732 // 2).all()
    assert (found.drop_duplicates("source").set_index("source")["n_relationships"] < pd.Series(COUNTS)).any()


def test_summary_holds_intervals_and_a_joint_recall(genes):
    similar = Similarities(as_map(genes, np.random.default_rng(0).normal(size=(735, 16))))
    table = summary(
        similar, GeneGeneOptions(thresholds=[(0.05, 0.95)], aliases=None), BootstrapOptions(resamples=200)
    ).set_index("source")
    assert (table["ci_low"] < table["value"]).all() and (table["value"] < table["ci_high"]).all()
    assert table.loc["joint", "n"] < sum(COUNTS.values())


def test_an_offset_that_all_vectors_share_is_said(some_genes):
    rng, options = np.random.default_rng(0), GeneGeneOptions(sources=["CORUM"], aliases=None)
    values = rng.standard_normal((len(some_genes), 16))
    with collected() as said:
        summary(Similarities(as_map(some_genes, values)), options, BootstrapOptions(resamples=2))
    assert not any("one direction" in line for line in said)
    with collected() as said:
        summary(Similarities(as_map(some_genes, values + 10)), options, BootstrapOptions(resamples=2))
    assert any("half of all pairs have a cosine above 0.99: the vectors share one direction" in line for line in said)


def test_split_halves_find_themselves_when_guides_agree_and_not_otherwise():
    rng = np.random.default_rng(0)
    rows = [(f"g{i}", f"g{i}_guide_{k}", f"w{i}_{k}_{r}") for i in range(40) for k in range(6) for r in range(2)]
    wells = pd.DataFrame(rows, columns=["gene", "guide", "well_id"])
    signal = rng.normal(size=(40, 16))[wells["gene"].str[1:].astype(int)]
    noise = rng.normal(size=(len(wells), 16))
    strong = split_half_summary(split_half_by_guide(signal + 0.1 * noise, wells)).set_index("metric")["value"]
    none = split_half_summary(split_half_by_guide(noise, wells)).set_index("metric")["value"]
    assert strong["split_half_recall"].min() > 0.99 and strong["split_half_top1"].min() > 0.99
    assert none["split_half_recall"].iloc[0] < 0.2 and none["split_half_top1"].max() < 0.1


def test_no_guides_give_no_ceiling():
    wells = pd.DataFrame({"gene": ["A", "B"], "guide": [None, None], "well_id": ["1", "2"]})
    assert split_half_by_guide(np.eye(2), wells).empty


def test_bad_maps_are_named():
    features = np.random.default_rng(0).normal(size=(3, 4))
    with pytest.raises(InputError, match="'A'"):
        gene_gene_recall(as_map(["A", "A", "B"], features))
    with pytest.raises(InputError, match="CRISPR rows"):
        gene_gene_recall(as_map(["a", "b", "c"], features, "COMPOUND"))
    with pytest.raises(InputError, match="null_rows"):
        gene_gene_recall(as_map(["a", "b", "c"], features), null="everything")


def test_annotation_folder_holds_every_source():
    assert all((annotation_folder() / f"{source}.txt").exists() for source in SOURCES)
