"""DINOv2, ResNet-101, MorphEm and SubCell: names of the published files, preprocessing, and what is computed.

The published files are too large to come with the tests: small networks under the published names stand in for them.
"""

import http.server
import math
import threading

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file
from transformers import ViTConfig, ViTModel

from cwamsn.errors import InputError
from cwamsn.models.dinov2 import Dinov2, resized_positions
from cwamsn.models.morphem import MorphEm
from cwamsn.models.one_channel import OneChannelAtATime
from cwamsn.models.pretrained import PRETRAINED, load_pretrained
from cwamsn.models.published import TimmFeatures
from cwamsn.models.subcell import SubCell
from cwamsn.models.weight_files import Source, find_weights
from cwamsn.vocabulary import BRAY_STAINS, RXRX3_STAINS
from tests.models.test_pretrained import images, stand_in

IMAGENET = (torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

BLOCK = "norm1 attn.qkv attn.proj norm2 mlp.fc1 mlp.fc2"
DINOV2_NAMES = {
    *("cls_token", "pos_embed", "mask_token", "patch_embed.proj.weight", "patch_embed.proj.bias"),
    *(f"blocks.0.{part}.{kind}" for part in BLOCK.split() for kind in ("weight", "bias")),
    *("blocks.0.ls1.gamma", "blocks.0.ls2.gamma", "norm.weight", "norm.bias"),
}


def random_state(shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}


def small_dinov2(pool, channels):
    small = {"embed_dim": 24, "depth": 1, "num_heads": 2, "img_size": 70}
    return OneChannelAtATime(Dinov2("vit_base_patch14_dinov2", pool, **small), channels)


def dinov2_by_hand(state, images, pool):
    """(B, 24) of RGB images in 0-1, block by block, from the weights under their published names."""
    x = (images - IMAGENET[0]) / IMAGENET[1]
    x = F.conv2d(x, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=14).flatten(2).mT
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), x], dim=1)
    side, grid = math.isqrt(state["pos_embed"].shape[1] - 1), images.shape[-1] // 14
    square = state["pos_embed"][0, 1:].T.reshape(1, 24, side, side)
    square = F.interpolate(square, scale_factor=((grid + 0.1) / side,) * 2, mode="bicubic")
    x = x + torch.cat([state["pos_embed"][:, :1], square.flatten(2).mT], dim=1)

    def linear(y, name):
        return F.linear(y, state[f"blocks.0.{name}.weight"], state[f"blocks.0.{name}.bias"])

    def norm(y, name):
        return F.layer_norm(y, (24,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)

    q, k, v = linear(norm(x, "blocks.0.norm1"), "attn.qkv").unflatten(-1, (3, 2, 12)).permute(2, 0, 3, 1, 4)
    attended = ((q @ k.mT / math.sqrt(12)).softmax(-1) @ v).transpose(1, 2).flatten(2)
    x = x + state["blocks.0.ls1.gamma"] * linear(attended, "attn.proj")
    hidden = F.gelu(linear(norm(x, "blocks.0.norm2"), "mlp.fc1"))
    x = norm(x + state["blocks.0.ls2.gamma"] * linear(hidden, "mlp.fc2"), "norm")
    return x[:, 0] if pool == "token" else x[:, 1:].mean(dim=1)


@pytest.mark.parametrize(("name", "pool"), [("dinov2-base", "token"), ("dinov2-base-patches", "avg")])
def test_dinov2_sees_each_channel_as_grey_with_its_own_position_embedding(tmp_path, monkeypatch, name, pool):
    stand_in(monkeypatch, name, lambda channels: small_dinov2(pool, channels))
    shapes = {k: v.shape for k, v in small_dinov2(pool, 1).single.model.state_dict().items()}
    state = random_state(shapes | {"mask_token": (1, 24)})
    assert set(state) == DINOV2_NAMES
    torch.save(state, tmp_path / "dinov2_vitb14_pretrain.pth")
    network, meta = load_pretrained(name, 2, path=tmp_path / "dinov2_vitb14_pretrain.pth")
    batch = images(2, 2, 42, 42)
    expected = [dinov2_by_hand(state, batch[:, c : c + 1].expand(-1, 3, -1, -1), pool) for c in range(2)]
    torch.testing.assert_close(network(batch), torch.cat(expected, dim=1), rtol=1e-4, atol=1e-4)
    assert network.num_features == 48 and meta["input_size"] == 224 and meta["channels"] is None
    assert meta["digest_unknown"] == [name]
    with pytest.raises(InputError, match="view_size: 40 is no multiple of the 14 pixels"):
        network(images(1, 2, 40, 40))


def test_dinov2_positions_are_the_published_ones_at_the_published_size():
    positions = torch.randn(1, 1 + 37**2, 8)
    assert resized_positions(positions, (37, 37)) is positions
    resized = resized_positions(positions, (16, 16))
    assert resized.shape == (1, 257, 8) and torch.equal(resized[:, 0], positions[:, 0])
    other = timm.layers.resample_abs_pos_embed(positions, (16, 16))
    assert (resized - other).abs().max() > 0.1  # timm's own rule is another one


def test_resnet_gives_the_features_of_torchvision_per_channel(tmp_path, monkeypatch):
    source = PRETRAINED["resnet101-imagenet"].source
    stand_in(
        monkeypatch,
        "resnet101-imagenet",
        lambda channels: OneChannelAtATime(TimmFeatures("resnet18", 3, normalise="imagenet"), channels),
        source=source._replace(sha256=None),
    )
    torch.manual_seed(0)
    published = torchvision.models.resnet18(weights=None)
    torch.save(published.state_dict(), tmp_path / source.file)
    network, _ = load_pretrained("resnet101-imagenet", 2, path=tmp_path / source.file)
    published.fc = torch.nn.Identity()
    batch = images(2, 2, 64, 64)
    grey = [(batch[:, c : c + 1].expand(-1, 3, -1, -1) - IMAGENET[0]) / IMAGENET[1] for c in range(2)]
    expected = torch.cat([published.eval()(channel) for channel in grey], dim=1)
    torch.testing.assert_close(network(batch), expected, rtol=1e-4, atol=1e-4)


def test_resnet101_has_the_weights_of_torchvision_by_name_and_shape():
    with torch.device("meta"):
        ours = PRETRAINED["resnet101-imagenet"].build(5).single.model.state_dict()
        theirs = torchvision.models.resnet101(weights=None).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items() if not k.startswith("fc.")}


