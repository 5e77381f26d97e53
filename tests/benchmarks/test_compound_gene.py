"""Compound-gene AP and AUC: equal to scikit-learn and to a naive loop, and to themselves in any order."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, roc_auc_score

from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.errors import InputError
from cwamsn.notes import collected


def as_map(genes, compounds, doses, features):
    rows = [("CRISPR", g, np.nan) for g in genes] + [("COMPOUND", c, d) for c in compounds for d in doses]
    table = pd.DataFrame(rows, columns=["perturbation_type", "perturbation", "concentration"]).assign(n_wells=1)
    return pd.concat([table, pd.DataFrame(features[: len(table)]).add_prefix("feature_")], axis=1)


@pytest.fixture(scope="module")
def small():
    """A map of 60 genes, 12 compounds at 3 doses, and a truth table with every class of value."""
    rng = np.random.default_rng(0)
    genes, compounds = [f"G{i:02d}" for i in range(60)], [f"c{i}" for i in range(12)]
    perturbation_map = as_map(genes, compounds, [0.1, 1.0, 10.0], rng.normal(size=(200, 8)))
    rows = [
        (gene, float(value), compound)
        for compound in [*compounds, "absent"]
        for gene, value in zip(
            rng.choice([*genes[:55], "MISSING"], 14, replace=False),
            rng.choice([5, 900, 1000, 1001, 9999, 10000, 5e4], 14),
        )
    ]
    rows += [("G01", 20000.0, "c0"), ("G01", 3.0, "c0")]
    return perturbation_map, pd.DataFrame(rows, columns=["gene_symbol", "nM_value", "treatment"])


def naive(perturbation_map, truth, draw, concentrations):
    """The benchmark as published, one pair at a time, with scikit-learn's metrics."""
    features = [c for c in perturbation_map.columns if c.startswith("feature_")]
    vectors = {
        (r.perturbation_type, r.perturbation, None if np.isnan(r.concentration) else r.concentration): x
        for r, x in zip(perturbation_map.itertuples(), perturbation_map[features].to_numpy())
    }

    def score(compound, gene, dose):
        a, b = vectors["COMPOUND", compound, dose], vectors["CRISPR", gene, None]
        return abs(a @ b) / np.sqrt((a @ a) * (b @ b))

    in_map = {name for kind, name, _ in vectors if kind == "CRISPR"}
    all_genes = set(truth["gene_symbol"]) & in_map
    out = {dose: [] for dose in [*concentrations, "max"]}
    for compound in sorted(set(truth["treatment"])):
        own = truth[(truth["treatment"] == compound) & truth["gene_symbol"].isin(in_map)]
        actives = list(dict.fromkeys(own.loc[own["nM_value"] <= 1000, "gene_symbol"]))
        ambiguous = set(own.loc[(own["nM_value"] > 1000) & (own["nM_value"] <= 10000), "gene_symbol"])
        if not actives or not any(("COMPOUND", compound, d) in vectors for d in concentrations):
            continue
        eligible = sorted(all_genes - set(actives) - ambiguous)
        n = min(max(2 * len(actives), 20), len(eligible))
        negatives = list(np.random.default_rng(draw).choice(eligible, n, replace=False))
        labels = [1] * len(actives) + [0] * n
        rows = {
            d: [score(compound, g, d) for g in actives + negatives]
            for d in concentrations
            if ("COMPOUND", compound, d) in vectors
        }
        rows["max"] = np.max(list(rows.values()), axis=0)
        for dose, scores in rows.items():
            out[dose].append((average_precision_score(labels, scores), roc_auc_score(labels, scores)))
    return {dose: np.mean(values, axis=0) for dose, values in out.items() if values}


def test_equals_a_naive_loop(small):
    perturbation_map, truth = small
    perturbation_map = perturbation_map.drop(index=perturbation_map.index[62])  # one compound lacks a dose
    doses = [0.1, 1.0, 10.0]
    table = cg.compound_gene_table(cg.score_compounds(perturbation_map, truth, draws=4, concentrations=doses))
    for draw in range(4):
        expected = naive(perturbation_map, truth, draw, doses)
        for dose, (ap, auc) in expected.items():
            row = table[(table["draw"] == draw) & (table["concentration"] == str(dose))].iloc[0]
            assert row["average_precision"] == pytest.approx(ap, abs=1e-12)
            assert row["auc_roc"] == pytest.approx(auc, abs=1e-12)
    assert set(table["concentration"]) == {"0.1", "1.0", "10.0", "max"}
    counts = table.groupby("concentration")["n_compounds"].first().to_dict()
    assert counts == {"0.1": 12, "1.0": 12, "10.0": 11, "max": 12}


