"""Every objective through the one training loop: it learns, it is restored, and it says what it cannot use."""

import copy

import pandas as pd
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cwamsn.config import load_schema, resolve
from cwamsn.errors import InputError
from cwamsn.files import read_json
from cwamsn.models import ViTEncoder, deterministic_algorithms
from cwamsn.recipes import recipe_of
from cwamsn.training import OBJECTIVES, Recipe, restore_encoder, train
from cwamsn.training.batch import Batch, Group
from cwamsn.training.data import ChannelStatistics
from cwamsn.training.model import Model
from cwamsn.training.multicrop import MultiCropViews
from cwamsn.training.objectives.cropmae import visible_patches
from cwamsn.training.objectives.molecules import caption, fingerprints, hashed_trigrams
from cwamsn.training.views import nested_boxes, random_boxes
from tests.training.tiny import ROOT, STATISTICS, recipe, same_pairs, wells_frame, write_store

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
    train(chosen, store, tmp_path, seed=0, threads=1)
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


def model_and_batch(name, **changes):
    """A model of a row of ten perturbations, and one batch of them."""
    torch.manual_seed(0)
    chosen = recipe(objective=name, **(PLAIN | ROWS.get(name, {}) | changes))
    model = Model(chosen, 5, classes=10)
    table = pd.DataFrame({"perturbation": [f"P{i}" for i in range(10)], "smiles": SMILES[:10]})
    if molecules := OBJECTIVES[name].molecules:
        molecules.prepare(model, table)
    views = MultiCropViews(chosen.views, (40, 48), model.patch_size, STATISTICS, torch.device("cpu"))
    images = torch.randint(0, 256, (2, 10, 5, 40, 48), dtype=torch.uint8)
    images = same_pairs(views, 0, 0, 10, images)
    if draw := OBJECTIVES[name].draw:
        images.drawn.small.update(draw(chosen, model.patch_size, 10, images.drawn.generator))
    return model, views(images)


def without_gradient(model):
    trained = {n: p.grad for n, p in model.named_parameters() if p.requires_grad}
    return [n for n, gradient in trained.items() if gradient is None or not gradient.abs().sum() > 0]


@pytest.mark.parametrize("name", ROWS)
def test_gradient_reaches_every_trained_weight(name):
    model, batch = model_and_batch(name)
    model(batch)["loss"].backward()
    assert not without_gradient(model)
    frozen = [p for n, p in model.named_parameters() if ".frozen." in n]
    assert all(p.grad is None for p in frozen)


# what raises on CUDA where deterministic algorithms are asked for, by torch's list, and what is slow there then
UNREPEATABLE = {"put_", "histc", "median", "bincount", "kthvalue", "_ctc_loss", "max_unpool2d", "nll_loss2d_forward"}
UNREPEATABLE |= {"upsample_bicubic2d_backward", "upsample_bilinear2d_backward", "grid_sampler_2d_backward"}
UNREPEATABLE |= {"_adaptive_avg_pool2d_backward", "adaptive_max_pool2d_backward", "reflection_pad2d_backward"}
UNREPEATABLE |= {"index_put", "_index_put_impl_", "_unsafe_index_put", "scatter_add", "index_add", "cumsum"}


