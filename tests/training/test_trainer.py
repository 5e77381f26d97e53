"""One optimiser step of CWA-MSN in float64 against the method written out: formulas and loops, no module of ours."""

import math

import pytest
import torch

from cwamsn.models import products, tf32_products
from cwamsn.training import Trainer
from cwamsn.training import trainer as trainer_module
from cwamsn.training.data import read_training_data
from cwamsn.training.numbers import read
from tests.training.tiny import recipe, write_store

CUDA = torch.device("cuda:0")
HEADS, EPS = 2, 1e-6  # of the tiny encoder; of timm's layer norms


def layer_norm(x, w, name):
    mean = x.mean(dim=-1, keepdim=True)
    variance = (x - mean).square().mean(dim=-1, keepdim=True)
    return (x - mean) / (variance + EPS).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def gelu(x):
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def class_token(w, images, keep):
    """Pre-norm ViT with 8-pixel patches: the learned 4 x 4 grid of positions, resized where the view is smaller."""
    kernel = w["vit.patch_embed.proj.weight"]
    side = images.shape[-1] // 8
    cells = images.unfold(2, 8, 8).unfold(3, 8, 8)  # B C rows columns 8 8
    patches = torch.einsum("bcyxhw,dchw->byxd", cells, kernel) + w["vit.patch_embed.proj.bias"]
    learned = w["vit.pos_embed"]
    grid = learned[:, 1:].unflatten(1, (4, 4)).permute(0, 3, 1, 2)
    if side != 4:
        grid = torch.nn.functional.interpolate(grid, (side, side), mode="bicubic", align_corners=False)
    x = patches.flatten(1, 2) + grid.flatten(2).transpose(1, 2)
    x = x if keep is None else x[:, keep]
    x = torch.cat([(w["vit.cls_token"] + learned[:, :1]).expand(len(x), -1, -1), x], dim=1)
    for i in range(2):
        block = f"vit.blocks.{i}"
        y = linear(layer_norm(x, w, f"{block}.norm1"), w, f"{block}.attn.qkv")
        out = []
        for q, k, v in zip(*(part.chunk(HEADS, dim=-1) for part in y.chunk(3, dim=-1))):
            weights = (q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])).exp()
            out.append(weights / weights.sum(dim=-1, keepdim=True) @ v)
        x = x + linear(torch.cat(out, dim=-1), w, f"{block}.attn.proj")
        y = gelu(linear(layer_norm(x, w, f"{block}.norm2"), w, f"{block}.mlp.fc1"))
        x = x + linear(y, w, f"{block}.mlp.fc2")
    return layer_norm(x, w, "vit.norm")[:, 0]


def head(w, x):
    for i in (1, 2):
        x = linear(x, w, f"fc{i}")
        variance = x.var(dim=0, unbiased=False)
        x = (x - x.mean(dim=0)) / (variance + 1e-5).sqrt() * w[f"bn{i}.weight"] + w[f"bn{i}.bias"]
        x = gelu(x)
    return linear(x, w, "fc3")


def branch(weights, name, images, keep=None):
    encoder, projection = (
        {k.removeprefix(f"{name}.{part}."): v for k, v in weights.items() if k.startswith(f"{name}.{part}.")}
        for part in ("encoder", "head")
    )
    return head(projection, class_token(encoder, images, keep))


def loss_of(weights, batch, chosen):
    """Equation 3 of the paper, sample by sample."""
    views = []
    for group in batch.anchors:
        z = branch(weights, "anchor", group.images, group.keep)
        views += z.split(len(batch.target))
    with torch.no_grad():
        targets = branch(weights, "target", batch.target)
    prototypes = weights["parts.prototypes.weight"]
    unit = prototypes / prototypes.norm(dim=1, keepdim=True)

    def softmax(z, temperature):
        e = ((z / z.norm()) @ unit.T / temperature).exp()
        return e / e.sum()

    with torch.no_grad():
        q = torch.stack([softmax(z, chosen.loss.temperature * chosen.loss.sharpening) for z in targets])
        for _ in range(chosen.loss.sinkhorn_iterations):
            q = q / q.sum(dim=0, keepdim=True)
            q = q / q.sum(dim=1, keepdim=True)
    crosses, probabilities = [], []
    for view in views:
        for z, wanted in zip(view, q):
            p = softmax(z, chosen.loss.temperature)
            probabilities.append(p)
            crosses.append(-(wanted * p.log()).sum())
    mean = torch.stack(probabilities).mean(dim=0)
    me_max = math.log(len(prototypes)) + (mean * mean.log()).sum()
    return torch.stack(crosses).mean() + chosen.loss.me_max_weight * me_max


