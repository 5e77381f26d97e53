"""Where half precision and TF32 end: losses are computed in float32, or in float64 if their inputs are."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from cwamsn.models import float32_products, set_float32_products, tf32_products


def full_precision(loss: Callable) -> Callable:
    """Decorator: switch autocast off inside `loss`, and promote its half-precision tensors.

    All floating tensors among the arguments are brought to one type: float32, or float64 where one of them is.
    Integers, masks and everything that is not a tensor pass unchanged. The registry applies it to the loss of every
    objective; the loss functions that are called by name have it too, so that they return the same value everywhere.
    Where products are in TF32, those of the loss and of its backward pass are exact.
    """

    @functools.wraps(loss)
    def exact(*arguments: Any, **named: Any) -> Any:
        tensors = [x for x in (*arguments, *named.values()) if isinstance(x, Tensor)]
        if not tensors:
            return loss(*arguments, **named)
        dtypes = [x.dtype for x in tensors if x.is_floating_point()]
        dtype = functools.reduce(torch.promote_types, dtypes, torch.float32)

        def promoted(x: Any) -> Any:
            return x.to(dtype) if isinstance(x, Tensor) and x.is_floating_point() else x

        given = [promoted(x) for x in arguments], {key: promoted(x) for key, x in named.items()}
        with torch.autocast(tensors[0].device.type, enabled=False):
            return _in_exact_products(loss, *given) if tf32_products() else loss(*given[0], **given[1])

    return exact


def _in_exact_products(loss: Callable, arguments: list[Any], named: Mapping[str, Any]) -> Any:
    """The loss, computed and differentiated without TF32.

    Autograd runs the nodes of a loss one after the other, from its result to its arguments: on the way back the results
    switch TF32 off, and the arguments, which come after all of it, switch it on again for the networks.
    """
    arguments, named = _switching(arguments, tf32=True), _switching(named, tf32=True)
    with float32_products(tf32=False):
        return _switching(loss(*arguments, **named), tf32=False)


def _switching(value: Any, tf32: bool) -> Any:
    """`value`, its tensors with gradient such that their backward pass sets what products are from then on."""
    if isinstance(value, Tensor):
        return _Switch.apply(value, tf32) if value.requires_grad else value
    if isinstance(value, dict):
        return {key: _switching(x, tf32) for key, x in value.items()}
    if isinstance(value, tuple | list):
        each = [_switching(x, tf32) for x in value]
        return type(value)(*each) if hasattr(value, "_fields") else type(value)(each)
    return value


class _Switch(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, tf32: bool) -> Tensor:
        ctx.tf32 = tf32
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        set_float32_products(ctx.tf32)
        return gradient, None