@given(
    hnp.arrays(np.float64, (3, 17), elements=st.integers(0, 6).map(float)),
    hnp.arrays(bool, (3, 17)).filter(lambda x: x.any(axis=1).all() and (~x).any(axis=1).all()),
)
@settings(max_examples=200, deadline=None)
def test_metrics_equal_scikit_learn_with_ties(scores, labels):
    ap, auc = cg.average_precision_and_auc(labels, scores)
    for i in range(3):
        assert ap[i] == pytest.approx(average_precision_score(labels[i], scores[i]), abs=1e-12)
        assert auc[i] == pytest.approx(roc_auc_score(labels[i], scores[i]), abs=1e-12)


def test_one_draw_uses_the_published_generator():
    chosen = cg.Negatives(3).of("anything", 2, 50)
    assert chosen.shape == (3, 20)
    for draw in range(3):
        expected = np.sort(np.random.default_rng(draw).choice(np.arange(50), 20, replace=False))
        assert (chosen[draw] == expected).all()
    assert cg.Negatives(1).of("x", 30, 500).shape == (1, 60)
    assert cg.Negatives(1).of("x", 30, 15).shape == (1, 15)


def test_independent_negatives_differ_between_compounds_and_all_takes_every_gene():
    draws = cg.Negatives(5, "independent")
    assert (draws.of("a", 2, 300) != draws.of("b", 2, 300)).any()
    assert (draws.of("a", 2, 300) == cg.Negatives(5, "independent").of("a", 2, 300)).all()
    assert cg.Negatives(5, "all").of("a", 2, 300).shape == (1, 300)
    with pytest.raises(InputError, match="published"):
        cg.Negatives(5, "some")


def test_all_negatives_have_no_draw_noise(small):
    scores = cg.score_compounds(*small, draws=3, negatives="all", concentrations=[0.1, 1.0, 10.0])
    table = cg.compound_gene_table(scores)
    assert table.groupby("concentration")["average_precision"].nunique().eq(1).all()
    assert table.groupby("concentration")["baseline_average_precision"].nunique().gt(1).all()


def test_the_form_of_the_polaris_benchmark_is_scikit_learns_precision_grouped_by_treatment(small):
    perturbation_map, truth = small
    result = cg.score(perturbation_map, truth, cg.CompoundGeneOptions(draws=2), BootstrapOptions(resamples=50))
    parts = pd.concat(result.parts)
    row = parts[(parts["metric"] == "pr_auc_by_treatment") & (parts["concentration"] == "max")].iloc[0]
    vectors = perturbation_map.filter(like="feature_").to_numpy()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    names, in_map = perturbation_map["perturbation"].to_numpy(), set(perturbation_map["perturbation"])
    genes = sorted(set(truth["gene_symbol"]) & in_map)
    pairs = []
    for compound in sorted(set(truth["treatment"]) & in_map):
        own = truth[truth["treatment"] == compound].groupby("gene_symbol")["nM_value"].min()
        for gene in genes:
            value = own.get(gene, np.inf)
            if not 1000 < value <= 10000:
                score = np.abs(unit[names == compound] @ unit[names == gene].T).max()
                pairs.append((compound, value <= 1000, score))
    frame = pd.DataFrame(pairs, columns=["treatment", "active", "score"])
    frame = frame[frame.groupby("treatment")["active"].transform("any")]
    grouped = [average_precision_score(part["active"], part["score"]) for _, part in frame.groupby("treatment")]
    assert row["value"] == pytest.approx(np.mean(grouped), abs=1e-12) and row["n"] == len(grouped)
    assert row["ci_low"] < row["value"] < row["ci_high"]
    chance = parts[(parts["metric"] == "baseline_pr_auc_by_treatment") & (parts["concentration"] == "max")].iloc[0]
    assert 0 < chance["value"] < 1


def test_truth_is_classed_and_what_is_missing_counted(small):
    truth = small[1]
    known = cg.read_truth(truth, [f"G{i:02d}" for i in range(60)], [f"c{i}" for i in range(12)])
    assert known.n_missing_genes == 1 and known.n_missing_compounds == 1
    genes = np.array(known.genes)
    for compound, active, eligible in zip(known.compounds, known.active, known.eligible):
        own = truth[truth["treatment"] == compound]
        for gene in genes[active]:
            assert own.loc[own["gene_symbol"] == gene, "nM_value"].min() <= 1000
        for gene in genes[eligible]:
            values = own.loc[own["gene_symbol"] == gene, "nM_value"]
            assert values.empty or (values > 10000).all()
    first = known.compounds.index("c0")
    assert known.cluster[first] in set(genes[known.active[first]])


