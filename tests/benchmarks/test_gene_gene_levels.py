"""Gene-gene recall at levels of stringency, and by the right tail alone, against naive versions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks.annotations import relationships
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.gene_gene_levels import similarities_at_levels
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.vocabulary import LEVELS

QUICK = BootstrapOptions(resamples=50)
ALL = gg.GeneGeneOptions(sources=["CORUM"], thresholds=[(0.05, 0.95)], levels=tuple(LEVELS), split_half_repeats=0)


def screen(n_genes=60, per_gene=8, seed=0):
    """Knockouts in three batches, two sources and ten positions, with controls and a compound that take no part."""
    draw = np.random.default_rng(seed)
    pairs = relationships("CORUM")
    genes = sorted(set(pairs["entity1"][:300]) | set(pairs["entity2"][:300]))[:n_genes]
    names = [*np.repeat(genes, per_gene), *["EMPTY_control"] * 6, "aspirin", None]
    n = len(names)
    wells = pd.DataFrame(
        {
            "well_id": [f"w{i:04d}" for i in draw.permutation(n)],
            "perturbation": names,
            "perturbation_type": ["CRISPR"] * (n - 2) + ["COMPOUND", "CRISPR"],
            "control": [None] * (n - 8) + ["negative"] * 6 + [None] * 2,
            "experiment": draw.choice(["b1", "b2", "b3"], n),
            "source": draw.choice(["s1", "s2"], n),
            "address": draw.choice([f"A{i:02d}" for i in range(1, 11)], n),
        }
    )
    features = draw.normal(size=(n, 5))
    known = wells["perturbation_type"].eq("CRISPR") & wells["perturbation"].notna()
    means = pd.DataFrame(features[known]).groupby(wells.loc[known, "perturbation"].to_numpy()).mean()
    keys = pd.DataFrame({"perturbation_type": "CRISPR", "perturbation": means.index, "concentration": np.nan})
    columns = means.reset_index(drop=True).add_prefix("feature_")
    return pd.concat([keys.assign(n_wells=per_gene), columns], axis=1), features, wells


def naive_cosine(features, wells, first, second, differ):
    """Mean cosine over all pairs of two genes' profiles that differ in every column, by loops."""
    profiles = {}
    for gene in (first, second):
        own = wells[(wells["perturbation"] == gene) & (wells["perturbation_type"] == "CRISPR")]
        groups = own.groupby([own[column] for column in differ]).groups.values()
        profiles[gene] = [(own.loc[rows[0], list(differ)], features[rows].mean(axis=0)) for rows in groups]
    found = [
        a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        for one, a in profiles[first]
        for other, b in profiles[second]
        if all(x != y for x, y in zip(one, other, strict=True))
    ]
    return np.mean(found) if found else np.nan


@pytest.mark.parametrize("level", [name for name in LEVELS if name != "NR"])
def test_the_similarity_of_two_genes_is_the_mean_over_profiles_that_differ_as_the_level_wants(level):
    pooled, features, wells = screen(n_genes=8, per_gene=3)
    found = similarities_at_levels(gg.Similarities(pooled), [level], (features, wells))[level]
    assert found.genes == sorted([*pooled["perturbation"]])
    absent = 0
    for i, first in enumerate(found.genes):
        for j, second in enumerate(found.genes[:i]):
            expected = naive_cosine(features, wells, first, second, LEVELS[level][0])
            assert found.matrix[i, j] == found.matrix[j, i] or np.isnan(expected)
            assert found.matrix[i, j] == pytest.approx(expected, abs=1e-12, nan_ok=True)
            absent += np.isnan(expected)
    count = len(found.genes)
    assert len(found.null) == count * (count - 1) // 2 - absent and (np.diff(found.null) >= 0).all()


def test_no_digit_depends_on_the_order_of_the_wells():
    pooled, features, wells = screen()
    order = np.random.default_rng(1).permutation(len(wells))
    tables = [
        pd.concat(gg.score(pooled, ALL, QUICK, aligned=given).parts)
        for given in ((features, wells), (features[order], wells.iloc[order].reset_index(drop=True)))
    ]
    pd.testing.assert_frame_equal(*tables)
    assert {f"CORUM {level}" for level in LEVELS} <= set(tables[0]["source"])


def test_without_a_restriction_the_recall_is_that_of_the_map():
    pooled, *_ = screen()
    options = gg.GeneGeneOptions(sources=["CORUM"])
    parts = pd.concat(gg.score(pooled, options, QUICK).parts)
    columns = ["threshold_low", "threshold_high", "value", "n", "ci_low", "ci_high"]
    plain = parts[(parts["metric"] == "recall") & (parts["source"] == "CORUM")]
    level = parts[(parts["metric"] == "recall_at_level") & (parts["source"] == "CORUM NR")]
    pd.testing.assert_frame_equal(plain[columns].reset_index(drop=True), level[columns].reset_index(drop=True))


def test_the_right_tail_counts_similar_pairs_alone():
    pooled, *_ = screen()
    found = gg.Similarities(pooled)
    pairs = relationships("CORUM", found.genes)
    values = found.of(pairs)
    expected = np.mean([(found.null < value).mean() >= 0.9 for value in values])
    options = gg.GeneGeneOptions(sources=["CORUM"], thresholds=[(0.1, 0.9)])
    parts = pd.concat(gg.score(pooled, options, QUICK).parts)
    row = parts[(parts["metric"] == "recall_right_tail") & (parts["source"] == "CORUM NR")].iloc[0]
    assert row["value"] == pytest.approx(expected) and row["n"] == len(pairs)
    assert (row["threshold_low"], row["threshold_high"]) == (0.0, 0.9)
    assert row["ci_low"] <= row["value"] <= row["ci_high"]


