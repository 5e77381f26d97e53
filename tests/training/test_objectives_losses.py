"""Every loss against an implementation of someone else, or written out in float64 with loops."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from cwamsn.training.objectives.cellclip import cwcl
from cwamsn.training.objectives.cloome import cloob, hopfield
from cwamsn.training.objectives.molphenix import s2l
from cwamsn.training.objectives.reconstruction import CrossDecoder, grid_positions, masked_pixel_loss, patchify
from cwamsn.training.objectives.simclr import nt_xent
from cwamsn.training.objectives.supcon import sup_con
from cwamsn.training.objectives.wsl import perturbation_loss


def rows(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_nt_xent_agrees_with_lightly():
    from lightly.loss import NTXentLoss

    first, second = rows(7, 5, dtype=torch.float32), rows(7, 5, seed=1, dtype=torch.float32)
    expected = NTXentLoss(temperature=0.1)(first, second)
    torch.testing.assert_close(nt_xent(first, second, 0.1), expected, rtol=2e-6, atol=2e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(2, 9), st.floats(0.05, 1.0), st.integers(0, 99))
def test_nt_xent_agrees_with_loops(samples, dimension, temperature, seed):
    first, second = rows(samples, dimension, seed=seed), rows(samples, dimension, seed=seed + 1)
    views = unit(np.concatenate([first.numpy(), second.numpy()]))
    each = []
    for i in range(2 * samples):
        others = [math.exp(views[i] @ views[j] / temperature) for j in range(2 * samples) if j != i]
        each.append(-math.log(math.exp(views[i] @ views[(i + samples) % (2 * samples)] / temperature) / sum(others)))
    assert nt_xent(first, second, temperature).item() == pytest.approx(np.mean(each), abs=1e-10)


def test_sup_con_agrees_with_pytorch_metric_learning():
    from pytorch_metric_learning.losses import SupConLoss

    features, labels = rows(9, 6, dtype=torch.float32), torch.tensor([0, 0, 1, 1, 1, 2, 2, 3, 3])
    expected = SupConLoss(temperature=0.1)(features, labels)
    torch.testing.assert_close(sup_con(features, labels, 0.1), expected, rtol=2e-6, atol=2e-6)


def test_sup_con_leaves_out_rows_without_a_positive():
    features = rows(5, 4)
    with_lone = sup_con(features, torch.tensor([0, 0, 1, 1, 2]))
    z = unit(features.numpy())
    each = []
    for i, j in [(0, 1), (1, 0), (2, 3), (3, 2)]:
        each.append(
            -math.log(math.exp(z[i] @ z[j] / 0.1) / sum(math.exp(z[i] @ z[k] / 0.1) for k in range(5) if k != i))
        )
    assert with_lone.item() == pytest.approx(np.mean(each), abs=1e-10)
    assert sup_con(features, torch.arange(5)).item() == 0


def test_hopfield_retrieves_the_stored_pattern_when_beta_is_large():
    stored = F.normalize(rows(6, 8), dim=1)
    noisy = stored + 0.05 * rows(6, 8, seed=3)
    torch.testing.assert_close(hopfield(stored, noisy, beta=200.0), stored, atol=1e-6, rtol=0)


def test_cloob_agrees_with_loops():
    images, molecules, beta, inverse = rows(5, 4).numpy(), rows(5, 4, seed=1).numpy(), 3.0, 7.0
    x, y = unit(images), unit(molecules)

    def retrieve(stored, state):
        out = []
        for s in state:
            weights = np.exp([beta * s @ p for p in stored])
            out.append(sum(w * p for w, p in zip(weights / weights.sum(), stored)))
        return unit(np.array(out))

    def loob(a, b):
        each = []
        for i in range(len(a)):
            negatives = sum(math.exp(inverse * a[i] @ b[j]) for j in range(len(a)) if j != i)
            each.append(-math.log(math.exp(inverse * a[i] @ b[i]) / negatives))
        return np.mean(each) / inverse

    expected = loob(retrieve(x, x), retrieve(x, y)) + loob(retrieve(y, y), retrieve(y, x))
    got = cloob(torch.from_numpy(images), torch.from_numpy(molecules), beta, inverse)
    assert got.item() == pytest.approx(expected, abs=1e-12)


def test_s2l_agrees_with_loops():
    images, molecules = rows(6, 3).numpy(), rows(6, 3, seed=1).numpy()
    images[1] = images[0] + 0.01  # a pair above the threshold
    x, y, total = unit(images), unit(molecules), 0.0
    for i in range(6):
        for j in range(6):
            logit = math.exp(math.log(10)) * (y[i] @ x[j]) - 1
            weight = 1 - math.atan(((x[i] - x[j]) ** 2).sum() / 0.3) * 4 / math.pi
            weight = weight if weight >= 0.75 else 0.0
            positive, negative = -math.log1p(math.exp(-logit)), -math.log1p(math.exp(logit))
            total -= weight * positive + (1.7 - 0.75 * weight) * negative
    assert s2l(torch.from_numpy(images), torch.from_numpy(molecules)).item() == pytest.approx(total / 6, abs=1e-10)


def test_cwcl_agrees_with_loops():
    profiles, images, texts = rows(4, 3, 5).numpy(), rows(4, 6, seed=1).numpy(), rows(4, 6, seed=2).numpy()
    p, x, y, scale = unit(profiles), unit(images), unit(texts), 14.3
    weight = np.array([[np.mean([p[i, c] @ p[j, c] for c in range(3)]) / 2 + 0.5 for j in range(4)] for i in range(4)])
    weight /= weight.sum(axis=1, keepdims=True)
    logits = scale * x @ y.T
    log_rows = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    log_columns = logits - np.log(np.exp(logits).sum(axis=0, keepdims=True))
    expected = -(weight * log_rows).sum() / 4 - np.mean(np.diag(log_columns))
    got = cwcl(*(torch.from_numpy(v) for v in (profiles, images, texts)))
    assert got.item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("loss", [nt_xent, cloob, s2l], ids=lambda f: f.__name__)
def test_half_precision_is_promoted_and_gradients_flow(loss):
    first = rows(6, 8).to(torch.bfloat16).requires_grad_()
    second = rows(6, 8, seed=1).to(torch.bfloat16).requires_grad_()
    value = loss(first, second)
    assert value.dtype == torch.float32
    value.backward()
    assert first.grad.abs().sum() > 0 and second.grad.abs().sum() > 0
    assert loss(first.double(), second.double()).dtype == torch.float64


def test_patchify_cuts_as_a_patch_convolution_does():
    images = rows(2, 3, 8, 12)
    patches = patchify(images, (4, 6))
    assert patches.shape == (2, 4, 72)
    torch.testing.assert_close(patches[1, 3].reshape(4, 6, 3), images[1, :, 4:, 6:].permute(1, 2, 0))


def test_masked_pixel_loss_agrees_with_loops_and_sees_masked_patches_only():
    images, prediction = rows(2, 2, 4, 4), rows(2, 4, 8, seed=1)
    masked = torch.tensor([[True, False, True, False], [False, False, True, True]])
    target, each = patchify(images, (2, 2)).numpy(), []
    for b, n in masked.nonzero().tolist():
        pixels = target[b, n]
        normal = (pixels - pixels.mean()) / math.sqrt(pixels.var(ddof=1) + 1e-6)
        each.append(((prediction[b, n].numpy() - normal) ** 2).mean())
    assert masked_pixel_loss(prediction, images, (2, 2), masked).item() == pytest.approx(np.mean(each), abs=1e-12)
    elsewhere = prediction + 5 * (~masked).unsqueeze(-1)
    torch.testing.assert_close(*(masked_pixel_loss(x, images, (2, 2), masked) for x in (prediction, elsewhere)))


def test_decoder_reads_the_other_view_and_puts_visible_tokens_in_their_places():
    torch.manual_seed(0)
    decoder = CrossDecoder(in_features=6, pixels=5, width=16, depth=2, heads=4).double()
    visible, other, keep = rows(2, 3, 6), rows(2, 7, 6, seed=1), torch.tensor([[1, 4], [5, 0]])
    out = decoder(visible, keep, other, (2, 3))
    assert out.shape == (2, 6, 5)
    assert not torch.allclose(out, decoder(visible, keep, other.flip(0), (2, 3)))
    # the order in which the visible patches are listed means nothing
    swapped = torch.stack([visible[:, 0], visible[:, 2], visible[:, 1]], dim=1)
    torch.testing.assert_close(out, decoder(swapped, keep.flip(1), other, (2, 3)))


def test_grid_positions_differ_everywhere():
    codes = grid_positions(6, 5, 16)
    assert codes.shape == (30, 16)
    distance = torch.cdist(codes, codes) + 10 * torch.eye(30)
    assert distance.min() > 0.05


def test_classification_of_perturbations_agrees_with_loops():
    features, labels = rows(6, 4), torch.tensor([0, 2, 1, 1, 2, 0])
    classifier = torch.nn.Linear(4, 3, dtype=torch.float64)
    loss, right = perturbation_loss(features, labels, classifier)
    weight, bias = classifier.weight.detach().numpy(), classifier.bias.detach().numpy()
    total, hits = 0.0, 0
    for x, y in zip(features.numpy(), labels.tolist(), strict=True):
        logits = [float(np.dot(w, x) + b) for w, b in zip(weight, bias, strict=True)]
        total += math.log(sum(math.exp(v) for v in logits)) - logits[y]
        hits += logits.index(max(logits)) == y
    assert loss.item() == pytest.approx(total / 6, rel=1e-12)
    assert right.item() == pytest.approx(hits / 6)
