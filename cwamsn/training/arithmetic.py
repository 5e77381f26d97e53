"""Where half precision ends: losses are computed in float32, or in float64 if their inputs are."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def full_precision(loss: Callable) -> Callable:
    """Decorator: switch autocast off inside `loss`, and promote its half-precision tensors.

    All floating tensors among the arguments are brought to one type: float32, or float64 where one of them is.
    Integers, masks and everything that is not a tensor pass unchanged. The registry applies it to the loss of every
    objective; the loss functions that are called by name have it too, so that they return the same value everywhere.
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

        with torch.autocast(tensors[0].device.type, enabled=False):
            return loss(*map(promoted, arguments), **{key: promoted(x) for key, x in named.items()})

    return exact
