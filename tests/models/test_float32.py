"""How a GPU multiplies float32: settings that torch keeps on a machine without a GPU too."""

import pytest
import torch
from torch import backends

from cwamsn.models import autocast, float32_products, products, set_float32_products, tf32_products

CUDA = torch.device("cuda:0")


def settings():
    kinds = backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.matmul
    return [kind.fp32_precision for kind in kinds]


@pytest.fixture(autouse=True)
def untouched():
    before = settings()
    yield
    assert settings() == before


@pytest.mark.parametrize("tf32,wanted", [(True, ["tf32"] * 3), (False, ["ieee", "none", "none"])])
def test_products_are_what_is_asked_for_and_then_what_they_were(tf32, wanted):
    with pytest.raises(RuntimeError, match="inside"), float32_products(tf32):
        assert settings()[:3] == wanted and tf32_products() == tf32
        # what torch.compile reads, and raises where the two ways to set it disagree
        assert backends.cuda.matmul.allow_tf32 == backends.cudnn.allow_tf32 == tf32
        assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")
        raise RuntimeError("inside")


def test_settings_that_somebody_made_by_the_newer_way_alone_come_back():
    found = backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision
    backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision = "tf32", "ieee"
    before = settings()
    with float32_products(tf32=False):
        assert not tf32_products()
    assert settings() == before
    backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision = found


def test_float32_is_exact_on_a_gpu_and_tf32_is_not():
    for precision in ("float32", "bfloat16", "float16", "tf32"):
        with products(CUDA, precision):
            assert ("tf32" in settings()) == (precision == "tf32") == tf32_products() == backends.cudnn.allow_tf32


def test_a_step_on_the_cpu_leaves_the_settings_alone():
    before = settings()
    with products(torch.device("cpu"), "float32"), autocast(torch.device("cpu"), "bfloat16"):
        assert settings() == before


def test_products_nest():
    with float32_products(tf32=True):
        with float32_products(tf32=False):
            set_float32_products(True)
        assert tf32_products()