def step_of(weights, batch, chosen, plan):
    """The weights after one step of clipped AdamW and the moving average."""
    trained = {k: v.clone().requires_grad_() for k, v in weights.items() if k.startswith(("anchor.", "parts."))}
    loss = loss_of(weights | trained, batch, chosen)
    gradient = dict(zip(trained, torch.autograd.grad(loss, trained.values())))
    norm = math.sqrt(sum(g.square().sum().item() for k, g in gradient.items() if "prototypes" not in k))
    shrink = min(1.0, chosen.optimiser.clip_gradient / (norm + 1e-6))
    after = {}
    for key, value in weights.items():
        if key not in trained:
            continue
        g = gradient[key] if "prototypes" in key else gradient[key] * shrink
        decay = plan.weight_decay[0] if value.ndim > 1 and "prototypes" not in key else 0.0
        # the first step: both moments, corrected for their start, are the gradient and its square
        after[key] = value * (1 - plan.lr[0] * decay) - plan.lr[0] * g / (g.abs() + chosen.optimiser.adam_eps)
    for key, value in weights.items():
        if key.startswith("target."):
            momentum = plan.momentum[0]
            after[key] = momentum * value + (1 - momentum) * after["anchor." + key.removeprefix("target.")]
    return loss.item(), norm, after


@pytest.mark.parametrize("clip", [3.0, 0.01])
def test_a_step_in_float64_is_the_method_written_out(tmp_path, clip):
    """To 1e-10: where anything of the step is cut to float32, it differs by 1e-8 and more."""
    screen = write_store(tmp_path)
    # an epsilon above rounding: AdamW's first step makes a full one of the gradient 1e-17 of a bias before BatchNorm
    chosen = recipe(
        steps=1,
        clip_gradient=clip,
        start_lr=1e-3,
        peak_lr=2e-3,
        start_momentum=0.9,
        adam_eps=1e-4,
        precision="float32",
    )
    trainer = Trainer(chosen, read_training_data(screen, chosen, 0), seed=0, device=torch.device("cpu"))
    model, views, seen = trainer.model.double(), trainer.views, []

    def float64_views(images):
        batch = views(images)
        batch.anchors = [group._replace(images=group.images.double()) for group in batch.anchors]
        batch.target = batch.target.double()
        seen.append(batch)
        return batch

    float64_views.draw = views.draw
    trainer.views = float64_views
    for parameter in model.anchor.parameters():  # biases and norms start at 0 and 1, where they would hide themselves
        torch.nn.init.normal_(parameter, std=0.3)
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    (images,) = trainer.remaining()
    (numbers,) = read([trainer.step(images)], trainer.precision)
    loss, norm, after = step_of(before, seen[0], chosen, trainer.schedules)
    assert numbers["loss"] == pytest.approx(loss, abs=1e-12)
    assert numbers["gradient_norm"] == pytest.approx(norm, rel=1e-10)
    assert {v.dtype for v in model.state_dict().values()} == {torch.float64, torch.int64}
    largest = {key: (value - after[key]).abs().max().item() for key, value in model.named_parameters()}
    assert max(largest.values()) < 1e-10, largest


def trainer_of(folder, **changes):
    screen, chosen = write_store(folder), recipe(steps=1, precision="float32", **changes)
    return Trainer(chosen, read_training_data(screen, chosen, 0), seed=0, device=torch.device("cpu"))


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_step_is_deterministic_as_asked_for_and_leaves_the_settings_alone(tmp_path, deterministic):
    trainer, seen = trainer_of(tmp_path, deterministic=deterministic), []
    trainer.model.register_forward_pre_hook(lambda *_: seen.append(torch.are_deterministic_algorithms_enabled()))
    weight = trainer.model.parts["prototypes"].weight
    weight.register_hook(lambda gradient: seen.append(torch.are_deterministic_algorithms_enabled()))
    (images,) = trainer.remaining()
    trainer.step(images)
    assert seen == [deterministic] * 2
    assert not torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.deterministic


def test_forward_and_backward_pass_are_in_tf32_where_a_gpu_is_asked_for_it(tmp_path, monkeypatch):
    trainer, seen = trainer_of(tmp_path), []
    trainer.precision = "tf32"  # as resolved on a GPU
    monkeypatch.setattr(trainer_module, "products", lambda device, precision: products(CUDA, precision))
    trainer.model.register_forward_pre_hook(lambda *_: seen.append(tf32_products()))
    trainer.model.parts["prototypes"].weight.register_hook(lambda gradient: seen.append(("loss", tf32_products())))
    trainer.model.anchor.head.fc1.weight.register_hook(lambda gradient: seen.append(("head", tf32_products())))
    (images,) = trainer.remaining()
    trainer.step(images)
    assert seen[0] is True and ("head", True) in seen
    assert not tf32_products()


def test_a_state_has_the_random_numbers_of_the_gpu_too(tmp_path, monkeypatch):
    """Dropout draws them, and a training that goes on must draw the same."""
    trainer, made = trainer_of(tmp_path), []
    assert trainer.state_dict()["device_rng"] is None
    trainer.device = CUDA
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.tensor([7, device.index]))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: made.append((state.tolist(), device)))
    trainer.load_state_dict(trainer.state_dict())
    assert made == [([7, 0], CUDA)]


def test_gradients_of_prototypes_are_summed_only_where_there_are_prototypes(tmp_path):
    trainer = trainer_of(tmp_path, objective="simclr", reference_prototype_gradients=True)
    (images,) = trainer.remaining()
    assert trainer.step(images).values.isfinite().all()