def small_morphem(channels):
    return OneChannelAtATime(MorphEm("vit_tiny_patch16_224", depth=1, embed_dim=24, num_heads=2), channels)


def test_morphem_normalises_a_channel_before_it_is_resized(tmp_path, monkeypatch):
    stand_in(monkeypatch, "morphem", small_morphem)
    published = timm.create_model(
        "vit_tiny_patch16_224", depth=1, embed_dim=24, num_heads=2, in_chans=1, num_classes=0
    ).eval()
    save_file(published.state_dict(), tmp_path / "model.safetensors")
    network, meta = load_pretrained("morphem", 2, path=tmp_path / "model.safetensors")
    pixels = (images(1, 2, 320, 320) * 300).round().clamp(max=255)  # a sixth of them saturated
    lit = torch.where(pixels == 255, 227.5, pixels)
    expected = []
    for channel in lit[0]:
        normal = (channel - channel.mean()) / (channel.var(correction=0) + 1e-7).sqrt()
        seen = F.interpolate(normal[None, None], size=(224, 224), mode="bilinear", antialias=True)
        expected.append(published.forward_features(seen)[:, 0])
    torch.testing.assert_close(network(pixels / 255), torch.cat(expected, dim=1), rtol=1e-4, atol=1e-4)
    assert meta["view_size"] == 512 and meta["licence"] == "MIT"


def test_morphem_is_a_small_vision_transformer_of_one_channel():
    with torch.device("meta"):
        model = PRETRAINED["morphem"].build(5).single.model
    assert model.patch_embed.proj.weight.shape == (384, 1, 16, 16) and model.pos_embed.shape == (1, 197, 384)
    names = {"cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias", "norm.weight", "norm.bias"}
    names |= {f"blocks.{i}.{part}.{kind}" for i in range(12) for part in BLOCK.split() for kind in ("weight", "bias")}
    assert set(model.state_dict()) == names


SUBCELL_BLOCK = (
    "attention.attention.query attention.attention.key attention.attention.value attention.output.dense "
    "intermediate.dense output.dense layernorm_before layernorm_after"
)
SUBCELL = {"embed_dim": 24, "depth": 2, "num_heads": 2, "img_size": 64}
# the name in transformers 5 of a part that the published file names as earlier versions did
RENAMED = {
    "encoder.layer.": "layers.",
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}


