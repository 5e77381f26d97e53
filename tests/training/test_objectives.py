"""Every objective through the one training loop: it learns, it is restored, and it says what it cannot use."""

import pandas as pd
import pytest
import torch

from cwamsn.config import load_schema, resolve
from cwamsn.files import read_json
from cwamsn.tables import InputError
from cwamsn.training import OBJECTIVES, recipe_of, restore_encoder, train
from cwamsn.training.batch import ViewMaker
from cwamsn.training.model import Model
from cwamsn.training.objectives.cropmae import visible_patches
from cwamsn.training.objectives.molecules import caption, fingerprints, hashed_trigrams
from cwamsn.training.sampler import Pairs
from cwamsn.training.views import nested_boxes, random_boxes
from tests.training.tiny import ROOT, recipe, wells_frame, write_store

SMILES = ["CCO", "c1ccccc1", "CC(=O)O", "CN", "CCN(CC)CC", "C1CCCCC1", "OCC(O)CO", "N#N", "C=O", "CSC", "CCCl"]
SMILES += ["no molecule"]
DECODER = {"decoder_width": 16, "decoder_depth": 1, "decoder_heads": 2}
CHANNELWISE = {"encoder": "channelwise", "encoder_options": {"width": 16, "out_features": 12, "depth": 1, "heads": 2}}
PLAIN = {"mask_ratio": 0, "focal_views": 0, "batch_size": 10, "peak_lr": 0.003}
ROWS = {
    "simclr": {"target_from": "image"},
    "supcon": {},
    "wsl": {},
    "cropmae": {"target_view": "nested", "objective_options": DECODER},
    "cloome": {"encoder": "resnet10t", "encoder_options": {"zero_init_last": False}},
    "molphenix": CHANNELWISE,
    "cellclip": CHANNELWISE | {"objective_options": {"text_features": 64}},
}


def with_smiles():
    wells = wells_frame()
    return wells.assign(smiles=[None if p == "DMSO" else SMILES[int(p[1:])] for p in wells["perturbation"]])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("screen"), with_smiles())


def test_every_objective_is_tried_here():
    assert set(OBJECTIVES) == {*ROWS, "msn"}


@pytest.mark.parametrize("name", ROWS)
def test_objective_learns_and_is_restored(name, store, tmp_path):
    chosen = recipe(objective=name, steps=12, log_every=3, **(PLAIN | ROWS[name]))
    train(chosen, **store, out_dir=tmp_path, seed=0, threads=1)
    log = pd.read_csv(tmp_path / "log.csv")
    assert log["loss"].iloc[-1] < log["loss"].iloc[0], log["loss"].tolist()
    description = read_json(tmp_path / "encoder.json")
    refused = 1 if name in ("cloome", "molphenix", "cellclip") else None
    assert description["counts"].get("perturbations_refused") == refused
    images = torch.randn(3, 5, 32, 32)
    for feature in ("cls_last_block", "head"):
        encoder, _ = restore_encoder(tmp_path, "target", feature)
        features = encoder(images)
        assert features.shape[0] == 3 and features.std(dim=0).max() > 0
    assert description["networks"] == ["anchor"]


@pytest.mark.parametrize("name", ROWS)
def test_gradient_reaches_every_trained_weight(name):
    torch.manual_seed(0)
    chosen = recipe(objective=name, **(PLAIN | ROWS[name]))
    model = Model(chosen, 5, classes=10)
    table = pd.DataFrame({"perturbation": [f"P{i}" for i in range(10)], "smiles": SMILES[:10]})
    if OBJECTIVES[name].prepare:
        OBJECTIVES[name].prepare(model, table)
    maker = ViewMaker(chosen, (40, 48), model.patch_size, {"mean": [120.0] * 5, "std": [60.0] * 5}, torch.device("cpu"))
    pairs = Pairs(torch.arange(10).numpy(), None, None)
    images = torch.randint(0, 256, (2, 10, 5, 40, 48), dtype=torch.uint8)
    batch = maker(pairs, images[0], images[1], slice(0, 10), 0, 0)
    model(batch)["loss"].backward()
    trained = {n: p.grad for n, p in model.named_parameters() if p.requires_grad}
    assert not [n for n, gradient in trained.items() if gradient is None or not gradient.abs().sum() > 0]
    frozen = [p for n, p in model.named_parameters() if ".frozen." in n]
    assert all(p.grad is None for p in frozen)


