"""Enrichment of mechanisms and pathways: equal to the published code's golden values, and to Fisher's test."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.enrichment import (
    Consensus,
    EnrichmentOptions,
    consensus,
    enrich,
    exact_p,
    floor,
    odds_ratio,
    of_labels,
    of_pairs,
    random_level,
    rank_partners,
    retrieved_for,
    score,
    summarise,
)
from cwamsn.benchmarks.enrichment.contingency import drawn_p
from cwamsn.benchmarks.enrichment.score import read_labels
from cwamsn.benchmarks.gene_gene import GeneGeneOptions
from cwamsn.errors import InputError
from cwamsn.notes import collected


@pytest.fixture(scope="module")
def folder(golden):
    return golden / "morphohelm" / "golden"


@pytest.fixture(scope="module")
def expected(folder):
    return json.loads((folder / "enrichment_expected.json").read_text())


def numbers(table, retrieved):
    return summarise(table, retrieved).set_index("metric")["value"]


# One table ------------------------------------------------------------------------------------------------------------


def test_odds_ratios_equal_the_published_code(expected):
    for case in expected["odds_ratio_cases"]:
        a, b, c, d = (case[key] for key in "abcd")
        found = odds_ratio(np.array([a]), a + b, np.array([a + c]), np.array([a + b + c + d]))
        assert found[0] == pytest.approx(case["bbbc.get_odds_ratio"], rel=1e-7)


def test_drawn_p_values_equal_the_published_code(expected):
    for case in expected["permutation_cases"]:
        positions, n, k = np.array(case["hit_positions_0based"]), case["n"], case["k"]
        wanted = case.get("p_bbbc", case.get("p_cpg_moa"))
        assert drawn_p(positions, k, n) == pytest.approx(wanted, rel=1e-6), case["name"]
        if "p_exact_hypergeometric (independent)" in case:
            found = exact_p(np.array([(positions < k).sum()]), k, np.array([len(positions)]), np.array([n]))
            assert found[0] == pytest.approx(case["p_exact_hypergeometric (independent)"], rel=1e-6)


def test_the_exact_p_is_fishers():
    for a, k, partners, n in ((0, 5, 3, 60), (2, 5, 3, 60), (1, 4, 12, 40), (4, 4, 9, 30)):
        table = [[a, k - a], [partners - a, n - k - partners + a]]
        found = exact_p(np.array([a]), k, np.array([partners]), np.array([n]))[0]
        assert found == pytest.approx(fisher_exact(table, alternative="greater").pvalue)


def test_a_random_ranking_is_expected_to_have_what_random_rankings_have():
    rng, partners, n, k = np.random.default_rng(0), np.array([1, 2, 5, 20]), 400, 4
    ratios, shares = [], []
    for _ in range(4000):
        hits = np.array([(rng.permutation(n)[:total] < k).sum() for total in partners])
        ratios.append(np.log(odds_ratio(hits, k, partners, np.full(4, n))))
        shares.append(exact_p(hits, k, partners, np.full(4, n)) < 0.05)
    ratio, share = random_level(k, partners, np.full(4, n))
    assert np.log(ratio) == pytest.approx(np.mean(ratios), abs=0.03)
    assert share == pytest.approx(np.mean(shares), abs=0.01)
    assert floor(k, partners, np.full(4, n)) < ratio


# Mechanisms -----------------------------------------------------------------------------------------------------------


def features_of(frame):
    return frame[[c for c in frame if c.startswith("PC_")]].to_numpy(dtype=np.float64)


@pytest.fixture(scope="module")
def bbbc(folder):
    """Queries of the BBBC036-like set, its golden file written with text labels."""
    wells = pd.read_parquet(folder / "bbbc_wells.parquet")
    known = pd.read_csv(folder / "bbbc_metadata.csv", dtype=str)
    keys = ["Metadata_Plate", "Metadata_Well"]
    wells = wells.astype({key: str for key in keys}).merge(known, on=keys)
    wells = wells[wells["Metadata_moa"].notna() & wells["Metadata_broad_sample"].notna()]
    profiles = consensus(features_of(wells), wells["Metadata_broad_sample"])
    labels = wells.groupby("Metadata_broad_sample")["Metadata_moa"].first()
    return list(rank_partners(profiles, of_labels(list(profiles.items), labels))), len(profiles.items)


def test_mechanisms_on_bray_equal_the_published_code(bbbc, expected):
    queries, compounds = bbbc
    wanted = expected["bbbc036_moa"]
    k = retrieved_for(compounds - 1, least=2)
    assert (compounds, k) == (wanted["repo"]["n_compounds_in_ranking"], wanted["repo"]["cutoff_items"])
    table = enrich(queries, k, "drawn-positions").set_index("item")
    exact = enrich(queries, k).set_index("item")
    assert len(table) == wanted["repo"]["n_processed"] == len(wanted["per_compound"])
    for name, hits, partners, ratio, drawn, p in wanted["per_compound"]:
        assert tuple(table.loc[name, ["hits", "partners"]]) == (hits, partners)
        assert table.loc[name, "odds_ratio"] == pytest.approx(ratio, rel=1e-7)
        assert table.loc[name, "p_value"] == pytest.approx(drawn, rel=1e-7)
        assert exact.loc[name, "p_value"] == pytest.approx(p, rel=1e-7)
    found = numbers(table.reset_index(), k)
    assert found["share_significant"] == pytest.approx(wanted["repo"]["fraction_significant"], rel=1e-9)
    assert found["geometric_mean_odds_ratio"] == pytest.approx(wanted["repo"]["geometric_mean_or"], rel=1e-9)
    independent = wanted["independent"]
    nothing = independent["floor_geometric_mean_or_when_no_query_has_a_hit"]
    assert found["odds_ratio_without_hits"] == pytest.approx(nothing, rel=1e-9)
    share = numbers(exact.reset_index(), k)["share_significant"]
    assert share == pytest.approx(independent["fraction_significant_exact_p"], rel=1e-9)


@pytest.fixture(scope="module")
def cpg(folder, expected):
    """Wells of the cpg-MoA-like set without the items that the published filter drops."""
    wells = pd.read_parquet(folder / "cpgmoa_wells.parquet")
    labels = pd.read_csv(folder / "cpgmoa_labels.csv").groupby("Metadata_JCP2022")["Metadata_MoA"].first()
    wells = wells[wells["Metadata_JCP2022"].isin(labels.index)]
    dropped = expected["cpg_moa"]["dropped_in_order"]
    moa = wells["Metadata_JCP2022"].map(labels)
    wells = wells[~moa.isin(dropped) & ~wells["Metadata_Source"].isin(dropped)]
    # the published code takes a missing value for 0
    profiles = consensus(
        np.nan_to_num(features_of(wells)),
        wells["Metadata_JCP2022"],
        [wells["Metadata_Batch"], wells["Metadata_Source"]],
    )
    return wells, labels, profiles


def test_the_consensus_has_a_profile_for_each_batch_of_a_compound(cpg, expected):
    assert len(cpg[2].items) == expected["cpg_moa"]["n_profiles_after_filter"]
    assert len(set(cpg[2].items)) == expected["cpg_moa"]["n_compounds_after_filter"]


@pytest.mark.parametrize("level", ["NR", "NSB", "NSS"])
def test_mechanisms_across_batches_and_sources_equal_the_published_code(cpg, expected, level):
    wells, labels, profiles = cpg
    wanted = expected["cpg_moa"][level]
    k = expected["cpg_moa"]["cutoff_items"]
    if level == "NR":
        profiles = consensus(profiles.vectors, profiles.items)  # the mean of batch means
    elif level == "NSS":
        source = wells.groupby("Metadata_Batch")["Metadata_Source"].first()
        profiles = Consensus(profiles.vectors, profiles.items, source[profiles.blocks].to_numpy())
    relation = of_labels(sorted(set(profiles.items)), labels)
    queries = list(rank_partners(profiles, relation, across=level != "NR"))
    table = enrich(queries, k, "drawn-positions")
    rows = wanted["per_query"] if level == "NR" else [row for part in wanted["per_query"].values() for row in part]
    assert len(table) == wanted["repo"]["n_query_profiles"] == len(rows)
    names = ["item", "hits", "partners", "candidates", "odds_ratio", "p_value"]
    frame = pd.DataFrame(rows, columns=names)
    sort = ["item", "candidates", "hits", "partners", "odds_ratio"]
    for a, b in zip(table.sort_values(sort)[names].itertuples(), frame.sort_values(sort).itertuples()):
        assert (a.item, a.hits, a.partners, a.candidates) == (b.item, b.hits, b.partners, b.candidates)
        assert a.odds_ratio == pytest.approx(b.odds_ratio, rel=1e-7)
        assert a.p_value == pytest.approx(b.p_value, rel=1e-7)
    found = numbers(table, k)
    assert found["share_significant"] == pytest.approx(wanted["repo"]["fraction_significant"], rel=1e-9)
    assert found["geometric_mean_odds_ratio"] == pytest.approx(wanted["repo"]["geometric_mean_or"], rel=1e-9)
    assert found["odds_ratio_without_hits"] == pytest.approx(wanted["independent"]["floor_geometric_mean_or"], rel=1e-9)


# Pathways -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def genes(folder):
    wells = pd.read_parquet(folder / "crispr_wells.parquet")
    symbol = wells["Metadata_Symbol"]
    # the published filter, which also removes symbols with a hyphen
    return wells[symbol.notna() & (symbol != "non-targeting") & ~symbol.fillna("").str.contains("-")]


@pytest.mark.parametrize("database", ["CORUM", "HuMAP", "REACTOME", "SIGNOR", "StringDB"])
@pytest.mark.parametrize("level", ["NR", "NSB"])
def test_pathways_equal_the_published_code(folder, genes, expected, database, level):
    pairs = pd.read_csv(folder / f"db_{database}.csv")
    if database == "StringDB":
        pairs = pairs[pairs["combined_score"] > 950]
    blocks = [genes["Metadata_Batch"]] if level == "NSB" else None
    profiles = consensus(features_of(genes), genes["Metadata_Symbol"], blocks)
    names = sorted(set(profiles.items))
    k = expected["crispr"]["cutoff_items"]
    assert (len(names), retrieved_for(len(names) - 1)) == (expected["crispr"]["n_genes"], k)
    queries = list(rank_partners(profiles, of_pairs(names, pairs), across=level == "NSB"))
    if level == "NSB":  # the order in which the published code draws
        queries.sort(key=lambda query: (query.block, query.item))
    wanted = expected["crispr"][level][database]
    table = enrich(queries, k, "drawn-counts")
    exact = numbers(enrich(queries, k), k)
    found = numbers(table, k)
    for metric, key in (
        ("share_significant", "fraction_significant"),
        ("geometric_mean_odds_ratio", "geometric_mean_or"),
    ):
        assert found[metric] == pytest.approx(wanted["repo"][key], rel=1e-9), metric
    assert exact["share_significant"] == pytest.approx(wanted["repo"]["fraction_significant_exact"], rel=1e-9)
    assert table["odds_ratio"].mean() == pytest.approx(wanted["repo"]["mean_or"], rel=1e-9)
    assert found["odds_ratio_without_hits"] == pytest.approx(wanted["independent"]["floor_geometric_mean_or"], rel=1e-9)


# Own data -------------------------------------------------------------------------------------------------------------


def test_labels_match_whole_or_in_any_part_and_case_and_blanks_do_not_matter():
    labels = pd.Series(
        {"a": " EGFR inhibitor", "b": "egfr Inhibitor", "c": "EGFR inhibitor | VEGFR inhibitor", "d": ""}
    )
    with collected() as lines:
        whole = of_labels(list("abcd"), labels).toarray()
    assert whole.sum() == 2 and whole[0, 1] and whole[1, 0]
    assert lines == ["enrichment: 1 of 4 items have no label; they stay candidates"]
    part = of_labels(list("abcd"), labels, match="any").toarray()
    assert {tuple(pair) for pair in np.argwhere(part).tolist()} == {(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)}


def test_row_order_does_not_change_an_enrichment():
    rng = np.random.default_rng(0)
    features, items = rng.normal(size=(300, 5)), np.array([f"c{i}" for i in rng.integers(0, 80, 300)])
    labels = pd.Series({f"c{i}": f"m{i % 12}" for i in range(80)})
    order = rng.permutation(300)
    tables = []
    for rows in (np.arange(300), order):
        profiles = consensus(features[rows], items[rows])
        tables.append(enrich(rank_partners(profiles, of_labels(list(profiles.items), labels)), 2))
    pd.testing.assert_frame_equal(*tables)


def test_a_planted_mechanism_is_found_and_a_shuffled_one_is_at_chance():
    rng = np.random.default_rng(1)
    items = np.array([f"c{i:03d}" for i in range(400)])
    labels = pd.Series({name: f"m{i % 40}" for i, name in enumerate(items)})
    centres = rng.normal(size=(40, 20))
    features = centres[np.arange(400) % 40] + 0.7 * rng.normal(size=(400, 20))
    profiles = consensus(features, items)
    found = numbers(enrich(rank_partners(profiles, of_labels(list(items), labels)), 4), 4)
    shuffled = pd.Series(rng.permutation(labels.to_numpy()), index=labels.index)
    chance = numbers(enrich(rank_partners(profiles, of_labels(list(items), shuffled)), 4), 4)
    assert found["share_significant"] > 0.9
    assert chance["share_significant"] == pytest.approx(chance["share_of_a_random_ranking"], abs=0.03)
    expected = chance["odds_ratio_of_a_random_ranking"]
    assert chance["geometric_mean_odds_ratio"] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: of_labels(["a"], pd.Series({"a": "x"}), match="some"), "match: 'some' is not known"),
        (lambda: of_labels(["a"], pd.Series(["x", "y"], index=["a", "a"])), "labels: 'a' has several rows"),
        (lambda: of_labels(["a", "b"], pd.Series({"z": "x"})), "none of the 2 items has a label"),
        (lambda: consensus(np.ones((2, 3)), np.array(["", None], dtype=object)), "no well has a compound or gene"),
        (lambda: consensus(np.full((2, 3), np.nan), np.array(["a", "b"])), "NaN or infinite feature"),
        (lambda: enrich([], 3), "no query has a partner among more than 3 candidates"),
        (lambda: enrich([], 3, "t"), "enrichment.test: 't' is not known"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(InputError, match=message):
        call()


# The benchmark --------------------------------------------------------------------------------------------------------


def crispr_wells(genes):
    batch = genes["Metadata_Batch"].to_numpy()
    return pd.DataFrame(
        {
            "well_id": [f"w{i}" for i in range(len(genes))],
            "experiment": batch,
            "perturbation": genes["Metadata_Symbol"].to_numpy(),
            "gene": genes["Metadata_Symbol"].to_numpy(),
            "control": None,
        }
    )


def test_pathways_over_the_databases_equal_the_published_average(folder, genes, expected, tmp_path):
    names = {"CORUM": "CORUM", "HuMAP": "HuMAP", "REACTOME": "Reactome", "SIGNOR": "SIGNOR", "StringDB": "StringDB"}
    for file, name in names.items():
        pairs = pd.read_csv(folder / f"db_{file}.csv")
        if name == "StringDB":
            pairs = pairs[pairs["combined_score"] > 950]
        pairs.iloc[:, :2].set_axis(["entity1", "entity2"], axis=1).to_csv(tmp_path / f"{name}.txt", index=False)
    options = EnrichmentOptions(test="drawn-counts")
    known = GeneGeneOptions(annotations=str(tmp_path), aliases=None)
    bootstrap = BootstrapOptions(resamples=10)
    found = score(features_of(genes), crispr_wells(genes), options, bootstrap, gene_gene=known)
    values = found.scores(run="r", method="m", seed=0, benchmark="enrichment", screen=None, alignment=None)
    values = values.set_index(["source", "metric"])["value"]
    for level in ("NR", "NSB"):
        wanted = expected["crispr"][level]["average_over_databases"]
        share, ratio = (
            values[f"pathways {level}", name] for name in ("share_significant", "geometric_mean_odds_ratio")
        )
        assert share == pytest.approx(wanted["fraction_significant_arithmetic_mean"], rel=1e-9)
        assert ratio == pytest.approx(wanted["geometric_mean_or_geometric_mean"], rel=1e-9)
    assert not any(source.endswith("NSS") for source, _ in values.index)


def compounds(n=120):
    rng = np.random.default_rng(0)
    wells = pd.DataFrame(
        {"well_id": [f"w{i:03d}" for i in range(2 * n)], "experiment": ["a", "b"] * n, "control": None}
    )
    wells["perturbation"] = [f"c{i // 2}" for i in range(2 * n)]
    wells["split"] = np.where(np.arange(2 * n) < n, "train", "test")
    return rng.normal(size=(2 * n, 8)), wells


def labels_file(folder, text):
    path = folder / "moa.csv"
    path.write_text(text)
    return str(path)


def test_mechanisms_of_train_and_test_compounds_are_scored_apart(tmp_path):
    features, wells = compounds()
    path = labels_file(tmp_path, "Id,MoA\n" + "".join(f"c{i},m{i % 9}\n" for i in range(120)))
    options = EnrichmentOptions(labels=path)
    with collected() as lines:
        found = score(features, wells, options, BootstrapOptions(resamples=10), in_sample=True)
    assert lines == ["enrichment at NSS (not the same source) is not scored: the wells table has no column source"]
    sizes = {part["source"].iloc[0]: part["n"].iloc[0] for part in found.parts}
    assert sizes == {
        f"mechanisms {level}{part} (in-sample)": n
        for level in ("NR", "NSB")
        for part, n in (("", 120), (", train", 60), (", test", 60))
    }


def test_a_level_without_partners_and_compounds_without_a_label_are_said(tmp_path):
    features, wells = compounds()
    wells["experiment"] = np.where(np.arange(240) < 120, "a", "b")
    path = labels_file(tmp_path, "Id,MoA\n" + "".join(f"c{i},m{i // 10}\n" for i in range(100)))
    with collected() as lines:
        found = score(features, wells, EnrichmentOptions(labels=path), BootstrapOptions(resamples=10))
    assert {part["source"].iloc[0][:13] for part in found.parts} == {"mechanisms NR"}
    assert "enrichment: 20 of 120 perturbations have no label, left out" in lines
    assert "enrichment of mechanisms at NSB is not scored: no perturbation has a partner there" in lines


def test_a_label_that_rows_spell_in_two_ways_is_one(tmp_path):
    text = "Id,MoA\nc1,EGFR inhibitor|x\nc1, egfr Inhibitor | X \nc2,EGFR inhibitor|x\n"
    labels = read_labels(labels_file(tmp_path, text), EnrichmentOptions())
    assert labels.to_dict() == {"c1": "EGFR inhibitor|x", "c2": "EGFR inhibitor|x"}


@pytest.mark.parametrize(
    "text, own, message",
    [
        (None, {}, "no such file"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            {},
            "is a Git LFS pointer; fetch the file itself",
        ),
        ("Id\nc1\n", {}, "has one column"),
        ("Id,MoA\nx1,m\nx2,m\n", {}, r"none of its 2 names \('x1', 'x2' ...\) is a perturbation of the wells"),
        ("Id,MoA\nc1,m\nc1,n\n", {}, "c1 has the labels 'm' and 'n'; keep one"),
        ("Id,MoA\nc1,\n", {}, "no row has both Id and MoA"),
        ("Id,MoA\nc1,m\n", {"label": "moa_list"}, "moa_list"),
        ("Id,MoA\nc1,m\n", {"item": "treatment"}, "enrichment.item: the wells table has no column treatment"),
        ("Id,MoA\nc1,m\nc2,n\n", {}, "no two of the screen's perturbations share a label among enough candidates"),
        ("Id,MoA\nc1,m\n", {"levels": ["NSL"]}, "'NSL' is not one of NR, NSB, NSS; a profile has no position"),
    ],
)
def test_a_label_table_that_cannot_be_used_is_refused(tmp_path, text, own, message):
    features, wells = compounds()
    path = labels_file(tmp_path, text) if text else str(tmp_path / "absent.csv")
    with pytest.raises(InputError, match=message):
        score(features, wells, EnrichmentOptions(labels=path, **own), BootstrapOptions(resamples=10))


def test_a_screen_with_neither_labels_nor_genes_is_refused():
    features, wells = compounds()
    with pytest.raises(InputError, match="has no label table"):
        score(features, wells, EnrichmentOptions(), BootstrapOptions(resamples=10))
