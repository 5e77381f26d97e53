"""An exported encoder loads without this package, and gives the same features."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import cwamsn
from cwamsn import tables
from cwamsn.crops import CropOptions
from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.encoder import load_encoder
from cwamsn.encoder_files import config_digest, encoder_files, read_description
from cwamsn.errors import InputError
from cwamsn.export import Publication, export_encoder, to_onnx
from cwamsn.exposure import SEEN
from cwamsn.files import sha256
from cwamsn.models import FilterBank
from cwamsn.training import Recipe
from cwamsn.training.model import Model
from cwamsn.training.weights import save_encoder

CHANNELS, SIDE = ["DNA", "ER", "Mito"], 32
VIT = {
    "encoder": "vit_tiny_patch16_224",
    "encoder_options": {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8},
    "rand_size": SIDE,
    "hidden_dim": 16,
    "output_dim": 8,
    "prototypes": 4,
}
CONVOLUTIONS = VIT | {"encoder": "resnet10t", "encoder_options": {}, "mask_ratio": 0, "focal_views": 0}
BANK = CONVOLUTIONS | {"encoder": "filter-bank", "encoder_options": {"widths": [6, 8], "kernel": 5, "stride": 2}}
POOLED = {
    "resnet10t": "pooled features of the network",
    "filter-bank": "mean and spread of the responses of its filters",
}
FROZEN = {"frozen": "efficientnet-lite0", "width": 16, "out_features": 12, "depth": 1, "heads": 2}
CHANNELWISE = CONVOLUTIONS | {"encoder": "channelwise", "encoder_options": FROZEN}
# a Python that cannot import this package, whatever is installed
ALONE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[4].split(): raise ImportError(name)
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[1])
from load_encoder import load_encoder, normalised
import torch
given = torch.load(sys.argv[2])
encoder, config = load_encoder(feature=sys.argv[3])
seen = normalised(given["images"], given["mean"], given["std"], config["input_size"])
torch.save({"features": encoder(seen), "seen": seen}, sys.argv[2])
assert "cwamsn" not in sys.modules
"""


def train(folder, recipe=VIT, **more):
    """What a training leaves, without training; target and anchor differ."""
    torch.manual_seed(0)
    recipe = Recipe.from_config(recipe)
    model = Model(recipe, len(CHANNELS), classes=5)
    for p in model.parameters():
        p.data += 0.05 * torch.randn_like(p)
    description = {
        "recipe": recipe.to_config(),
        "channels": CHANNELS,
        "classes": 5,
        "input_size": SIDE,
        "mean": [100.0, 120.0, 90.0],
        "std": [40.0, 60.0, 50.0],
        "networks": ["anchor", "target"] if model.target else ["anchor"],
        "seed": 3,
        "steps": 6,
        "images": 40,
        "device": "a processor",
        "precision": "float32",
        "data_sha256": {"crops": "1" * 64, "wells": "2" * 64},
        "training_screen": {"name": "bray-sim", "source": "bray", "simulated": True},
    }
    save_encoder(model, description | more, folder)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    return export_encoder(trained, tmp_path_factory.mktemp("exported"))


def images(count=3, side=SIDE, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, 3, side, side), dtype=np.uint8))


def seen_alone(folder, given, feature="cls_last_block", side=SIDE, without="cwamsn"):
    """Features and normalised images by a Python without this package, and `without` others."""
    torch.save({"images": images(side=side), "mean": [90.0, 80.0, 70.0], "std": [30.0, 20.0, 40.0]}, given)
    command = [sys.executable, "-I", "-c", ALONE, str(folder), str(given), feature, without]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert result.returncode == 0, result.stderr
    return torch.load(given)


@pytest.mark.parametrize("feature", ["cls_last_block", "cls_norm"])
def test_it_loads_without_this_package_and_gives_the_same_features(trained, exported, tmp_path, feature):
    found = seen_alone(exported, tmp_path / "given.pt", feature)
    encoder, _ = load_encoder(trained, feature=feature)
    torch.testing.assert_close(found["features"], encoder(found["seen"]), rtol=0, atol=1e-5)
    other, _ = load_encoder(trained, feature="cls_norm" if feature == "cls_last_block" else "cls_last_block")
    assert not torch.allclose(found["features"], other(found["seen"]), atol=1e-2)


