"""From a training of the default run's encoder to all that takes it: the same features everywhere."""

import numpy as np
import pytest
import torch

import cwamsn
from cwamsn.crops import CropStore
from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.encoder import load_encoder
from cwamsn.embeddings.images import embed
from cwamsn.embeddings.twin import untrained
from cwamsn.encoder_files import encoder_files, read_description
from cwamsn.export import export_encoder
from cwamsn.files import read_json
from cwamsn.reporting.computation import count_computation
from cwamsn.tables import feature_columns
from cwamsn.training import train
from tests.export.test_export import BANK
from tests.training.tiny import recipe, write_store

SMALL = {name: BANK[name] for name in ("encoder", "encoder_options", "mask_ratio")}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Screen, training and export: 3 steps, and what the same training leaves of no step."""
    folder = tmp_path_factory.mktemp("bank")
    screen = write_store(folder / "screen")
    for name, changes in (("trained", {"steps": 3, "epochs": 1, "warmup_epochs": 0}), ("untrained", {"epochs": 0})):
        train(recipe(**SMALL, **changes), screen, folder / name, seed=4, threads=1)
    export_encoder(folder / "trained", folder / "exported")
    return folder


def features(folders, name):
    encoder, meta = cwamsn.load(folders / name)
    store = CropStore(folders / "screen" / "crops.parquet", folders / "screen")
    frame = embed(encoder, meta, store, read_json(folders / "screen" / "statistics.json"), EmbedOptions(threads=1))
    return frame[feature_columns(frame)].to_numpy()


def test_an_export_embeds_a_screen_bit_for_bit_as_its_training_does(folders):
    own = features(folders, "trained")
    assert own.shape[1] == 2 * (6 + 8) and np.array_equal(own, features(folders, "exported"))
    assert not np.allclose(own, features(folders, "untrained"), atol=1e-6)


def test_its_untrained_twin_has_the_weights_that_the_training_began_with(folders):
    images = torch.randn(2, 5, 32, 32)
    began = load_encoder(folders / "untrained").encoder(images)
    for name in ("trained", "exported"):
        assert torch.equal(untrained(load_encoder(folders / name), 0).encoder(images), began)


def test_its_size_and_cost_are_counted_from_either_folder(folders):
    one, other = (
        count_computation(read_description(encoder_files(folders / x).description)) for x in ("trained", "exported")
    )
    assert one == other and one.inference_gflops > 0
    assert one.parameters == sum(p.numel() for p in load_encoder(folders / "trained").encoder.encoder.parameters())