@given(st.permutations(range(96)), st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_any_order_of_rows_gives_the_same_digits(small, order, random):
    perturbation_map, truth = small
    shuffled = list(range(len(truth)))
    random.shuffle(shuffled)
    options = {"draws": 3, "concentrations": [0.1, 1.0, 10.0]}
    expected = cg.compound_gene_table(cg.score_compounds(perturbation_map, truth, **options))
    found = cg.score_compounds(perturbation_map.iloc[list(order)], truth.iloc[shuffled], **options)
    pd.testing.assert_frame_equal(cg.compound_gene_table(found), expected, check_exact=True)


def test_hash_seed_and_threads_change_no_digit(small, tmp_path):
    small[0].to_parquet(tmp_path / "map.parquet")
    small[1].to_parquet(tmp_path / "truth.parquet")
    code = """
import sys, hashlib, pandas as pd
from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks.bootstrap import BootstrapOptions
m, t = (pd.read_parquet(f"{sys.argv[1]}/{n}.parquet") for n in ("map", "truth"))
s = cg.score_compounds(m, t, draws=5, concentrations=[0.1, 1.0, 10.0])
print(hashlib.sha256(b"".join(v.tobytes() for v in s.values.values())).hexdigest())
print(hashlib.sha256(cg.summary(s, 50).to_csv().encode()).hexdigest())
"""
    seen = set()
    for hash_seed, threads in (("0", "1"), ("1", "2"), ("7", "1")):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads}
        command = [sys.executable, "-c", code, str(tmp_path)]
        seen.add(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
    assert len(seen) == 1


@pytest.fixture(scope="module")
def real(shared):
    folder = shared / "rxrx3_core"
    genes = pd.read_csv(folder / "genes_735.csv")["gene"].tolist()
    compounds = pd.read_csv(folder / "compounds_1674.csv")["treatment"].tolist()
    return genes, compounds, cg.load_truth(folder / "compound_gene_interactions.csv")


def test_random_scores_on_the_real_table(real):
    """Random scores: AP .222 +- .003, AUC .500 +- .005, over 487 compounds; the baseline's std over draws is .008."""
    genes, compounds, truth = real
    features = np.random.default_rng(0).normal(size=(736 + len(compounds), 8))
    perturbation_map = as_map([*genes, "EMPTY_control"], compounds, [10.0], features)
    scores = cg.score_compounds(perturbation_map, truth, draws=100, concentrations=[10.0])
    table = cg.compound_gene_table(scores)
    assert set(table["n_compounds"]) == {487}
    assert len(scores.truth.genes) == 351
    baseline = table[["baseline_average_precision", "baseline_auc_roc"]].to_numpy()
    assert baseline[:, 0].mean() == pytest.approx(0.222, abs=0.003)
    assert baseline[:, 1].mean() == pytest.approx(0.500, abs=0.005)
    assert baseline[:, 0].std(ddof=1) == pytest.approx(0.008, abs=0.002)


def test_z_score_is_the_papers_formula():
    """Table 2: CWA-MSN's AUC .556 +- .019 against .500 +- .004 prints 2.88; ViT-WSL's AP .259 +- .013 prints 3.37."""
    model = 0.556 + 0.019 / np.sqrt(2) * np.array([-1, 1])
    baseline = 0.500 + 0.004 / np.sqrt(2) * np.array([-1, 1])
    assert cg.z_score(model, baseline) == pytest.approx(2.88, abs=0.005)
    model, baseline = 0.259 + 0.013 / np.sqrt(2) * np.array([-1, 1]), 0.214 + 0.003 / np.sqrt(2) * np.array([-1, 1])
    assert cg.z_score(model, baseline) == pytest.approx(3.37, abs=0.005)


def test_summary_never_gives_z_without_an_interval(small):
    table = cg.summary(cg.score_compounds(*small, draws=10, concentrations=[0.1, 1.0, 10.0]), resamples=100)
    z = table[table["metric"].str.endswith("_z")]
    assert len(z) == 2 * 4 and z[["ci_low", "ci_high"]].notna().all().all()
    assert (z["ci_low"] <= z["value"]).all() and (z["value"] <= z["ci_high"]).all()
    means = table[table["metric"].str.endswith("_mean")]
    assert (means["ci_low"] <= means["value"]).all() and (means["value"] <= means["ci_high"]).all()


def test_excluded_compounds_are_left_out(small):
    scores = cg.score_compounds(*small, draws=2, concentrations=[10.0], exclude=["c0", "c1"])
    assert not {"c0", "c1"} & set(scores.truth.compounds)


def test_bad_truth_is_named(tmp_path, small):
    path = tmp_path / "truth.csv"
    path.write_text("gene_symbol,treatment\nA,b\n")
    with pytest.raises(InputError, match="nM_value"):
        cg.load_truth(path)
    path.write_text("gene_symbol,treatment,nM_value\nA,b,high\n")
    with pytest.raises(InputError, match="row 0"):
        cg.load_truth(path)
    with pytest.raises(InputError, match="no such truth table"):
        cg.load_truth(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="no compound"):
        cg.score_compounds(small[0], small[1].assign(treatment="other"), draws=1)


TABLE = "gene_symbol,nM_value,treatment\nA,5,b\nC,50,d\n"


@pytest.mark.parametrize(
    "content",
    [
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE + ",,\n,,\n",
        TABLE.replace("A,5,b", " A , 5 ,b ").encode("utf-8-sig"),
        gzip.compress(TABLE.encode(), mtime=0),
    ],
)
def test_a_truth_table_is_read_as_laboratories_write_it(tmp_path, content):
    path = tmp_path / "truth.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    wanted = pd.DataFrame({"gene_symbol": ["A", "C"], "nM_value": [5, 50], "treatment": ["b", "d"]})
    pd.testing.assert_frame_equal(cg.load_truth(path), wanted, check_dtype=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header"),
        (TABLE.partition("\n")[0].encode(), "has no row"),
        (TABLE.encode("utf-16"), "UTF-16"),
        (TABLE.encode() + b"E,5,\xdcber\n", "line 4 is not UTF-8"),
        (b"PAR1" + bytes(99), "a Parquet file"),
        (b"PK\x03\x04" + bytes(99), "an Excel workbook"),
        (TABLE.encode() + b"a,5,c,d,e\n", "row 2 has 5 cells"),
        (TABLE.encode() + b"E,-5,b\n", "row 2 has nM_value '-5'"),
        (TABLE.encode() + b"E,>5,b\n", "row 2 has nM_value '>5'"),
        (TABLE.encode() + b",5,b\n", "row 2 has no gene_symbol"),
    ],
)
def test_an_unreadable_truth_table_is_one_line(tmp_path, content, message):
    path = tmp_path / "truth.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        cg.load_truth(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(InputError, match="not a readable table"):
        cg.load_truth(tmp_path)