def test_a_batch_effect_that_recalls_pairs_is_gone_where_batches_must_differ():
    """Partners share a batch and its vector: without restriction they are recalled, across batches they are not."""
    pairs = relationships("CORUM")[["entity1", "entity2"]].iloc[::40].reset_index(drop=True)
    pairs = pairs[~pairs.stack().duplicated().unstack().any(axis=1)].head(30).reset_index(drop=True)
    draw = np.random.default_rng(0)
    rows = [
        (gene, f"b{number % 6}" if well < 3 else f"b{(number + well) % 6}")
        for number, pair in pairs.iterrows()
        for gene in pair
        for well in range(6)
    ]
    wells = pd.DataFrame(rows, columns=["perturbation", "experiment"])
    wells = wells.assign(well_id=[f"w{i:04d}" for i in range(len(wells))], perturbation_type="CRISPR", control=None)
    batch = draw.normal(size=(6, 8)) * 3
    features = draw.normal(size=(len(wells), 8)) + batch[wells["experiment"].str[1:].astype(int)]
    means = pd.DataFrame(features).groupby(wells["perturbation"].to_numpy()).mean()
    keys = pd.DataFrame({"perturbation_type": "CRISPR", "perturbation": means.index, "concentration": np.nan})
    pooled = pd.concat([keys.assign(n_wells=6), means.reset_index(drop=True).add_prefix("feature_")], axis=1)
    options = replace(ALL, thresholds=[(0.1, 0.9)], levels=["NR", "NSB"])
    parts = pd.concat(gg.score(pooled, options, QUICK, aligned=(features, wells)).parts)
    recall = parts[parts["metric"] == "recall_right_tail"].set_index("source")["value"]
    assert recall["CORUM NR"] > 2 * recall["CORUM NSB"]


def test_a_level_that_a_screen_cannot_have_is_said_so_and_not_scored():
    pooled, features, wells = screen()
    with collected() as notes:
        parts = pd.concat(
            gg.score(pooled, ALL, QUICK, aligned=(features, wells.drop(columns="source").assign(experiment="b"))).parts
        )
    text = "\n".join(notes)
    assert "gene_gene at NSB (not the same batch) is not scored: the screen has one experiment" in text
    assert "gene_gene at NSS (not the same source) is not scored: the wells table has no column source" in text
    levels = parts.loc[parts["metric"] == "recall_at_level", "source"].str.split(" ").str[1]
    assert set(levels) == {"NR", "NSL"}
    with collected() as notes:
        gg.score(pooled, ALL, QUICK)
    assert "gene_gene at NSB (not the same batch) is not scored: a finished map has no wells" in "\n".join(notes)


def test_known_pairs_that_share_a_batch_are_counted_as_lost():
    """One well per gene: pairs within a batch have no cosine at NSB."""
    pooled, features, wells = screen(per_gene=1)
    with collected() as notes:
        parts = pd.concat(gg.score(pooled, ALL, QUICK, aligned=(features, wells)).parts)
    batch = wells[wells["perturbation_type"] == "CRISPR"].set_index("perturbation")["experiment"]
    pairs = relationships("CORUM", list(pooled["perturbation"]))
    kept = (batch[pairs["entity1"]].to_numpy() != batch[pairs["entity2"]].to_numpy()).sum()
    row = parts[(parts["metric"] == "share_of_pairs_left") & (parts["source"] == "CORUM NSB")].iloc[0]
    assert (row["n"], row["value"]) == (kept, kept / len(pairs)) and 10 <= kept < len(pairs)
    assert f"gene_gene at NSB: {kept} of {len(pairs)} known pairs of 61 genes are left" in notes


def test_few_known_pairs_are_not_scored():
    pooled, features, wells = screen(per_gene=1)
    wells["experiment"] = np.where(wells.index < 2, "b1", "b2")
    with collected() as notes:
        parts = pd.concat(gg.score(pooled, ALL, QUICK, aligned=(features, wells)).parts)
    assert any("known pairs of 61 genes are left; fewer than 10, not scored" in note for note in notes)
    assert "CORUM NSB" not in set(parts["source"])


def test_an_unknown_level_is_named():
    pooled, features, wells = screen()
    with pytest.raises(InputError, match="levels: 'NSX' is not known; known: NR, NSB, NSS, NSL, NSSL"):
        similarities_at_levels(gg.Similarities(pooled), ["NSX"], (features, wells))


def test_differences_at_levels_are_differences_of_the_recalls():
    pooled, features, wells = screen()
    better = features + 0.8 * np.random.default_rng(3).normal(size=features.shape)
    both = [similarities_at_levels(gg.Similarities(pooled), ["NR", "NSB"], (x, wells)) for x in (features, better)]
    table = gg.paired_difference_at_levels(*both, ALL, QUICK).set_index(["metric", "source"])
    alone = [gg.summary_at_levels(one, ALL, QUICK, 61).set_index(["metric", "source"])["value"] for one in both]
    for key in (("recall_at_level", "CORUM NSB"), ("recall_right_tail", "joint NSB"), ("recall_at_level", "CORUM NR")):
        assert table.loc[key, "value"] == pytest.approx(alone[0][key] - alone[1][key], abs=1e-12)
    assert (table.loc[("recall_at_level", "CORUM NR"), ["value", "ci_low", "ci_high"]] == 0).all()
