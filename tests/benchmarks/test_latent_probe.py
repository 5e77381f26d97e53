"""What a linear probe reads of a simulated screen's truth."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.benchmarks.latent_probe import latent_probe
from cwamsn.embeddings.latent import latent_columns, latent_embeddings
from cwamsn.errors import InputError
from cwamsn.tables import feature_columns

COLUMNS = {"phenotype": ["phenotype_0", "phenotype_1"], "nuisance": ["nuisance_gain"]}


def screen(perturbations=60, replicates=6, seed=0):
    rng = np.random.default_rng(seed)
    effects = rng.standard_normal((perturbations, 2))
    n = perturbations * replicates
    perturbation = np.repeat(np.arange(perturbations), replicates)
    wells = pd.DataFrame(
        {
            "well_id": [f"w{i:04d}" for i in rng.permutation(n)],
            "perturbation": [f"p{p}" for p in perturbation],
            "control": [None] * n,
        }
    )
    truth = pd.DataFrame(effects[perturbation], columns=COLUMNS["phenotype"]).assign(
        well_id=wells["well_id"], nuisance_gain=rng.standard_normal(n), nuisance_off=0.0
    )
    return wells, truth


def r2(table):
    return table.set_index("metric")["value"]


def test_a_rotation_of_the_phenotype_is_read_in_full_and_the_nuisance_not_at_all():
    wells, truth = screen()
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((2, 2)))[0]
    found = r2(latent_probe(truth[COLUMNS["phenotype"]].to_numpy() @ rotation, wells, truth, COLUMNS))
    assert found["phenotype_r2"] > 0.99
    assert abs(found["nuisance_r2"]) < 0.05


def test_noise_of_the_signals_variance_halves_what_is_read():
    wells, truth = screen(perturbations=300, replicates=8)
    x = truth[["phenotype_0", "nuisance_gain"]].to_numpy()
    x = (x - x.mean(0)) / x.std(0) + np.random.default_rng(2).standard_normal(x.shape)
    found = r2(latent_probe(x, wells, truth, {"phenotype": ["phenotype_0"], "nuisance": ["nuisance_gain"]}))
    assert found["phenotype_r2"] == pytest.approx(0.5, abs=0.06)
    assert found["nuisance_r2"] == pytest.approx(0.5, abs=0.06)


def test_to_know_a_perturbation_again_is_not_enough():
    """One-hot codes of the perturbations determine the phenotype, yet say nothing about perturbations left out."""
    wells, truth = screen()
    codes = pd.get_dummies(wells["perturbation"]).to_numpy(float)
    assert r2(latent_probe(codes, wells, truth, COLUMNS))["phenotype_r2"] < 0.02


def test_the_order_of_wells_changes_no_digit():
    wells, truth = screen()
    x = truth[COLUMNS["phenotype"]].to_numpy() + 0.3
    order = np.random.default_rng(3).permutation(len(wells))
    shuffled = latent_probe(x[order], wells.iloc[order].reset_index(drop=True), truth, COLUMNS)
    pd.testing.assert_frame_equal(latent_probe(x, wells, truth, COLUMNS), shuffled)


def test_latent_rows_are_the_truth_of_the_wells_asked_for():
    wells, truth = screen()
    some = wells.iloc[5:40]
    frame = latent_embeddings(truth, some, "phenotype")
    assert list(frame["well_id"]) == sorted(some["well_id"])
    wanted = truth.set_index("well_id").loc[frame["well_id"], COLUMNS["phenotype"]]
    np.testing.assert_allclose(frame[feature_columns(frame.columns)], wanted, atol=1e-4)
    assert latent_columns(truth, "nuisance") == ["nuisance_gain"]  # a constant one holds nothing


@pytest.mark.parametrize(
    ("part", "message"), [("genotype", "known: phenotype, nuisance"), ("nuisance", "no nuisance that varies")]
)
def test_what_is_not_there_is_named(part, message):
    wells, truth = screen()
    with pytest.raises(InputError, match=message):
        latent_embeddings(truth.assign(nuisance_gain=1.0), wells, part)


def test_an_unknown_well_is_named():
    wells, truth = screen()
    with pytest.raises(InputError, match="w0000 is not in the ground truth"):
        latent_embeddings(truth[truth["well_id"] != "w0000"], wells, "phenotype")


def test_fewer_perturbations_than_folds():
    wells = pd.DataFrame({"well_id": [f"w{i}" for i in range(40)], "perturbation": ["a", "b"] * 20, "control": None})
    truth = pd.DataFrame({"well_id": wells["well_id"], "phenotype_0": np.arange(40) % 2 * 1.0})
    x = np.random.default_rng(0).normal(size=(40, 3))
    assert latent_probe(x, wells, truth, {"phenotype": ["phenotype_0"]})["n"].tolist() == [40]
    with pytest.raises(InputError, match="40 wells of one perturbation; two perturbations are needed"):
        latent_probe(x, wells.assign(perturbation="a"), truth, {"phenotype": ["phenotype_0"]})