def test_frozen_network_has_public_weights_and_keeps_them(store, tmp_path):
    from cwamsn.training import load_pretrained

    chosen = recipe(objective="molphenix", steps=2, **(PLAIN | CHANNELWISE))
    train(chosen, **store, out_dir=tmp_path, seed=0, threads=1)
    trained = restore_encoder(tmp_path)[0].encoder.frozen.state_dict()
    public = load_pretrained("efficientnet-lite0", 3)[0].state_dict()
    assert all(torch.equal(trained[name], public[name]) for name in public)


def test_every_row_of_a_table_takes_the_same_number_of_steps(store, tmp_path):
    taken = {}
    for target in ("image", "site", "well", "plate", "batch"):
        train(recipe(target_from=target, steps=2), **store, out_dir=tmp_path / target, seed=0, threads=1)
        taken[target] = read_json(tmp_path / target / "encoder.json")["steps"]
    assert set(taken.values()) == {2}


def test_unknown_objective_and_option_offer_the_nearest():
    with pytest.raises(InputError, match=r"training\.objective: 'simclear' is not known; nearest: simclr"):
        Model(recipe(objective="simclear"), 5, 3)
    with pytest.raises(InputError, match="decoder_widht: is no option of cropmae; nearest: decoder_width"):
        Model(recipe(objective="cropmae", objective_options={"decoder_widht": 8}), 5, 3)


def test_objectives_name_the_encoder_they_need():
    with pytest.raises(InputError, match="take a ViT"):
        Model(recipe(objective="cropmae", encoder="resnet10t", encoder_options={}), 5, 3)
    with pytest.raises(InputError, match="take channelwise"):
        Model(recipe(objective="cellclip"), 5, 3)


def test_molecules_are_needed_where_they_are_needed(tmp_path):
    paths = write_store(tmp_path)  # no column smiles
    with pytest.raises(InputError, match="no perturbation has SMILES"):
        chosen = recipe(objective="cloome", **(PLAIN | ROWS["cloome"]))
        train(chosen, **paths, out_dir=tmp_path / "out", seed=0, threads=1)


def test_fingerprints_follow_rdkit_and_refuse_what_rdkit_refuses():
    from rdkit import Chem
    from rdkit.Chem import AllChem

    bits, readable = fingerprints(["CC(N)C(=O)O", "no molecule", None, "", "C[C@H](N)C(=O)O"])
    assert readable.tolist() == [True, False, False, False, True]
    generator = AllChem.GetMorganGenerator(radius=3, fpSize=1024, includeChirality=True)
    expected = generator.GetFingerprint(Chem.MolFromSmiles("CC(N)C(=O)O"))
    assert bits[0].nonzero()[0].tolist() == list(expected.GetOnBits())
    assert (bits[0] != bits[4]).any(), "chirality must count"
    assert not bits[~readable].any()


def test_captions_and_their_stand_in_features():
    assert caption("BRD-1", "CCO") == "U2OS cells treated with compound BRD-1, SMILES CCO"
    features = hashed_trigrams(["abc", "abc", "xyz"], 256)
    torch.testing.assert_close(torch.from_numpy(features).norm(dim=1), torch.ones(3))
    assert (features[0] == features[1]).all() and (features[0] != features[2]).any()


def test_a_local_language_model_is_read_as_it_is(tmp_path):
    from transformers import BertConfig, BertModel, BertTokenizerFast

    from cwamsn.training.objectives.molecules import language_model_features

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cells", "u2os"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    config = BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    model = BertModel(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer = BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt"))
    tokenizer.save_pretrained(tmp_path)
    features = language_model_features(["u2os cells"], str(tmp_path))
    with torch.no_grad():
        expected = model(**tokenizer("u2os cells", return_tensors="pt")).pooler_output
    torch.testing.assert_close(torch.from_numpy(features), expected)
    with pytest.raises(InputError, match="no such folder"):
        language_model_features(["x"], str(tmp_path / "none"))


