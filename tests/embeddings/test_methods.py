"""Any method embeds a screen through one function."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

import cwamsn.models.devices
from cwamsn import tables
from cwamsn.embeddings import EmbedOptions, HandcraftedOptions, methods, random_embeddings
from cwamsn.errors import InputError
from cwamsn.methods import KINDS, method_of
from cwamsn.paths import ScreenPaths
from cwamsn.tables import feature_columns
from tests.training.tiny import CHANNELS, wells_frame, write_store

OPTIONS = EmbedOptions(precision="float32", device="cpu")
MEASURED = {"features": "pixel-statistics", "options": dataclasses.asdict(HandcraftedOptions())}


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """A screen of 56 wells, of which the last two have no image."""
    folder, wells = tmp_path_factory.mktemp("screen"), wells_frame()
    write_store(folder, wells.iloc[:-2])
    tables.write(wells, "wells", folder / "wells.parquet")
    truth = pd.DataFrame(np.random.default_rng(0).random((len(wells), 3)))
    truth = truth.add_prefix("phenotype_").assign(well_id=wells["well_id"])
    path = ScreenPaths(folder).simulated_truth
    path.parent.mkdir(parents=True)
    truth.to_parquet(path)
    return ScreenPaths(folder)


def method(kind, **entry):
    return method_of("mine", {"kind": kind} | entry, [3])


def a_file(folder, wells):
    random_embeddings(wells, 8, 0).to_csv(folder / "mine.csv", index=False)
    return folder / "mine.csv"


@pytest.fixture
def network(monkeypatch):
    """A network in place of a trained one: the mean of each channel."""
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    meta = {"in_channels": len(CHANNELS), "view_size": 16, "channels": list(CHANNELS)}
    monkeypatch.setattr(methods, "load_encoder", lambda folder, branch, feature: (network, meta))
    return network


@pytest.mark.parametrize(
    ("kind", "entry", "embedded"),
    [
        ("trained", {}, 54),
        ("handcrafted", MEASURED, 54),
        ("latent", {"part": "phenotype"}, 56),
        ("random", {"dimension": 8}, 56),
        ("wells", {"path": "mine.csv"}, 56),
        ("released", {"well_column": "well_id"}, 56),
    ],
)
def test_every_kind_embeds_the_wells_that_it_can(screen, network, tmp_path, kind, entry, embedded):
    wells = tables.read("wells", screen.wells)
    source = {"trained": tmp_path, "wells": a_file(tmp_path, wells), "released": a_file(tmp_path, wells)}.get(kind)
    frame, counts = methods.embed_method(method(kind, **entry), screen, 3, OPTIONS, source)
    assert tables.check(frame, "embeddings", kind)["well_id"].is_monotonic_increasing
    assert len(frame) == counts["matched"] == embedded and counts["wells"] == 56
    frame, _ = methods.embed_method(method(kind, **entry), screen, 3, OPTIONS, source, imaged_only=True)
    assert frame["well_id"].tolist() == sorted(wells["well_id"].iloc[:-2])
    assert np.isfinite(frame[feature_columns(frame)]).all(axis=None)


def test_the_table_knows_every_kind_that_embeds_wells():
    assert {kind.name for kind in KINDS.values() if kind.embeds_wells} == {kind.name for kind in methods._KINDS}
    with pytest.raises(InputError, match="mine: a method of kind map has no embeddings of wells"):
        methods.embed_method(method("map"), ScreenPaths("nowhere"), 0, OPTIONS)


def test_units_measured_before_are_combined(screen, tmp_path):
    whole, _ = methods.embed_method(method("handcrafted", **MEASURED), screen, 0, OPTIONS)
    store = methods.CropStore(screen.crops, screen.root)
    measured = methods.measure_unit(store, "pixel-statistics", HandcraftedOptions())
    paths = [tmp_path / f"{i}.parquet" for i in range(2)]
    for path, rows in zip(paths, (measured[:20], measured[20:])):
        rows.to_parquet(path)
    frame, counts = methods.embed_method(method("handcrafted", **MEASURED), screen, 0, OPTIONS, paths)
    pd.testing.assert_frame_equal(frame, whole)
    assert counts["columns"][0] == "a_mean"


def test_wells_left_without_an_embedding_are_refused_beyond_the_share(screen):
    with pytest.raises(InputError, match="2 of 56 wells have no embedding"):
        methods.embed_method(method("handcrafted", **MEASURED), screen, 0, OPTIONS, max_missing_share=0.01)


def test_a_job_chooses_its_device_once(screen, network, tmp_path, monkeypatch):
    """A second choice could fall on another GPU than the one that the job has leased."""
    chosen, choose = [], cwamsn.models.devices.choose_devices

    def counted(*args, **options):
        chosen.append(args)
        return choose(*args, **options)

    monkeypatch.setattr(cwamsn.models.devices, "choose_devices", counted)
    _, counts = methods.embed_method(method("trained"), screen, 0, OPTIONS, tmp_path)
    assert len(chosen) == 1 and {"precision", "attention", "device"} <= set(counts)


def test_a_method_that_needs_a_path_says_so(screen):
    with pytest.raises(InputError, match="mine: a method of kind trained needs one path as `source`"):
        methods.embed_method(method("trained"), screen, 0, OPTIONS)