def test_images_are_resized_as_the_embedding_resizes_them(exported, tmp_path):
    found = seen_alone(exported, tmp_path / "given.pt", side=48)
    resized = torch.nn.functional.interpolate(images(side=48).float(), (SIDE, SIDE), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([90.0, 80.0, 70.0], [30.0, 20.0, 40.0]))
    torch.testing.assert_close(found["seen"], (resized - mean) / std, rtol=0, atol=0)


@pytest.mark.parametrize("network", ["target", "anchor"])
def test_it_is_an_encoder_of_this_package_again_bit_for_bit(trained, tmp_path, network):
    folder = export_encoder(trained, tmp_path / "new", embedding=EmbedOptions(encoder=network))
    seen = images().float() / 100 - 1
    for feature in ("cls_last_block", "cls_norm"):
        (own, meta), (other, again) = (load_encoder(f, network, feature) for f in (trained, folder))
        assert torch.equal(own(seen), other(seen)) and not other.training
        assert {key: again[key] for key in meta if key != "weights_sha256"} == {
            key: meta[key] for key in meta if key != "weights_sha256"
        }
    wrong = {"target": "anchor", "anchor": "target"}[network]
    with pytest.raises(InputError, match=rf"embedding\.encoder: '{wrong}' is not in .*, which holds '{network}'"):
        load_encoder(folder, wrong)
    with pytest.raises(InputError, match=r"embedding\.feature: 'head' is not in .*; it gives cls_last_block, cls_norm"):
        load_encoder(folder, network, "head")


def test_the_package_loads_either_folder_in_one_line(trained, exported):
    seen = images().float() / 100 - 1
    outputs = [encoder(seen) for encoder, _ in (cwamsn.load(trained), cwamsn.load(exported))]
    assert torch.equal(*outputs)


def test_timm_itself_opens_the_folder(exported):
    code = f"import timm; m = timm.create_model('local-dir:{exported}', pretrained=True); print(m.num_features)"
    result = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "24", result.stderr


@pytest.mark.parametrize("recipe", [CONVOLUTIONS, BANK, BANK | {"encoder_options": {"widths": [6], "features": 4}}])
def test_convolutions_are_exported_too(tmp_path, recipe):
    folder, name = export_encoder(train(tmp_path / "t", recipe), tmp_path / "new"), recipe["encoder"]
    found = seen_alone(folder, tmp_path / "given.pt", without="cwamsn timm" if name == "filter-bank" else "cwamsn")
    torch.testing.assert_close(
        found["features"], load_encoder(tmp_path / "t").encoder(found["seen"]), rtol=0, atol=1e-5
    )
    config = json.loads((folder / "config.json").read_text())
    assert not config["class_token"] and POOLED[name] in config["features"]["cls_norm"]
    for feature in ("cls_last_block", "cls_norm"):
        own, other = (load_encoder(f, feature=feature).encoder for f in (tmp_path / "t", folder))
        assert torch.equal(own(found["seen"]), other(found["seen"]))


def test_an_exported_filter_bank_is_built_alike_where_a_default_has_changed(tmp_path, monkeypatch):
    """A stride has no weight whose shape would tell."""
    folder = export_encoder(train(tmp_path / "t", BANK | {"encoder_options": {"widths": [6]}}), tmp_path / "new")
    seen = images().float() / 100 - 1
    before = load_encoder(folder).encoder(seen)
    monkeypatch.setitem(FilterBank.__init__.__kwdefaults__, "stride", 1)
    assert torch.equal(load_encoder(folder).encoder(seen), before)
    assert not torch.allclose(load_encoder(tmp_path / "t").encoder(seen), before, atol=1e-4)


def test_the_card_of_a_filter_bank_says_what_it_needs_and_does_not_see(tmp_path):
    raw = BANK | {"encoder_options": BANK["encoder_options"] | {"standardise": False}}
    for name, recipe in (("a", BANK), ("b", raw)):
        card = (export_encoder(train(tmp_path / name, recipe), tmp_path / f"{name}-new") / "README.md").read_text()
        assert "in this folder; needs torch and safetensors" in card and "library_name: pytorch" in card
        assert ("the brightness of a whole stain hardly reaches its features" in card) == (name == "a")