def subcell_state(width=24, depth=2, hidden=8, heads=2, patches=16, seed=0):
    """Weights under the names of the published file."""
    shapes = {
        "encoder.embeddings.cls_token": (1, 1, width),
        "encoder.embeddings.position_embeddings": (1, patches + 1, width),
        "encoder.embeddings.patch_embeddings.projection.weight": (width, 3, 16, 16),
        "encoder.embeddings.patch_embeddings.projection.bias": (width,),
        "encoder.layernorm.weight": (width,),
        "encoder.layernorm.bias": (width,),
        "pool_model.attention_v.1.weight": (hidden, width),
        "pool_model.attention_v.1.bias": (hidden,),
        "pool_model.attention_u.1.weight": (hidden, width),
        "pool_model.attention_u.1.bias": (hidden,),
        "pool_model.attention.weight": (heads, hidden),
        "pool_model.attention.bias": (heads,),
    }
    wide = {"intermediate.dense": (4 * width, width), "output.dense": (width, 4 * width)}
    for i in range(depth):
        for part in SUBCELL_BLOCK.split():
            shape = (width,) if part.startswith("layernorm") else wide.get(part, (width, width))
            shapes[f"encoder.encoder.layer.{i}.{part}.weight"] = shape
            shapes[f"encoder.encoder.layer.{i}.{part}.bias"] = shape[:1]
    return random_state(shapes, seed)


def small_subcell(monkeypatch):
    source = PRETRAINED["subcell"].source._replace(sha256=None)
    stand_in(monkeypatch, "subcell", lambda channels: SubCell(channels, hidden=8, **SUBCELL), source=source)


def hugging_face(state):
    """The ViT of the `transformers` library with these weights."""
    config = ViTConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96, image_size=64, patch_size=16
    )
    model = ViTModel(config, add_pooling_layer=False)
    renamed = {}
    for name, tensor in state.items():
        if name.startswith("encoder."):
            name = name.removeprefix("encoder.")
            for old, new in RENAMED.items():
                name = name.replace(old, new)
            renamed[name] = tensor
    model.load_state_dict(renamed)
    return model.eval()


def test_subcell_takes_every_other_stain_as_the_protein(tmp_path, monkeypatch):
    small_subcell(monkeypatch)
    state = subcell_state()
    torch.save(state, tmp_path / "subcell.pth")
    network, meta = load_pretrained("subcell", 5, path=tmp_path / "subcell.pth", channels=BRAY_STAINS)
    assert meta["stains"] == {"ER": "ERSyto", "DNA": "Hoechst"} and network.num_features == 3 * 48
    batch, vit, expected = images(2, 5, 64, 64), hugging_face(state), []
    for protein in ("Mito", "ERSytoBleed", "Ph_golgi"):
        three = batch[:, [BRAY_STAINS.index(stain) for stain in ("ERSyto", "Hoechst", protein)]]
        low, high = three.flatten(1).min(dim=1).values, three.flatten(1).max(dim=1).values
        three = (three - low.view(-1, 1, 1, 1)) / (high - low + 1e-6).view(-1, 1, 1, 1)
        tokens = vit(three).last_hidden_state
        parts = [
            F.linear(tokens, state[f"pool_model.attention_{x}.1.weight"], state[f"pool_model.attention_{x}.1.bias"])
            for x in "vu"
        ]
        logits = F.linear(
            torch.tanh(parts[0]) * F.gelu(parts[1]),
            state["pool_model.attention.weight"],
            state["pool_model.attention.bias"],
        )
        expected.append(torch.einsum("bnh,bnd->bhd", logits.softmax(dim=1), tokens).flatten(1))
    torch.testing.assert_close(network(batch), torch.cat(expected, dim=1), rtol=1e-4, atol=1e-4)
    with pytest.raises(InputError, match="subcell takes views of 64 pixels"):
        network(images(1, 5, 32, 32))