def test_nested_boxes_lie_in_their_outer_box():
    generator = torch.Generator().manual_seed(0)
    outer = random_boxes(500, 97, 131, (0.1, 1.0), generator)
    inner = nested_boxes(outer, (0.3, 0.6), generator)
    assert (inner[:, :2] >= outer[:, :2]).all()
    assert (inner[:, :2] + inner[:, 2:] <= outer[:, :2] + outer[:, 2:]).all()
    share = inner[:, 2:].prod(dim=1) / outer[:, 2:].prod(dim=1)
    assert share.min() > 0.25 and share.max() < 0.65
    assert share.mean().item() == pytest.approx(0.45, abs=0.02)


def test_a_nested_target_shows_part_of_the_anchor_view():
    """On an image whose two channels hold the coordinates, the target's range lies in the anchor's."""
    y, x = torch.meshgrid(torch.arange(120), torch.arange(150), indexing="ij")
    images = torch.stack([y, x]).to(torch.uint8).expand(6, 2, 120, 150)
    chosen = recipe(**(PLAIN | {"target_view": "nested", "rand_scale": [0.1, 0.5], "target_scale": [0.3, 0.6]}))
    maker = ViewMaker(chosen, (120, 150), (8, 8), {"mean": [0.0] * 2, "std": [1.0] * 2}, torch.device("cpu"))
    batch = maker(Pairs(torch.arange(6).numpy(), None, None), images, images, slice(0, 6), 0, 0)
    anchor, target = batch.anchors[0].images.flatten(2), batch.target.flatten(2)
    assert (target.amin(2) >= anchor.amin(2) - 1.5).all() and (target.amax(2) <= anchor.amax(2) + 1.5).all()
    assert (target.amax(2) - target.amin(2) < anchor.amax(2) - anchor.amin(2)).all()
    # turned alike: columns ascend in both or in neither
    ascends = []
    for view in (anchor, target):
        row = view.unflatten(2, (32, 32))[:, 1, 16]
        ascends.append(row[:, -1] > row[:, 0])
    assert torch.equal(*ascends)


def test_cropmae_leaves_its_share_of_patches_visible():
    keep = visible_patches(4, 196, 0.985, torch.Generator().manual_seed(0))
    assert keep.shape == (4, 2)
    assert visible_patches(4, 16, 0.985, torch.Generator().manual_seed(0)).shape == (4, 1)
    assert len({tuple(sorted(row)) for row in keep.tolist()}) == 4


def shipped_recipes():
    """Recipes of the trained rows of config/models.yaml by name, checked as the workflow checks them."""
    import yaml

    schema = load_schema(ROOT / "config" / "schemas")
    shared = resolve({}, schema)["training"]
    models = yaml.safe_load((ROOT / "config" / "models.yaml").read_text())["models"]
    merged = {name: recipe_of(shared, row) for name, row in models.items() if row["kind"] == "trained"}
    return {
        name: {k: v for k, v in resolve({"training": chosen}, schema)["training"].items() if k in chosen}
        for name, chosen in merged.items()
    }


@pytest.mark.slow
def test_shipped_rows_build_and_can_be_counted():
    """They name keys, an objective and an encoder that exist, at full size; each kind of network once."""
    from cwamsn.reporting.computation import count_computation

    networks = {(r["objective"], r["encoder"]): r for r in shipped_recipes().values()}
    assert {objective for objective, _ in networks} == set(OBJECTIVES)
    for chosen in networks.values():
        with torch.device("meta"):
            model = Model(chosen, 5, classes=20)
        description = {"recipe": chosen, "channels": list("abcde"), "images": 1, "steps": 1, "networks": []}
        counted = count_computation(description)
        assert counted["parameters"] == sum(p.numel() for p in model.anchor.encoder.parameters())
        assert counted["inference_gflops"] > 1