def test_the_card_says_what_a_reader_must_know(trained, tmp_path):
    row = {"run": "demo", "method": "ours", "seed": 3, "screen": "rx", "alignment": "pca", "null": None, "n": 940}
    gene = {"benchmark": "gene_gene", "metric": "recall", "source": "CORUM", "ci_low": 0.1, "ci_high": 0.3}
    rows = [gene | {"value": 0.2}, gene | {"metric": "plain", "value": 0.7, "ci_low": None, "ci_high": None}]
    rows.append(gene | {"benchmark": "comparison", "value": 0.9})
    scores = tmp_path / "scores.parquet"
    tables.write(pd.DataFrame([row | more for more in rows]), "scores", scores)
    publication = Publication(title="Ours", licence="cc-by-4.0", scores=scores, method="ours")
    card = (export_encoder(trained, tmp_path / "new", publication=publication) / "README.md").read_text()
    _, front, text = card.split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "cc-by-4.0" and "simulated" in yaml.safe_load(front)["tags"]
    assert text.startswith("\n# Ours\n\n**The images were simulated: the encoder has seen no cell.")
    assert "| rx | gene_gene | recall | CORUM | 0.2000 | 0.1000 to 0.3000 | 940 | 3 |" in text
    assert "0.7" not in text and "0.9000" not in text, "no interval; a comparison"
    for words in (
        "| Screen | bray-sim (simulated) |",
        "| Seed | 3 |",
        "| Steps | 6 |",
        "a processor, float32",
        "msn, pairs",
    ):
        assert words in text
    with pytest.raises(InputError, match=r"scores\.parquet: holds no score of method 'mine'; it has ours"):
        export_encoder(trained, tmp_path / "other", publication=Publication(scores=scores, method="mine"))
    assert not (tmp_path / "other").exists(), "whole or absent"


@pytest.mark.parametrize(
    "screen, terms",
    [
        ({"name": "b", "source": "bray", "simulated": False}, "CC0 1.0"),
        ({"name": "b", "source": "rxrx3-core", "simulated": False}, "non-commercial"),
        ({"name": "b", "source": "load-data", "simulated": False}, "not known; ask whoever owns the screen"),
        (None, "not known"),
    ],
)
def test_terms_of_the_training_images_are_those_of_their_source(tmp_path, screen, terms):
    folder = export_encoder(train(tmp_path / "t", training_screen=screen), tmp_path / "new")
    (line,) = [x for x in (folder / "README.md").read_text().splitlines() if x.startswith("| Terms of its images")]
    assert terms in line and "simulated" not in (folder / "README.md").read_text()


@pytest.mark.parametrize("named", [True, False])
def test_perturbations_of_the_training_are_named_unless_they_are_not_to_be_known(tmp_path, named):
    seen = {"plates": ["e/secret"], "perturbations": ["X-1", "X-2"], "inchikey_blocks": None}
    trained = train(tmp_path / "t", **{SEEN: seen})
    folder = export_encoder(trained, tmp_path / "new", publication=Publication(perturbations=named))
    content, card = (folder / "config.json").read_text(), (folder / "README.md").read_text()
    assert ("X-1" in content, "secret" in content) == (named, named)
    assert ("| Perturbations | 2 |" in card) == named and "X-1" not in card
    assert ("`config.json` names them" if named else "they are not named") in card
    assert SEEN in json.loads((trained / "encoder.json").read_text())


def test_preprocessing_holds_the_numbers_that_were_used(trained, tmp_path):
    crops, embedding = CropOptions(black_level=7), EmbedOptions(view="tiles", tile_size=48)
    folder = export_encoder(trained, tmp_path / "new", crops=crops, embedding=embedding)
    found = json.loads((folder / "preprocessing.json").read_text())
    assert found["to_8_bit"]["black_level"] == 7 and found["to_8_bit"]["saturated_share"] == 0.000028
    assert found["view"]["name"] == "tiles" and found["view"]["tile_size"] == 48 and found["view"]["side"] == SIDE
    assert found["normalisation"]["mean"] == [100.0, 120.0, 90.0] and found["channels"] == CHANNELS


def test_what_cannot_be_exported_is_refused(trained, exported, tmp_path):
    cases = {
        "is exported already; copy the folder": (exported, {}),
        "embedding.feature: head is computed by the projection head": (trained, {"feature": "head"}),
        "its encoder cannot be exported: it holds a frozen network": (train(tmp_path / "c", CHANNELWISE), {}),
        "holds no encoder": (tmp_path / "nowhere", {}),
    }
    for message, (folder, options) in cases.items():
        with pytest.raises(InputError, match=message) as error:
            export_encoder(folder, tmp_path / "new", embedding=EmbedOptions(**options))
        assert "\n" not in str(error.value) and not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="exists and is not empty; give a new folder"):
        export_encoder(trained, exported)


