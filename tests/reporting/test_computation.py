"""Counts of the encoders that the training builds."""

from pathlib import Path

import pytest
import torch

from cwamsn.config import load_schema, resolve
from cwamsn.files import write_json
from cwamsn.reporting import table_methods
from cwamsn.reporting.computation import count_computation, write_computation
from cwamsn.reporting.flops import Views, ViT, anchor_forward, training_step
from cwamsn.training import Recipe
from cwamsn.training.model import Model


@pytest.fixture
def description(root):
    recipe = resolve({}, load_schema(root / "config" / "schemas"))["training"]
    return {
        "recipe": recipe,
        "channels": list("abcde"),
        "images": 198609,
        "steps": 100,
        "networks": ["anchor", "target"],
        "device": "a device",
    }


def test_the_papers_recipe_gives_the_formulas_counts(description):
    counted = count_computation(description)
    assert counted.inference_gflops == pytest.approx(9.274, abs=5e-4)
    assert counted.gflops == pytest.approx(anchor_forward(ViT(), Views()) / 1e9, rel=1e-12)
    assert counted.gflops == pytest.approx(24.118, abs=5e-4)
    assert counted.step_gflops == pytest.approx(training_step(ViT(), Views()) / 1e9, rel=1e-12)
    assert counted.parameters / 1e6 == pytest.approx(21.86, abs=0.005)


def test_nothing_trained_has_no_training_cost(description):
    assert count_computation(description | {"steps": 0}).step_gflops is None


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("davit_tiny", {"depths": [1, 1, 1, 1], "embed_dims": [8, 16, 24, 32], "num_heads": [1, 2, 3, 4]}),
        ("efficientvit_b0", {}),
        ("deit_tiny_patch16_224", {"depth": 1}),
    ],
)
def test_what_can_be_trained_can_be_counted_and_is_the_same_network(description, encoder, options):
    changes = {"encoder": encoder, "encoder_options": options, "mask_ratio": 0, "rand_size": 64, "focal_views": 0}
    recipe = description["recipe"] | changes
    with torch.device("meta"):
        trained = Model(Recipe.from_config(recipe), 5, classes=3).anchor.encoder
    counted = count_computation(description | {"recipe": recipe})
    assert counted.parameters == sum(p.numel() for p in trained.parameters())


def test_counts_fill_in_what_a_row_does_not_state(description, tmp_path):
    write_json(description, tmp_path / "encoder.json")
    path = tmp_path / "cwa-msn" / "computation.json"
    write_computation(tmp_path / "encoder.json", path)
    rows = [{"name": "cwa-msn", "title": "CWA-MSN", "kind": "trained", "images": None, "parameters": 5.0}]
    (method,) = table_methods(rows, [path])
    assert method.images == 198609 and method.parameters == 5.0 and method.device == "a device"
    assert Path(path).exists()
