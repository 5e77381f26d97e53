"""Losses are exact where the networks' products are in TF32, forwards and backwards."""

from typing import NamedTuple

import pytest
import torch

from cwamsn.models import float32_products, tf32_products
from cwamsn.training.arithmetic import full_precision


class Product(torch.autograd.Function):
    """x · y; notes whether products are in TF32 whenever one is taken."""

    @staticmethod
    def forward(ctx, x, y, notes, name):
        ctx.save_for_backward(x, y)
        ctx.notes, ctx.name = notes, name
        notes.append((name, tf32_products()))
        return x @ y

    @staticmethod
    def backward(ctx, gradient):
        x, y = ctx.saved_tensors
        ctx.notes.append((ctx.name + " backward", tf32_products()))
        return gradient @ y.T, x.T @ gradient, None, None


class Pair(NamedTuple):
    total: torch.Tensor
    other: torch.Tensor


def run(tf32, result=lambda loss: loss):
    torch.manual_seed(0)
    notes, images = [], torch.randn(6, 5)
    first, second, prototypes = (torch.randn(n, 4, requires_grad=True) for n in (5, 5, 7))

    @full_precision
    def loss(features, targets, prototypes, factor=None):
        similarity = Product.apply(features, prototypes.T, notes, "loss")
        squared = Product.apply(similarity.T, targets * factor, notes, "loss").square().mean()
        return result(squared)

    with float32_products(tf32):
        features, targets = Product.apply(images, first, notes, "one"), Product.apply(images, second, notes, "two")
        value = loss(features, targets, prototypes, factor=torch.tensor(2.0))
        value = value["loss"] if isinstance(value, dict) else value[0] if isinstance(value, tuple) else value
        value.backward()
        assert tf32_products() == tf32
    return notes, value.item(), [x.grad for x in (first, second, prototypes)]


@pytest.mark.parametrize(
    "result", [lambda x: x, lambda x: {"loss": x, "n": 3}, lambda x: (x, x), lambda x: Pair(x, 2 * x)]
)
def test_a_loss_is_exact_and_the_networks_around_it_are_not(result):
    notes, value, gradients = run(True, result)
    networks = [(name + way, True) for name in ("one", "two") for way in ("", " backward")]
    assert sorted(notes) == sorted([*networks, *(2 * [("loss", False), ("loss backward", False)])])
    plain_notes, plain, plain_gradients = run(False, result)
    assert not any(tf32 for _, tf32 in plain_notes)
    assert value == plain and all(map(torch.equal, gradients, plain_gradients))


def test_without_tf32_nothing_is_added_to_the_graph():
    @full_precision
    def loss(x):
        return x.sum()

    x = torch.randn(3, requires_grad=True)
    assert loss(x).grad_fn.name() == "SumBackward0"
    with float32_products(tf32=True):
        assert "Switch" in loss(x).grad_fn.name()