def test_changed_weights_of_an_export_are_refused(trained, tmp_path):
    folder = export_encoder(trained, tmp_path / "new")
    path = folder / "model.safetensors"
    state = load_file(path)
    state.pop("norm.bias")
    save_file(state, path)
    with pytest.raises(InputError, match=r"model\.safetensors: its sha256 is not the .* of config\.json"):
        load_encoder(folder)
    config = json.loads((folder / "config.json").read_text())
    config["weights_sha256"] = sha256(path)
    (folder / "config.json").write_text(json.dumps(config | {"config_sha256": config_digest(config)}))
    with pytest.raises(InputError, match=r"model\.safetensors: lacks 1 weights, first norm\.bias"):
        load_encoder(folder)
    assert read_description(encoder_files(folder).description)["weights_sha256"] == config["weights_sha256"]


def test_a_changed_description_of_an_export_is_refused(trained, tmp_path):
    folder = export_encoder(trained, tmp_path / "new")
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(config.items()))))
    load_encoder(folder)  # the same content in another layout
    for change in ({"channels": CHANNELS[::-1]}, {"input_size": 48}, {"training": config["training"] | {"steps": 0}}):
        path.write_text(json.dumps(config | change))
        with pytest.raises(InputError, match=r"config\.json: was changed since it was exported: its config_sha256 is"):
            load_encoder(folder)
    config.pop("config_sha256")
    path.write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"config\.json: names no digest of itself \(config_sha256\); export again"):
        load_encoder(folder)


@pytest.mark.parametrize("recipe", [VIT, BANK])
def test_the_batch_of_an_exported_graph_is_dynamic(tmp_path, recipe):
    """What ONNX needs, without its packages: nothing in the forward pass reads the batch as a number."""
    encoder, _ = load_encoder(train(tmp_path, recipe))
    shapes = ({0: torch.export.Dim("batch")},)
    graph = torch.export.export(encoder, (torch.zeros(2, 3, SIDE, SIDE),), dynamic_shapes=shapes).module()
    seen = images(7).float() / 100 - 1
    torch.testing.assert_close(graph(seen), encoder(seen), rtol=0, atol=1e-5)


@pytest.mark.parametrize("recipe", [VIT, BANK])
def test_onnx_gives_the_same_features_for_any_batch(tmp_path, recipe):
    trained = train(tmp_path / "t", recipe)
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(to_onnx(trained, tmp_path / "encoder.onnx"))
    for count in (1, 2, 7):
        seen = images(count).float() / 100 - 1
        (found,) = session.run(["features"], {"images": seen.numpy()})
        np.testing.assert_allclose(found, load_encoder(trained).encoder(seen), rtol=0, atol=1e-4)


def test_onnx_without_its_packages_says_what_to_install(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="onnx: onnx and onnxscript not installed; pip install onnx onnxscript"):
        to_onnx(trained, tmp_path / "encoder.onnx")
    assert list(Path(tmp_path).iterdir()) == []


def test_the_card_holds_the_scores_of_the_encoder_s_own_seed(trained, tmp_path):
    row = {"run": "demo", "method": "ours", "screen": "rx", "alignment": "pca", "null": None, "n": 9}
    row |= {"benchmark": "gene_gene", "metric": "recall", "source": "CORUM", "ci_low": 0.1, "ci_high": 0.3}
    scores = tmp_path / "scores.parquet"
    tables.write(pd.DataFrame([row | {"seed": seed, "value": seed / 10} for seed in (2, 3)]), "scores", scores)
    card = (
        export_encoder(trained, tmp_path / "new", publication=Publication(scores=scores, method="ours")) / "README.md"
    ).read_text()
    assert "| 0.3000 | 0.1000 to 0.3000 | 9 | 3 |" in card and "| 0.2000 |" not in card
    assert "| Terms of the weights | not stated; ask whoever gave them to you |" in card
    tables.write(pd.DataFrame([row | {"seed": 2, "value": 0.2}]), "scores", scores)
    with pytest.raises(InputError, match=r"holds 'ours' of seed 2, the encoder is of seed 3; give the scores of its"):
        export_encoder(trained, tmp_path / "other", publication=Publication(scores=scores, method="ours"))
