"""An exported encoder for any number of channels: the same features elsewhere, for other stains too."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from cwamsn.embeddings.channels import fit_channels
from cwamsn.embeddings.encoder import load_encoder
from cwamsn.export import export_encoder, to_onnx
from cwamsn.notes import collected
from tests.export.test_export import CHANNELS, SIDE, VIT, train

NAMES = ["bag-of-channels", "channel-tokens"]
OTHER = ["Mito", "Actin", "DNA", "Lipid"]
# a Python that cannot import this package, whatever is installed
ALONE = """
import sys, warnings
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "cwamsn": raise ImportError(name)
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[1])
from load_encoder import load_encoder, normalised
import torch
images = torch.load(sys.argv[2])
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    encoder, config = load_encoder(feature=sys.argv[3], channels=sys.argv[4].split(",") if sys.argv[4] else None)
seen = normalised(images, [90.0] * images.shape[1], [30.0] * images.shape[1], config["input_size"])
torch.save({"features": encoder(seen), "seen": seen, "told": [str(x.message) for x in told]}, sys.argv[2])
try:
    encoder(seen[:, :2])
except ValueError as error:
    assert "images of 2 channels, loaded for" in str(error)
"""


@pytest.fixture(scope="module", params=NAMES)
def trained(request, tmp_path_factory):
    options = VIT["encoder_options"] | {"backbone": VIT["encoder"]}
    changes = {"encoder": request.param, "encoder_options": options, "channel_sampling": "hierarchical"}
    return train(tmp_path_factory.mktemp("trained"), VIT | changes)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    return export_encoder(trained, tmp_path_factory.mktemp("exported"))


@pytest.mark.parametrize("feature", ["cls_last_block", "cls_norm"])
@pytest.mark.parametrize("stains", [None, OTHER], ids=["own stains", "other stains"])
def test_it_loads_without_this_package_and_gives_the_same_features(trained, exported, tmp_path, feature, stains):
    count = len(stains or CHANNELS)
    torch.save(torch.randint(0, 256, (3, count, 48, 48), dtype=torch.uint8), tmp_path / "given.pt")
    command = [sys.executable, "-I", "-c", ALONE, str(exported), str(tmp_path / "given.pt"), feature]
    result = subprocess.run([*command, ",".join(stains or [])], capture_output=True, text=True, cwd=exported)
    assert result.returncode == 0, result.stderr
    found = torch.load(tmp_path / "given.pt")
    fitted = fit_channels(*load_encoder(trained, feature=feature), stains or CHANNELS).encoder
    torch.testing.assert_close(found["features"], fitted(found["seen"]), rtol=0, atol=1e-5)
    assert found["told"] == (["no stains of the training (DNA, ER, Mito): Actin, Lipid"] if stains else [])


def test_it_is_an_encoder_of_this_package_again_bit_for_bit(trained, exported):
    images = torch.randn(2, 4, SIDE, SIDE)
    with collected():
        own, other = (fit_channels(*load_encoder(folder), OTHER).encoder for folder in (trained, exported))
    assert torch.equal(own(images), other(images))
    config = json.loads((exported / "config.json").read_text())
    assert config["encoder"] in NAMES and config["architecture"] == "vit_tiny_patch16_224"
    assert config["pretrained_cfg"]["input_size"] == [1, SIDE, SIDE] and "backbone" not in config["model_args"]


@pytest.mark.parametrize("stains", [CHANNELS, OTHER], ids=["own stains", "other stains"])
def test_onnx_gives_the_same_features_for_any_batch_and_any_stains(trained, tmp_path, stains):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(to_onnx(trained, tmp_path / "encoder.onnx", channels=stains))
    fitted = fit_channels(*load_encoder(trained), stains).encoder
    for count in (1, 2, 7):
        images = torch.randn(count, len(stains), SIDE, SIDE)
        (found,) = session.run(["features"], {"images": images.numpy()})
        np.testing.assert_allclose(found, fitted(images), rtol=0, atol=1e-4)


def test_the_batch_of_its_graph_is_dynamic(trained):
    """What ONNX needs, without its packages."""
    encoder = fit_channels(*load_encoder(trained), OTHER).encoder
    shapes = ({0: torch.export.Dim("batch")},)
    graph = torch.export.export(encoder, (torch.zeros(2, 4, SIDE, SIDE),), dynamic_shapes=shapes).module()
    images = torch.randn(7, 4, SIDE, SIDE)
    torch.testing.assert_close(graph(images), encoder(images), rtol=0, atol=1e-5)


def test_the_card_names_the_loader_of_its_channels(exported):
    card = (exported / "README.md").read_text()
    assert 'load_encoder(channels=["DNA", "ER", "Mito"])' in card and "Any number of channels" in card
    assert "other stains mean nothing to it" not in card