def test_published_subcell_has_the_published_size():
    """348,222,586 bytes: 87.0 M weights of four bytes, and what torch.save writes around 204 of them."""
    with torch.device("meta"):
        network = SubCell(5)
    count = sum(p.numel() for p in network.parameters())
    assert 4 * count == pytest.approx(348_222_586, abs=100_000) and network.num_features == 4608


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"encoder.encoder.layer.1.attention.attention.key.bias": None},
            r"lacks 1 weights, first vit\.blocks\.1\.attn",
        ),
        ({"decoder.weight": torch.zeros(1)}, r"1 surplus weights, first decoder\.weight"),
        ({"encoder.encoder.layer.0.attention.attention.gate.bias": torch.zeros(1)}, "1 surplus weights"),
        (
            {"pool_model.attention.bias": torch.zeros(1)},
            r"another shape, first pool\.attention\.bias \(1,\) for \(2,\)",
        ),
    ],
)
def test_a_file_that_is_not_subcell_is_refused(tmp_path, monkeypatch, change, message):
    small_subcell(monkeypatch)
    state = {name: tensor for name, tensor in (subcell_state() | change).items() if tensor is not None}
    torch.save(state, tmp_path / "subcell.pth")
    with pytest.raises(InputError, match=message):
        load_pretrained("subcell", 5, path=tmp_path / "subcell.pth", channels=BRAY_STAINS)


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        (("DNA", "AGP", "Mito"), "hold DNA, AGP, Mito: no channel is ER; map the screen's stains with channel_map"),
        (("DNA", "ER", "ConA"), "several channels are ER"),
        (None, "knows the stains ER, DNA by name; give the names of the channels"),
    ],
)
def test_a_screen_without_the_stains_is_refused(channels, message):
    with pytest.raises(InputError, match=message):
        load_pretrained("subcell", 3, channels=channels)
    with pytest.raises(InputError, match="needs a stain besides ER and DNA, these images have 2"):
        load_pretrained("subcell", 2, channels=("ER", "DNA"), untrained=0)


def test_six_stains_make_four_passes(monkeypatch):
    small_subcell(monkeypatch)
    network, meta = load_pretrained("subcell", 6, channels=RXRX3_STAINS, untrained=0)
    assert meta["stains"] == {"ER": "ConA", "DNA": "Hoechst"}
    assert network.passes.tolist() == [[1, 0, 2], [1, 0, 3], [1, 0, 4], [1, 0, 5]]
    assert network(images(1, 6, 64, 64)).shape == (1, 4 * 48)


def test_an_untrained_twin_reads_no_file_and_follows_its_seed(monkeypatch):
    stand_in(monkeypatch, "morphem", small_morphem)
    before = torch.get_rng_state()
    first, again, other = (load_pretrained("morphem", 2, untrained=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    batch = images(1, 2, 224, 224)
    assert torch.equal(first(batch), again(batch)) and not torch.allclose(first(batch), other(batch))
    meta = load_pretrained("morphem", 2, untrained=1)[1]
    assert meta["untrained"] == 1 and meta["sha256"] == {} and meta["digest_unknown"] == []
    with pytest.raises(InputError, match="openphenom: has no untrained twin"):
        load_pretrained("openphenom", 5, untrained=0)


def test_an_untrained_resnet_is_drawn_as_torchvision_draws_it():
    """Kaiming-normal convolutions by the number of outputs; norms are the identity, the last of a block too."""
    network = load_pretrained("resnet101-imagenet", 5, untrained=0)[0].single.model
    for name, tensor in network.state_dict().items():
        if tensor.ndim == 4:
            expected = math.sqrt(2 / (tensor.shape[0] * tensor.shape[2] * tensor.shape[3]))
            assert tensor.std() == pytest.approx(expected, rel=0.03), name
        elif name.endswith(("weight", "running_var")):
            assert (tensor == 1).all(), name


@pytest.fixture
def host(tmp_path):
    """A host of one file, and how often it was asked for something."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "weights.pth").write_bytes(b"weights")
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path / "host")

        def log_message(self, *args):
            asked.append(args)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_of_an_address_is_downloaded_once_and_its_digest_checked(tmp_path, monkeypatch, host):
    address, asked = host
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    source = Source(address, "weights.pth", "MIT", "9d6f1a0e")
    with pytest.raises(InputError, match=r"weights\.pth: sha256 is [0-9a-f]{64}, wanted 9d6f1a0e; download"):
        find_weights(source, None, None, False, "definitions.mine.path")
    digest = find_weights(source._replace(sha256=None), None, None, False, "definitions.mine.path")[1]
    found, _ = find_weights(source._replace(sha256=digest[:8]), None, None, False, "definitions.mine.path")
    assert found.read_bytes() == b"weights" and len(asked) == 1
    with pytest.raises(InputError, match=r"mine\.path: is missing and .*/none\.pth cannot be downloaded .*404.* path"):
        find_weights(source._replace(file="none.pth"), None, None, False, "definitions.mine.path")
    assert not (tmp_path / "home/hub/checkpoints/none.pth").exists()