class Operations(TorchDispatchMode):
    """Collects the names of the operations, gradients included."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", [*ROWS, "msn"])
def test_a_step_as_on_a_gpu_takes_operations_alone_that_a_gpu_repeats(name):
    model, batch = model_and_batch(name)
    for module in model.modules():
        if isinstance(module, ViTEncoder):
            module.products = True
    if name == "msn":
        batch.anchors = [group._replace(keep=torch.randperm(16)[:13]) for group in batch.anchors]
    with deterministic_algorithms(True), Operations() as seen:
        model(batch)["loss"].backward()
    assert not seen.names & UNREPEATABLE and not without_gradient(model)
    assert {"mm", "native_layer_norm_backward"} & seen.names


def test_the_way_of_the_cpu_would_be_noticed():
    model, batch = model_and_batch("msn")
    batch.anchors = [Group(torch.randn(10, 5, 48, 48), torch.randperm(36)[:13])]
    with Operations() as seen:
        model(batch)["loss"].backward()
    assert {"upsample_bicubic2d_backward"} <= seen.names & UNREPEATABLE


@pytest.mark.parametrize("name", ["msn", "cropmae"])
def test_without_the_final_norm_no_trained_weight_is_left_without_gradient(name):
    """DistributedDataParallel refuses a second step where one is."""
    options = {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8, "final_norm": False}
    model, batch = model_and_batch(name, encoder_options=options)
    model(batch)["loss"].backward()
    unmoved = without_gradient(model)
    # a bias before BatchNorm has a gradient, of rounding or of exactly nothing
    assert not [n for n in unmoved if dict(model.named_parameters())[n].grad is None], unmoved


def gradients(name, features, dtype, half=False):
    """Of the loss of `name` with respect to its features in `dtype`, and the loss; `half`: under bfloat16 autocast."""
    leaves, given = {}, {}
    for key, value in features.items():
        if isinstance(value, torch.nn.Module):
            given[key] = copy.deepcopy(value).to(dtype)
            leaves |= {f"{key}.{n}": p for n, p in given[key].named_parameters()}
        elif isinstance(value, torch.Tensor) and value.is_floating_point():
            given[key] = leaves[key] = value.detach().to(dtype).requires_grad_()
        else:
            given[key] = value
    chosen = recipe(objective=name, **(PLAIN | ROWS.get(name, {})))
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = OBJECTIVES[name].loss(chosen, **given)["loss"]
    loss.backward()
    return {key: leaf.grad for key, leaf in leaves.items() if leaf.grad is not None}, loss


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_loss_under_autocast_has_the_gradients_of_float64(name):
    """On random features, for whatever is registered: autocast ends where a loss begins."""
    model, batch = model_and_batch(name)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        features = OBJECTIVES[name].features(model, batch, model.recipe)
    for key, value in features.items():  # scalars are trained scales, which keep where they start
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim:
            features[key] = torch.randn(value.shape)
    want, exact = gradients(name, features, torch.float64)
    found, loss = gradients(name, features, torch.float32, half=True)
    assert loss.dtype == torch.float32 and exact.dtype == torch.float64
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)
    assert found.keys() == want.keys() and want
    for key in want:
        error = (found[key].double() - want[key]).norm() / want[key].norm()
        assert error < 1e-5, (key, error.item())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_half_precision_features_give_a_float32_loss_and_a_float64_model_a_float64_one(name):
    model, batch = model_and_batch(name)
    with torch.autocast("cpu", torch.bfloat16):
        assert model(batch)["loss"].dtype == torch.float32
    batch.anchors = [group._replace(images=group.images.double()) for group in batch.anchors]
    batch.target = batch.target.double()
    assert model.double()(batch)["loss"].dtype == torch.float64


@pytest.mark.parametrize("name", sorted(set(OBJECTIVES) - {"msn", "supcon", "wsl"}))
def test_the_loss_of_several_anchor_views_is_the_mean_over_them(name):
    """Each view is compared with its own sample's target, molecule or text; views of another size count too."""
    model, batch = model_and_batch(name, rand_views=2, focal_views=1)
    model.eval()  # BatchNorm over one view or three is not the same
    assert sum(len(group.images) for group in batch.anchors) == 30
    parts = [(group.images[i : i + 10], group.keep) for group in batch.anchors for i in range(0, len(group.images), 10)]
    losses = []
    for images, keep in parts:
        one = Batch([Group(images, keep)], batch.target, batch.perturbation, batch.generator, batch.drawn)
        losses.append(model(one)["loss"].item())
    assert model(batch)["loss"].item() == pytest.approx(sum(losses) / 3, rel=1e-5)
    assert len(set(losses)) == 3


