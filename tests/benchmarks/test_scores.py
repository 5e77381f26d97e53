"""What each benchmark reports as a whole: its own table and its rows of the scores."""

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.alignment import AlignOptions
from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks import plate_probe as pp
from cwamsn.benchmarks.annotations import relationships
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.errors import InputError

FIXED = {"run": "r", "screen": "s", "method": "m", "seed": 0, "alignment": "center-scale", "null": None}
FEW = BootstrapOptions(resamples=20)


@pytest.fixture(scope="module")
def screen():
    """A map of 40 related genes, and wells of two guides of each in two experiments."""
    rng = np.random.default_rng(0)
    pairs = relationships("CORUM")[:40]
    genes = sorted(set(pairs["entity1"]) | set(pairs["entity2"]))
    keys = pd.DataFrame({"perturbation_type": "CRISPR", "perturbation": genes, "concentration": np.nan})
    vectors = rng.normal(size=(len(genes), 8))
    found = pd.concat([keys, pd.DataFrame(vectors).add_prefix("feature_")], axis=1)
    wells = pd.DataFrame({"perturbation": np.repeat(genes, 4), "perturbation_type": "CRISPR", "control": None})
    wells["guide"] = wells["perturbation"] + np.tile(["_1", "_2"], len(genes) * 2)
    wells["gene"], wells["well_id"] = wells["perturbation"], [f"w{i:04d}" for i in range(len(wells))]
    wells["experiment"] = np.where(np.arange(len(wells)) % 3, "e1", "e2")
    wells["plate"] = (np.arange(len(wells)) % 4).astype(str)
    return found, wells, np.repeat(vectors, 4, axis=0) + rng.normal(size=(len(wells), 8))


def test_gene_gene_reports_every_null_and_what_it_is_given_wells_for(screen, tmp_path):
    found, wells, features = screen
    options = gg.GeneGeneOptions(sources=["CORUM"], also_null_rows=["whole-map"], common_genes=[])
    result = gg.score(found, options, FEW, wells=wells, aligned=(features, wells))
    result.write(tmp_path / "scores.parquet", tmp_path / "own.parquet", **FIXED, benchmark="gene_gene")
    scores = tables.read("scores", tmp_path / "scores.parquet")
    assert scores.groupby("metric")["null"].agg(lambda n: sorted(n.dropna().unique())).to_dict() == {
        "recall": ["crispr", "whole-map"],
        "recall_right_tail": ["crispr"],
        "recall_at_level": ["crispr"],
        "share_of_pairs_left": ["crispr"],
        "recall_without_common": ["crispr"],
        "recall_of_experiments": ["crispr"],
        "split_half_recall": [],
        "split_half_top1": [],
    }
    assert scores.groupby("metric")["alignment"].unique().str[0]["recall_of_experiments"] == "none"
    recalls = scores[(scores["metric"] == "recall") & (scores["source"] == "CORUM") & (scores["null"] == "crispr")]
    own = pd.read_parquet(tmp_path / "own.parquet")
    assert (
        recalls["value"].tolist() == own["recall"].tolist() == gg.gene_gene_recall(found, ["CORUM"])["recall"].tolist()
    )
    alone = gg.score(found, gg.GeneGeneOptions(sources=["CORUM"], common_genes=[]), FEW).scores(**FIXED, benchmark="b")
    at_no_restriction = {"recall_at_level", "share_of_pairs_left"}
    assert set(alone["metric"]) == {"recall", "recall_right_tail", "recall_without_common"} | at_no_restriction


def test_compound_gene_scores_every_dose_of_the_map_unless_told(screen):
    found, _, _ = screen
    genes = found["perturbation"].tolist()
    compounds = pd.concat([found[:6]] * 2).assign(perturbation_type="COMPOUND", concentration=np.repeat([0.1, 3.0], 6))
    truth = pd.DataFrame({"gene_symbol": genes, "nM_value": 50_000.0, "treatment": genes[0]})
    truth.loc[:5, ["nM_value", "treatment"]] = [[10.0, gene] for gene in genes[:6]]
    both = pd.concat([found, compounds], ignore_index=True)
    options = cg.CompoundGeneOptions(draws=2)
    result = cg.score(both, truth, options, FEW, seen=[])
    assert result.table["concentration"].unique().tolist() == ["0.1", "3.0", "max"]
    assert {"n_seen_compounds", "average_precision", "average_precision_mean"} <= set(
        result.scores(**FIXED, benchmark="b")["metric"]
    )
    one = cg.score(both, truth, options, FEW, doses=[3.0]).table
    assert one["concentration"].unique().tolist() == ["3.0", "max"]


def test_the_plate_probe_scores_raw_and_aligned_embeddings_once_each(screen):
    _, wells, features = screen
    wells = wells.assign(control=np.where(np.arange(len(wells)) % 5, None, "negative"))
    options = pp.PlateProbeOptions(probes=["linear"], plate_readings=["experiment"], controls=["full"], n_folds=2)
    table = pp.score(features, wells, options, AlignOptions(method="center-scale")).table
    assert table["alignment"].unique().tolist() == ["none", "center-scale"]
    table = pp.score(features, wells, options, AlignOptions(method="none")).table
    assert table["alignment"].unique().tolist() == ["none"]


def test_an_error_does_not_repeat_the_benchmark_that_the_job_names(screen):
    found, _, _ = screen
    with pytest.raises(InputError, match=r"^the map has 1 CRISPR rows"):
        gg.score(found[:1], gg.GeneGeneOptions(), FEW)
