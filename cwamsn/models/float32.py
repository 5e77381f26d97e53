"""How a GPU multiplies float32 numbers: exactly, or in TF32, which keeps 10 of the 23 bits behind the point."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import backends
from torch.backends import cudnn

_BACKENDS: Any = backends  # modules whose attributes torch makes at import, unseen by mypy


@contextmanager
def float32_products(tf32: bool) -> Iterator[None]:
    """Meanwhile matrix products and convolutions of float32 numbers on CUDA are in TF32, or exact.

    Exact ones must be asked for: cuDNN's convolutions are in TF32 by default. The settings of before are restored.
    """
    before = _settings()
    set_float32_products(tf32)
    try:
        yield
    finally:
        _restore(before)


def set_float32_products(tf32: bool) -> None:
    """:func:`float32_products` from now on.

    By the older of torch's two ways: after the newer one alone torch refuses to read the older settings, and
    torch.compile and every product by cuBLAS read them.
    """
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    cudnn.allow_tf32 = tf32


def tf32_products() -> bool:
    """Whether matrix products of float32 numbers on CUDA are in TF32 now."""
    return _BACKENDS.cuda.matmul.fp32_precision == "tf32"


class _Settings(NamedTuple):
    products: str
    convolutions: bool
    newer: list[str]


def _settings() -> _Settings:
    try:
        products = torch.get_float32_matmul_precision()
    except RuntimeError:  # somebody used the newer way alone
        products = "highest"
    try:
        convolutions = cudnn.allow_tf32
    except RuntimeError:
        convolutions = True
    return _Settings(products, convolutions, [backend.fp32_precision for backend in _backends()])


def _restore(before: _Settings) -> None:
    torch.set_float32_matmul_precision(before.products)
    cudnn.allow_tf32 = before.convolutions
    for backend, value in zip(_backends(), before.newer, strict=True):
        backend.fp32_precision = value


def _backends() -> list[Any]:
    # the older way sets the CPU's products too
    return [_BACKENDS.cuda.matmul, _BACKENDS.mkldnn.matmul, _BACKENDS.cudnn.conv, _BACKENDS.cudnn.rnn]