def test_frozen_network_has_public_weights_and_keeps_them(store, tmp_path):
    from cwamsn.models import load_pretrained

    chosen = recipe(objective="molphenix", steps=2, **(PLAIN | CHANNELWISE))
    train(chosen, store, tmp_path, seed=0, threads=1)
    trained = restore_encoder(tmp_path)[0].encoder.frozen.state_dict()
    public = load_pretrained("efficientnet-lite0", 3)[0].state_dict()
    assert all(torch.equal(trained[name], public[name]) for name in public)


def test_every_row_of_a_table_takes_the_same_number_of_steps(store, tmp_path):
    taken = {}
    for target in ("image", "site", "well", "plate", "batch"):
        train(recipe(target_from=target, steps=2), store, tmp_path / target, seed=0, threads=1)
        taken[target] = read_json(tmp_path / target / "encoder.json")["steps"]
    assert set(taken.values()) == {2}


def test_unknown_objective_and_option_offer_the_nearest():
    with pytest.raises(InputError, match=r"training\.objective: 'simclear' is not known; nearest: simclr"):
        Model(recipe(objective="simclear"), 5, 3)
    with pytest.raises(InputError, match="decoder_widht: is no option of cropmae; nearest: decoder_width"):
        Model(recipe(objective="cropmae", objective_options={"decoder_widht": 8}), 5, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mask_ratio": 0}, "0 does not hide a part of the 16 patches"),
        ({"mask_ratio": 1.5}, "1.5 does not hide a part"),
        ({"mask_ratio": "half"}, "'half' is of the wrong kind; the default is 0.985"),
        ({"decoder_heads": 0}, "must be a multiple of 4 and of the decoder_heads, 0"),
        ({"decoder_depth": True}, "True is of the wrong kind"),
    ],
)
def test_options_that_leave_nothing_to_learn_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Model(recipe(objective="cropmae", objective_options=options), 5, 3)
    with pytest.raises(InputError, match="hide a part of the 1 patches"):
        Model(recipe(objective="cropmae", rand_size=8), 5, 3)


def test_a_mask_that_leaves_no_patch_is_refused():
    with pytest.raises(InputError, match=r"mask_ratio: 0\.95 leaves none of the 16 patches of a view of 32 pixels"):
        model_and_batch("msn", mask_ratio=0.95)


def test_a_channelwise_encoder_refuses_a_mask_in_every_objective():
    model, batch = model_and_batch("cellclip", mask_ratio=0.5, rand_size=32)
    batch.anchors = [group._replace(keep=torch.arange(3)) for group in batch.anchors]
    with pytest.raises(InputError, match="has no patches to mask"):
        model(batch)


def test_objectives_name_the_encoder_they_need():
    with pytest.raises(InputError, match="take a ViT"):
        Model(recipe(objective="cropmae", encoder="resnet10t", encoder_options={}), 5, 3)
    with pytest.raises(InputError, match="take channelwise"):
        Model(recipe(objective="cellclip"), 5, 3)


def test_molecules_are_needed_where_they_are_needed(tmp_path):
    paths = write_store(tmp_path)  # no column smiles
    with pytest.raises(InputError, match="no perturbation has SMILES"):
        chosen = recipe(objective="cloome", **(PLAIN | ROWS["cloome"]))
        train(chosen, paths, tmp_path / "out", seed=0, threads=1)


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
    statistics = ChannelStatistics([0.0] * 2, [1.0] * 2, ["y", "x"])
    views = MultiCropViews(chosen.views, (120, 150), (8, 8), statistics, torch.device("cpu"))
    batch = views(same_pairs(views, 0, 0, 6, (images, images)))
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
    """Recipes of the trained rows of config/methods.yaml by name, checked as the workflow checks them."""
    import yaml

    schema = load_schema(ROOT / "config" / "schemas")
    shared = resolve({}, schema)["training"]
    models = yaml.safe_load((ROOT / "config" / "methods.yaml").read_text())["definitions"]
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
            model = Model(Recipe.from_config(chosen), 5, classes=20)
        description = {"recipe": chosen, "channels": list("abcde"), "images": 1, "steps": 1, "networks": []}
        counted = count_computation(description)
        assert counted.parameters == sum(p.numel() for p in model.anchor.encoder.parameters())
        assert counted.inference_gflops > 1
