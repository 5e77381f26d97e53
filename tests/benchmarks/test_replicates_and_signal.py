"""Replicate retrieval and signal: high where wells agree, chance on noise, equal to the published formulas."""

import importlib

import numpy as np
import pandas as pd
import pytest

from cwamsn.benchmarks import signal as sg
from cwamsn.benchmarks.replicates import ReplicateOptions, replicate_map, summary
from cwamsn.errors import InputError


def screen(strength, seed=0, genes=12):
    """Four plates; each holds every gene once and eight controls."""
    rng = np.random.default_rng(seed)
    names = [f"g{i}" for i in range(genes)] + ["EMPTY_control"] * 8
    wells = pd.concat([pd.DataFrame({"perturbation": names, "plate": str(p)}) for p in range(4)], ignore_index=True)
    wells["well_id"] = [f"w{i:03d}" for i in range(len(wells))]
    wells["experiment"], wells["perturbation_type"] = "e1", "CRISPR"
    wells["control"] = np.where(wells["perturbation"] == "EMPTY_control", "negative", None)
    index = wells["perturbation"].str.removeprefix("g").where(wells["control"].isna(), "0").astype(int)
    shift = rng.normal(size=(genes, 20))[index] * wells["control"].isna().to_numpy()[:, None]
    return rng.normal(size=(len(wells), 20)) + strength * shift, wells


def test_replicates_are_retrieved_where_they_agree_and_not_in_noise():
    strong = replicate_map(*screen(3.0), ReplicateOptions(null_size=1000))
    weak = replicate_map(*screen(0.0), ReplicateOptions(null_size=1000))
    assert len(strong) == len(weak) == 12 and (strong["n_wells"] == 4).all()
    assert strong["mean_average_precision"].min() > 0.9 and (strong["corrected_p_value"] < 0.05).all()
    assert weak["mean_average_precision"].mean() < 0.6 and (weak["corrected_p_value"] < 0.05).mean() <= 0.1


def test_average_precision_equals_a_loop():
    features, wells = screen(0.5)
    table = replicate_map(features, wells, ReplicateOptions(null_size=10)).set_index("perturbation")[
        "mean_average_precision"
    ]
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    for gene in ("g0", "g7"):
        values = []
        for query in np.flatnonzero(wells["perturbation"] == gene):
            positive = (wells["perturbation"] == gene) & (wells["plate"] != wells["plate"][query])
            negative = (wells["control"] == "negative") & (wells["plate"] == wells["plate"][query])
            rows = np.flatnonzero(positive | negative)
            ranked = positive[rows[np.argsort(-(unit[rows] @ unit[query]))]].to_numpy()
            values.append((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean())
        assert table[gene] == pytest.approx(np.mean(values), abs=1e-6)


def test_other_perturbations_as_negatives_and_in_sample_label():
    table = replicate_map(*screen(3.0), ReplicateOptions(negatives="other_perturbations", null_size=100))
    assert table["mean_average_precision"].min() > 0.8
    assert set(summary(table, True)["source"]) == {"replicates (in-sample)"}
    assert set(summary(table, False)["source"]) == {"replicates"}


def test_order_of_wells_does_not_matter():
    features, wells = screen(0.3)
    order = np.random.default_rng(1).permutation(len(wells))
    for function in (
        lambda x, w: replicate_map(x, w, ReplicateOptions(null_size=50)),
        lambda x, w: sg.perturbation_signal(x, w, sg.SignalOptions(null_size=50)),
    ):
        expected, found = function(features, wells), function(features[order], wells.iloc[order])
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_no_replicates_is_one_line():
    features, wells = screen(0.3)
    with pytest.raises(InputError, match="across_plates"):
        replicate_map(features, wells.assign(plate="1"), ReplicateOptions(null_size=10))
    with pytest.raises(InputError, match="known"):
        replicate_map(features, wells, ReplicateOptions(negatives="none"))
    single = (wells["plate"] == "0") | wells["control"].notna()
    with pytest.raises(InputError, match="signal: no perturbation has two wells or more at one dose"):
        sg.score(features[single], wells[single], sg.SignalOptions(null_size=10))


def test_statistics_equal_the_published_package():
    benchmarking = importlib.import_module("efaar_benchmarking.benchmarking")
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(9, 6)), rng.normal(size=(30, 6)) + 0.5
    assert sg.consistency(first) == pytest.approx(benchmarking.pert_signal_consistency_metric(first), abs=1e-12)
    expected = benchmarking.pert_signal_magnitude_metric(first, second)
    assert sg.energy_distance(first, second) == pytest.approx(expected, abs=1e-4)


def test_signal_is_found_where_it_is():
    strong = sg.perturbation_signal(*screen(3.0, genes=12), sg.SignalOptions(null_size=200))
    weak = sg.perturbation_signal(*screen(0.0, genes=12), sg.SignalOptions(null_size=200))
    assert (strong["consistency_p"] < 0.05).all() and (weak["consistency_p"] < 0.05).mean() < 0.3
    assert strong["magnitude"].isna().all()  # four wells are fewer than five
    values = sg.summary(strong).set_index("metric")["value"]
    assert values["consistency_share"] == 1.0 and "magnitude_median" not in values


def test_magnitude_of_noise_is_not_significant():
    features, wells = screen(0.0, genes=3)
    wells = wells.assign(perturbation=np.where(wells["control"].isna(), "g", wells["perturbation"]))
    weak = sg.perturbation_signal(features, wells, sg.SignalOptions(null_size=200))
    assert weak["magnitude_p"].min() > 0.02
    strong = sg.perturbation_signal(
        features + 3.0 * wells["control"].isna().to_numpy()[:, None], wells, sg.SignalOptions(null_size=200)
    )
    assert strong["magnitude_p"].max() < 0.02


def test_too_few_controls_are_named():
    features, wells = screen(0.0)
    keep = wells["control"].isna().to_numpy()
    with pytest.raises(InputError, match="negative control"):
        sg.perturbation_signal(features[keep], wells[keep])


def test_p_values_do_not_depend_on_what_was_scored_before(tmp_path, monkeypatch):
    """copairs keeps null distributions in the home folder, and draws them for all that is scored together."""
    monkeypatch.setenv("HOME", str(tmp_path))
    replicate_map(*screen(0.5), ReplicateOptions(null_size=100))
    assert not list(tmp_path.iterdir())