def test_compounds_without_a_dose_that_is_scored_are_said(small):
    perturbation_map, truth = small
    own = perturbation_map["perturbation"] == "c0"
    with collected() as said:
        lost = perturbation_map[~own | ~perturbation_map["perturbation"].duplicated()]
        cg.score_compounds(lost.assign(concentration=lost["concentration"].mask(own)), truth, 1)
    assert said == [
        "1 compounds of the map have no dose (concentration, in µM) and are not scored (such as c0)",
    ]
    none = perturbation_map.drop_duplicates("perturbation").assign(concentration=np.nan)
    with pytest.raises(InputError, match=r"the 12 compounds of the map have no dose .*; give their doses"):
        cg.score_compounds(none, truth, 1)
    with pytest.raises(InputError, match=r"have no dose that is scored \(5.0\)"):
        cg.score_compounds(perturbation_map, truth, 1, concentrations=[5.0])


def test_maps_that_cannot_be_scored_are_refused(small):
    perturbation_map, truth = small
    twice = pd.concat([perturbation_map, perturbation_map.iloc[[3]].assign(concentration=1.0)])
    with pytest.raises(InputError, match="several CRISPR rows of 'G03'"):
        cg.score_compounds(twice, truth, 1)
    features = [c for c in perturbation_map if c.startswith("feature_")]
    with pytest.raises(InputError, match=r"all compounds have the same cosine \(1\) with all genes"):
        cg.score_compounds(perturbation_map.assign(**dict.fromkeys(features, 1.0)), truth, 1)


def test_published_names_are_mapped_to_the_maps(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("gene_symbol,treatment,nM_value\nA,aspirin,5\nB,other,5\n")
    wells = pd.DataFrame(
        {"perturbation_type": ["COMPOUND"], "treatment": ["aspirin"], "perturbation": ["BSYNRYMUTXBXSQ"]}
    )
    assert cg.load_truth(path, wells)["treatment"].tolist() == ["BSYNRYMUTXBXSQ", "other"]


def test_names_of_the_truth_table_that_the_map_lacks_are_counted(small):
    perturbation_map, truth = small
    other = perturbation_map.assign(
        perturbation=perturbation_map["perturbation"].where(perturbation_map["perturbation"] != "c0", "C0")
    )
    with collected() as said:
        cg.say_missing(truth, other)
    assert any("compounds of the truth table are not in the map" in s and "in another case (c0)" in s for s in said)
    with pytest.raises(InputError, match=r"no compound of the map has an active gene.*\(map: .*; table: absent, c0"):
        cg.score_compounds(perturbation_map.assign(perturbation=perturbation_map["perturbation"] + "x"), truth, draws=1)
