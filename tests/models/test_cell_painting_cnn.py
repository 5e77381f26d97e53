"""Cell Painting CNN: its Keras file without TensorFlow, nuclei, squares around them, and the network by hand."""

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.filters import threshold_otsu

from cwamsn.errors import InputError
from cwamsn.models.cell_painting_cnn import STAINS, CellPaintingCNN
from cwamsn.models.keras_files import read_keras
from cwamsn.models.nuclei import find_nuclei, otsu, windows
from cwamsn.models.pretrained import load_pretrained
from cwamsn.vocabulary import BRAY_STAINS, RXRX3_STAINS

# EfficientNet-B0: kernel, stride, inputs, outputs and expansion of each block, by the name of its stage and place
ROWS = [(3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 2, 80, 6, 3), (5, 1, 112, 6, 3), (5, 2, 192, 6, 4)]
ROWS += [(3, 1, 320, 6, 1)]
BLOCKS, _inputs = {}, 32
for _stage, (_kernel, _stride, _outputs, _expand, _repeats) in enumerate(ROWS, start=1):
    for _i in range(_repeats):
        BLOCKS[f"{_stage}{'abcd'[_i]}"] = (_kernel, 1 if _i else _stride, _inputs, _outputs, _expand)
        _inputs = _outputs


def keras_state(seed=0):
    """Weights by Keras's names and shapes, `<layer>/<weight>`; 490 treatments and controls in the classifier."""
    rng = np.random.default_rng(seed)
    state = {}

    def norm(layer, n):
        state.update({f"{layer}/{key}": rng.uniform(0.5, 1.5, n) for key in ("gamma", "moving_variance")})
        state.update({f"{layer}/{key}": rng.normal(0, 0.2, n) for key in ("beta", "moving_mean")})

    def conv(layer, *shape, bias=False):
        state[f"{layer}/kernel"] = rng.normal(0, np.prod(shape[:3]) ** -0.5, shape)
        if bias:
            state[f"{layer}/bias"] = rng.normal(0, 0.2, shape[-1])

    conv("stem_conv", 3, 3, 5, 32)
    norm("stem_bn", 32)
    for name, (kernel, _, inputs, outputs, expand) in BLOCKS.items():
        wide, block = inputs * expand, f"block{name}_"
        if expand > 1:
            conv(f"{block}expand_conv", 1, 1, inputs, wide)
            norm(f"{block}expand_bn", wide)
        state[f"{block}dwconv/depthwise_kernel"] = rng.normal(0, 1 / kernel, (kernel, kernel, wide, 1))
        norm(f"{block}bn", wide)
        conv(f"{block}se_reduce", 1, 1, wide, inputs // 4, bias=True)
        conv(f"{block}se_expand", 1, 1, inputs // 4, wide, bias=True)
        conv(f"{block}project_conv", 1, 1, wide, outputs)
        norm(f"{block}project_bn", outputs)
    conv("top_conv", 1, 1, 320, 1280)
    norm("top_bn", 1280)
    state["ClassProb/kernel"], state["ClassProb/bias"] = rng.normal(0, 1, (1280, 490)), np.zeros(490)
    return {name: value.astype(np.float32) for name, value in state.items()}


def write(path, state, group=""):
    """As Keras 2 writes it: `layer/layer/weight:0`, in a group of its own where the whole model was saved."""
    with h5py.File(path, "w") as file:
        for name, value in state.items():
            layer, weight = name.split("/")
            file[f"{group}{layer}/{layer}/{weight}:0"] = value
        if group:
            file["optimizer_weights/SGD/iter:0"] = 3
    return path


def by_hand(state, x):
    """(N, 672): activation of block 6a before its squeeze, averaged; padding as TensorFlow's `same`."""
    state = {name: torch.from_numpy(value) for name, value in state.items()}

    def conv(x, name, stride=1, groups=1):
        kernel = state[f"{name}/kernel"] if groups == 1 else state[f"{name}/depthwise_kernel"].transpose(2, 3)
        side, n = kernel.shape[0], x.shape[-1]
        pad = max((-(-n // stride) - 1) * stride + side - n, 0)
        x = F.pad(x, (pad // 2, pad - pad // 2) * 2)
        return F.conv2d(x, kernel.permute(3, 2, 0, 1), state.get(f"{name}/bias"), stride, groups=groups)

    def norm(x, name):
        gamma, beta, mean, variance = (
            state[f"{name}/{key}"].view(-1, 1, 1) for key in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return (x - mean) / (variance + 1e-3).sqrt() * gamma + beta

    x = F.silu(norm(conv(x, "stem_conv", 2), "stem_bn"))
    for name, (_, stride, inputs, outputs, expand) in BLOCKS.items():
        block, before = f"block{name}_", x
        if expand > 1:
            x = F.silu(norm(conv(x, f"{block}expand_conv"), f"{block}expand_bn"))
        x = F.silu(norm(conv(x, f"{block}dwconv", stride, inputs * expand), f"{block}bn"))
        if name == "6a":
            return x.mean(dim=(2, 3))
        gate = F.silu(conv(x.mean(dim=(2, 3), keepdim=True), f"{block}se_reduce"))
        x = norm(conv(x * conv(gate, f"{block}se_expand").sigmoid(), f"{block}project_conv"), f"{block}project_bn")
        x = x + before if stride == 1 and inputs == outputs else x
    raise AssertionError


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    state = keras_state()
    return state, write(tmp_path_factory.mktemp("keras") / "Cell_Painting_CNN_v1.hdf5", state, "model_weights/")


def blobs(places, side=200, channels=5):
    """An image (C, side, side) with nuclei at `places`, rows and columns, and noise in every channel."""
    rng = torch.Generator().manual_seed(0)
    image = torch.rand(channels, side, side, generator=rng) * 0.2
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    for row, column in places:
        image[0] += 0.6 * torch.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 7.0**2))
    return image


def test_features_of_a_cell_are_those_of_the_keras_file(published):
    state, path = published
    network, meta = load_pretrained("cell-painting-cnn", 5, path=path, channels=BRAY_STAINS)
    squares = torch.rand(2, 5, 128, 128, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(network.cell_features(squares), by_hand(state, squares), rtol=1e-4, atol=1e-5)
    assert meta["stains"] == dict(zip(STAINS, ("Hoechst", "ERSytoBleed", "ERSyto", "Ph_golgi", "Mito")))
    assert network.num_features == 672 and meta["digest_unknown"] == ["cell-painting-cnn"]
    assert 4e6 < sum(p.numel() for p in network.parameters()) < 4.1e6


def test_an_image_is_the_mean_of_its_cells_whatever_the_order_of_its_channels(published):
    state, path = published
    places = [(60, 70), (150, 40), (100, 150)]
    image = blobs(places)
    padded = F.pad(image, (64,) * 4)
    squares = torch.stack([padded[:, row : row + 128, column : column + 128] for row, column in places])
    low, high = squares.amin(dim=(2, 3), keepdim=True), squares.amax(dim=(2, 3), keepdim=True)
    expected = by_hand(state, (squares - low) / (high - low)).mean(dim=0)
    for order in (list(STAINS), list(STAINS)[::-1]):
        network, _ = load_pretrained("cell-painting-cnn", 5, path=path, channels=order)
        features = network(image[[STAINS.index(stain) for stain in order]][None])[0]
        assert (features - expected).abs().max() < 0.05 * expected.std()  # centres are found to a pixel


def test_a_gpu_would_give_the_same_from_places_that_hold_no_nucleus(published, monkeypatch):
    network, _ = load_pretrained("cell-painting-cnn", 5, path=published[1], channels=STAINS)
    image = blobs([(60, 70), (150, 40)])[None]
    few = network(image)
    nuclei = find_nuclei(image[:, 0], 24, 5)
    squares = windows(image, nuclei, 128)[0]
    low, high = squares.amin(dim=(2, 3), keepdim=True), squares.amax(dim=(2, 3), keepdim=True)
    features = network.cell_features((squares - low) / (high - low + 1e-7))
    assert nuclei.found.sum() == 2 and features.isfinite().all()
    weight = nuclei.found[0].float()
    torch.testing.assert_close(few[0], (features * weight[:, None]).sum(0) / weight.sum(), rtol=1e-5, atol=1e-6)


def test_a_screen_of_six_stains_needs_a_channel_map():
    with pytest.raises(InputError, match=r"the crops hold Hoechst, .*: no channel is AGP; map .* with channel_map"):
        load_pretrained("cell-painting-cnn", 6, channels=RXRX3_STAINS)


def test_nuclei_are_found_where_they_are_the_brightest_first():
    places = [(60, 70), (150, 40), (100, 150), (10, 190)]
    image = blobs(places)[None, 0]
    nuclei = find_nuclei(image, 24, 10)
    found = {(r, c) for r, c, ok in zip(*(part[0].tolist() for part in nuclei)) if ok}
    assert len(found) == 4
    assert all(min(max(abs(r - y), abs(c - x)) for r, c in found) <= 2 for y, x in places)
    both = find_nuclei(torch.cat([image, torch.zeros_like(image)]), 24, 10)
    assert torch.equal(both.rows[0], nuclei.rows[0]) and both.found.sum(dim=1).tolist() == [4, 1]
    assert find_nuclei(image, 24, 2).found.all()


def test_a_plateau_is_one_nucleus():
    image = torch.zeros(1, 120, 120)
    image[0, 30:80, 40:90] = 1
    nuclei = find_nuclei(image, 120, 10)
    assert nuclei.found.sum() == 1
    apart = find_nuclei(image, 24, 10)
    near = [(r, c) for r, c, ok in zip(*(part[0].tolist() for part in apart)) if ok]
    assert all(max(abs(r - s), abs(c - d)) > 8 for i, (r, c) in enumerate(near) for s, d in near[:i])


def test_the_threshold_is_the_one_of_scikit_image():
    image = blobs([(60, 70), (150, 40)])[0].numpy()
    ours = otsu(torch.from_numpy(image).reshape(1, -1))[0].item()
    level = np.ptp(image) / 256
    assert abs(ours - threshold_otsu(image)) <= level


def test_windows_show_zero_outside_of_the_image():
    image = torch.rand(1, 2, 40, 40)
    nuclei = find_nuclei(F.pad(torch.ones(1, 3, 3), (0, 37, 0, 37)), 6, 1)
    row, column = nuclei.rows.item(), nuclei.columns.item()
    square = windows(image, nuclei, 16)[0, 0]
    assert row < 8 and column < 8 and (square[:, : 8 - row] == 0).all()
    assert torch.equal(square[:, 8 - row :, 8 - column :], image[0, :, : row + 8, : column + 8])


@pytest.mark.parametrize("group", ["", "model_weights/"])
def test_keras_files_of_weights_and_of_models_are_read_alike(tmp_path, group):
    state = {"stem_conv/kernel": np.ones((3, 3, 5, 32), np.float32), "stem_bn/gamma": np.ones(32, np.float16)}
    found = read_keras(write(tmp_path / "a.h5", state, group))
    assert found.keys() == state.keys() and all(tensor.dtype == torch.float32 for tensor in found.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block6a_bn/gamma": None}, r"lacks 1 weights, first model\.blocks\.5\.0\.bn2\.weight"),
        ({"block8a_bn/gamma": np.ones(3, np.float32)}, r"1 surplus weights"),
        ({"dense/kernel": np.ones((3, 3), np.float32)}, r"1 surplus weights, first dense/kernel"),
        ({"stem_conv/kernel": np.ones((3, 3, 3, 32), np.float32)}, r"another shape, first model\.conv_stem\.weight"),
    ],
)
def test_another_keras_network_is_refused(tmp_path, published, change, message):
    state = {name: value for name, value in (published[0] | change).items() if value is not None}
    path = write(tmp_path / "other.hdf5", state)
    with pytest.raises(InputError, match=message):
        load_pretrained("cell-painting-cnn", 5, path=path, channels=BRAY_STAINS)


def test_a_file_that_is_not_of_keras_is_refused(tmp_path):
    (tmp_path / "a.hdf5").write_text("<html>")
    with pytest.raises(InputError, match="not a weight file of Keras"):
        read_keras(tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file["embeddings"] = np.ones(3)
    with pytest.raises(InputError, match="no weights in the layout of Keras 2"):
        read_keras(tmp_path / "b.hdf5")


def test_the_untrained_twin_looks_at_cells_too():
    network, _ = load_pretrained("cell-painting-cnn", 5, channels=STAINS, untrained=0)
    assert isinstance(network, CellPaintingCNN) and network(blobs([(60, 70)])[None]).shape == (1, 672)
