"""Images to vectors: views, strict loading of encoders, averaging over the crops of a well."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from cwamsn.config import load_schema, resolve
from cwamsn.embeddings import EmbedOptions, count_wells, images
from cwamsn.embeddings.encoder import load_encoder
from cwamsn.embeddings.images import embed
from cwamsn.errors import InputError
from cwamsn.files import sha256, write_json
from cwamsn.tables import check, feature_columns
from cwamsn.training import Recipe
from cwamsn.training.model import Model
from cwamsn.training.weights import save_encoder

CHANNELS, SIDE = 3, 32
SMALL = {
    "encoder": "vit_tiny_patch16_224",
    "encoder_options": {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8},
    "rand_size": SIDE,
    "hidden_dim": 16,
    "output_dim": 8,
    "prototypes": 4,
}


class Store:
    """A crop store in memory: `sizes` of the crops of each well."""

    def __init__(self, sizes, seed=0):
        rng = np.random.default_rng(seed)
        rows = [(f"w{w}_s{s}", f"w{w}", *size) for w, shapes in enumerate(sizes) for s, size in enumerate(shapes)]
        self.frame = pd.DataFrame(rows, columns=["crop_id", "well_id", "height", "width"])
        self.images = [rng.integers(0, 256, (CHANNELS, h, w), dtype=np.uint8) for _, _, h, w in rows]

    def batch_shape(self, indices):
        return (len(indices), *self.images[indices[0]].shape)

    def load_batch(self, indices, out=None):
        return np.stack([self.images[i] for i in indices], out=out)

    def reordered(self, order):
        other = Store([])
        other.frame, other.images = self.frame.iloc[order].reset_index(drop=True), [self.images[i] for i in order]
        return other


@pytest.fixture(scope="module")
def schema(root):
    return load_schema(root / "config" / "schemas")


@pytest.fixture(scope="module")
def options(schema):
    """Float32, since what is compared here is exact; what `auto` takes is in tests/models/test_precision.py."""
    return EmbedOptions.from_config(resolve({}, schema)["embedding"] | {"precision": "float32"})


@pytest.fixture
def folder(tmp_path):
    """What the training stage leaves of an encoder; target and anchor differ."""
    torch.manual_seed(0)
    recipe = Recipe.from_config(SMALL)
    model = Model(recipe, CHANNELS, classes=5)
    for p in model.target.parameters():
        p.data += 0.05 * torch.randn_like(p)
    description = {"recipe": recipe.to_config(), "channels": ["a", "b", "c"], "classes": 5, "input_size": SIDE}
    save_encoder(model, description, tmp_path)
    return tmp_path


@pytest.fixture
def store():
    return Store([[(48, 48)] * 3, [(48, 48)], [(48, 48), (40, 56)], [(40, 56)] * 2])


STATISTICS = {"mean": [100.0, 120.0, 90.0], "std": [40.0, 60.0, 50.0], "channels": ["a", "b", "c"]}


def test_embed_equals_one_image_at_a_time(folder, store, options):
    encoder, meta = load_encoder(folder)
    frame = check(embed(encoder, meta, store, STATISTICS, options), "embeddings", "test")
    mean, std = (torch.tensor(STATISTICS[k]).view(3, 1, 1) for k in ("mean", "std"))
    single = []
    for image in store.images:
        seen = F.interpolate(torch.tensor(image)[None].float(), (SIDE, SIDE), mode="bilinear", antialias=True)
        single.append(encoder((seen - mean) / std)[0].numpy())
    expected = pd.DataFrame(single).groupby(store.frame["well_id"]).mean()
    assert frame["well_id"].tolist() == ["w0", "w1", "w2", "w3"]
    np.testing.assert_allclose(frame[feature_columns(frame)], expected, atol=2e-6)


@pytest.mark.parametrize("view", ["resize", "resize_center", "tiles", "center", "random_crops"])
def test_batch_size_and_order_change_rounding_only(folder, store, options, view):
    encoder, meta = load_encoder(folder)
    options = replace(options, view=view, tile_size=24, n_crops=2)
    first = embed(encoder, meta, store, STATISTICS, replace(options, batch_size=32))
    for batch_size in (1, 3):
        other = embed(
            encoder,
            meta,
            store.reordered([5, 2, 7, 0, 1, 4, 6, 3]),
            STATISTICS,
            replace(options, batch_size=batch_size),
        )
        pd.testing.assert_frame_equal(first, other, check_exact=False, rtol=0, atol=2e-6)
    pd.testing.assert_frame_equal(
        first, embed(encoder, meta, store, STATISTICS, replace(options, batch_size=32)), check_exact=True
    )


def test_target_anchor_and_features_differ(folder, store, options):
    seen = {}
    for network in ("target", "anchor"):
        for feature in ("cls_last_block", "cls_norm", "head"):
            encoder, meta = load_encoder(folder, network, feature)
            frame = embed(encoder, meta, store, STATISTICS, options)
            seen[network, feature] = frame[feature_columns(frame)].to_numpy()
    assert {v.shape[1] for v in seen.values()} == {24, 8}
    assert not np.allclose(seen["target", "cls_norm"], seen["anchor", "cls_norm"], atol=1e-3)
    assert not np.allclose(seen["target", "cls_norm"], seen["target", "cls_last_block"], atol=1e-3)
    encoder, _ = load_encoder(folder, "target", "cls_norm")
    vit = encoder.encoder.vit
    expected = F.layer_norm(
        torch.tensor(seen["target", "cls_last_block"][1]), (24,), vit.norm.weight, vit.norm.bias, vit.norm.eps
    )
    np.testing.assert_allclose(seen["target", "cls_norm"][1], expected, atol=1e-5)


def test_bfloat16_is_close(folder, store, options):
    encoder, meta = load_encoder(folder)
    exact, rough = (
        embed(encoder, meta, store, STATISTICS, replace(options, precision=p)) for p in ("float32", "bfloat16")
    )
    features = feature_columns(exact)
    assert np.abs(exact[features].to_numpy() - rough[features].to_numpy()).max() < 0.1
    assert rough[features].dtypes.eq(np.float32).all()


def test_no_gradient_and_no_randomness_left(folder):
    encoder, meta = load_encoder(folder)
    assert not encoder.training and not any(p.requires_grad for p in encoder.parameters())
    assert meta["in_channels"] == CHANNELS and meta["view_size"] == SIDE


def rewrite(folder, change):
    """Change the weights and let encoder.json vouch for them."""
    path = folder / "encoder.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path)
    meta = json.loads((folder / "encoder.json").read_text())
    write_json(meta | {"weights_sha256": sha256(path)}, folder / "encoder.json")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda s: s.pop("target.encoder.vit.norm.bias"), "Missing key"),
        (lambda s: s.update(extra=torch.zeros(2)), "Unexpected key"),
        (lambda s: s.update({"target.encoder.vit.patch_embed.proj.weight": torch.zeros(24, 5, 8, 8)}), "size mismatch"),
    ],
)
def test_weights_that_do_not_fit(folder, change, words):
    rewrite(folder, change)
    with pytest.raises(InputError, match=rf"encoder\.safetensors: .*{words}") as error:
        load_encoder(folder)
    assert "\n" not in str(error.value)


def test_wrong_digest_and_cut_files(folder):
    path = folder / "encoder.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] + b"\0\0\0\1")
    with pytest.raises(InputError, match=r"encoder\.safetensors: its sha256 is not the"):
        load_encoder(folder)
    (folder / "encoder.json").write_text('{"recipe": ')
    with pytest.raises(InputError, match=r"encoder\.json: not the description of an encoder"):
        load_encoder(folder)
    path.unlink()
    with pytest.raises(InputError, match=r"encoder\.safetensors: no such file; it belongs beside encoder\.json"):
        load_encoder(folder)


def test_channels_must_agree(folder, store, options):
    encoder, meta = load_encoder(folder)
    with pytest.raises(InputError, match="trained on 5 channels, the evaluation screen's crops have 3"):
        embed(encoder, meta | {"in_channels": 5}, store, STATISTICS, options)
    with pytest.raises(InputError, match="trained on channels a, b, c, the screen's crops hold b, a, d"):
        embed(encoder, meta, store, STATISTICS | {"channels": ["b", "a", "d"]}, options)
    with pytest.raises(InputError, match="2 channels for crops of 3"):
        embed(encoder, meta, store, {"mean": [1.0, 1.0], "std": [1.0, 1.0]}, options)
    with pytest.raises(InputError, match="no variation"):
        embed(encoder, meta, store, STATISTICS | {"std": [1.0, 0.0, 1.0]}, options)


def test_another_order_of_the_channels_changes_no_bit(folder, store, options):
    """Crops and statistics of the screen keep its own order."""
    encoder, meta = load_encoder(folder)
    expected = embed(encoder, meta, store, STATISTICS, options)
    order = [2, 0, 1]
    store.images = [image[order] for image in store.images]
    statistics = {key: [values[i] for i in order] for key, values in STATISTICS.items()}
    pd.testing.assert_frame_equal(embed(encoder, meta, store, statistics, options), expected, check_exact=True)


def test_encoder_that_gives_nan(folder, store, options):
    encoder, meta = load_encoder(folder)
    encoder.encoder.vit.patch_embed.proj.bias.data[:] = float("nan")
    with pytest.raises(InputError, match=r"crop w\d_s\d: the encoder returns NaN"):
        embed(encoder, meta, store, STATISTICS, options)


def test_encoder_that_gives_nan_late_on_a_gpu():
    """There features of several batches are looked at together; the crop is named all the same."""
    batches = [(number, torch.full((2, 3), float(number))) for number in range(5)]
    groups = list(images._on_host(iter(batches), 2, lambda: False))
    assert [[number for number, _ in group] for group in groups] == [[0, 1], [2, 3], [4]]
    assert all((features == number).all() and features.shape == (2, 3) for g in groups for number, features in g)
    stopping = images._on_host(iter(batches), 100, lambda: True)
    assert len(next(stopping)) == 1  # a signal does not wait for the others
    with pytest.raises(InputError, match="crop b: the encoder returns NaN"):
        images._check_finite(np.array([[0.0, 1.0], [np.nan, 1.0]]), np.array(["a", "b"]))


def test_embed_works_with_defaults(folder, store, options):
    encoder, meta = load_encoder(folder)
    pd.testing.assert_frame_equal(
        embed(encoder, meta, store, STATISTICS),
        embed(encoder, meta, store, STATISTICS, replace(options, precision="auto"), "cpu"),
    )
    with pytest.raises(InputError, match=r"meta: lacks in_channels and view_size; give what load_encoder"):
        embed(encoder, {}, store, STATISTICS)
    with pytest.raises(InputError, match=r"statistics: lacks std; give what"):
        embed(encoder, meta, store, {"mean": [1.0] * 3})


@pytest.mark.parametrize("view", ["resize", "tiles", "random_crops"])
def test_the_way_of_a_gpu_gives_the_features_of_the_processor(folder, store, options, monkeypatch, view):
    """Views cut at once by the cutter, features held for several batches, batches loaded by threads."""
    encoder, meta = load_encoder(folder)
    options = replace(options, view=view, tile_size=24, n_crops=2, batch_size=4)
    ours = embed(encoder, meta, store, STATISTICS, options)
    pd.testing.assert_frame_equal(
        ours, embed(encoder, meta, store, STATISTICS, replace(options, loader_threads=2)), check_exact=True
    )
    monkeypatch.setattr(images, "InputViews", partial(images.InputViews, way="dense"))
    held = images._on_host
    monkeypatch.setattr(images, "_on_host", lambda batches, most, now: held(batches, 3, now))
    other = embed(encoder, meta, store, STATISTICS, options)
    pd.testing.assert_frame_equal(ours, other, check_exact=False, rtol=0, atol=1e-3)


def test_a_batch_has_so_many_views_not_images(store, options):
    def sizes(**changes):
        found = images.plan_batches(store.frame, SIDE, 4, replace(options, **changes))
        return [len(batch.rows) for batch in found]

    assert sizes() == [3, 4, 1]
    assert sizes(view="random_crops", n_crops=2) == [2, 1, 2, 2, 1]
    assert sizes(view="tiles", tile_size=8) == [1] * 8
    rows = np.concatenate([batch.rows for batch in images.plan_batches(store.frame, SIDE, 4, options)])
    assert sorted(rows) == list(range(8))


def test_screen_without_crops(folder, options):
    encoder, meta = load_encoder(folder)
    with pytest.raises(InputError, match="has no crop"):
        embed(encoder, meta, Store([]), STATISTICS, options)


def test_wells_without_a_usable_field_are_counted(folder, store, options):
    encoder, meta = load_encoder(folder)
    frame = embed(encoder, meta, store, STATISTICS, options)
    wells = pd.DataFrame({"well_id": [f"w{i}" for i in range(5)]})
    assert count_wells(frame, wells, 0.2, "crops")["missing"] == 1
    with pytest.raises(InputError, match=r"1 of 5 wells have no embedding \(first: w4\)"):
        count_wells(frame, wells, 0.1, "crops")


@pytest.mark.parametrize("key", ["classes", "input_size"])
def test_a_description_that_lacks_what_the_network_is_built_from_is_refused(folder, key):
    description = json.loads((folder / "encoder.json").read_text())
    del description[key]
    write_json(description, folder / "encoder.json")
    with pytest.raises(InputError, match=rf"encoder\.json: lacks {key}; copy it again, or train again"):
        load_encoder(folder)
