"""Which precision `auto` takes, on processors and GPUs that this machine need not have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from cwamsn.errors import InputError
from cwamsn.models import precision
from cwamsn.models.build import build_encoder, set_attention
from cwamsn.models.precision import cpu_precision, gpu_precision, gradient_scaler, resolve_attention, resolve_precision

ZEN4 = {"architecture": "x86_64", "avx2": True, "avx512_f": True, "avx512_bf16": True, "amx_bf16": False}
HASWELL = ZEN4 | {"avx512_f": False, "avx512_bf16": False}
SKYLAKE = ZEN4 | {"avx512_bf16": False}
GRAVITON3 = {"architecture": "aarch64", "neon": True, "bf16": True}
GRAVITON2 = GRAVITON3 | {"bf16": False}
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "instructions,aten,onednn,wanted",
    [
        (ZEN4, "AVX512", True, "bfloat16"),
        (ZEN4 | {"avx512_bf16": False, "amx_bf16": True}, "AVX512", True, "bfloat16"),
        (SKYLAKE, "AVX512", True, "float32"),  # oneDNN says yes: it emulates the instructions
        (HASWELL, "AVX2", False, "float32"),
        (ZEN4, "AVX2", True, "float32"),  # ATEN_CPU_CAPABILITY=avx2
        (ZEN4, "AVX512", False, "float32"),  # ONEDNN_MAX_CPU_ISA=AVX2
        (GRAVITON3, "DEFAULT", True, "bfloat16"),
        (GRAVITON2, "DEFAULT", False, "float32"),
        ({"architecture": "arm64", "neon": True, "bf16": True}, "DEFAULT", False, "float32"),
        ({}, "DEFAULT", False, "float32"),
    ],
)
def test_a_processor_takes_bfloat16_where_it_has_the_instructions(instructions, aten, onednn, wanted, monkeypatch):
    assert cpu_precision(instructions, aten, onednn) == wanted
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: aten)
    monkeypatch.setattr(precision, "_onednn_bfloat16", lambda: onednn)
    assert resolve_precision("auto", CPU) == wanted


@pytest.mark.parametrize(
    "capability,wanted",
    [
        ((6, 1), "float32"),
        ((7, 0), "float16"),
        ((7, 5), "float16"),
        ((8, 0), "bfloat16"),
        ((8, 9), "bfloat16"),
        ((9, 0), "bfloat16"),
        ((12, 0), "bfloat16"),
    ],
)
def test_a_gpu_takes_what_its_tensor_cores_know(capability, wanted, monkeypatch):
    assert gpu_precision(capability) == wanted
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_precision("auto", torch.device("cuda:1")) == wanted


def test_a_precision_that_is_named_is_taken_as_it_is():
    assert [resolve_precision(x, CPU) for x in ("float32", "bfloat16", "float16")] == ["float32", "bfloat16", "float16"]
    assert resolve_precision("auto", torch.device("mps")) == "float32"
    with pytest.raises(InputError, match="precision: 'half' is not known"):
        resolve_precision("half", CPU)


@pytest.mark.parametrize(
    "capability,words", [((7, 5), "has 7.5; take float16 or float32"), ((6, 1), "has 6.1; take float32"), (None, "cpu")]
)
def test_tf32_is_refused_where_there_is_none(capability, words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    with pytest.raises(InputError, match=f"precision: tf32 .*{words}") as raised:
        resolve_precision("tf32", torch.device("cuda:0") if capability else CPU)
    assert "take float" in str(raised.value)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert resolve_precision("tf32", torch.device("cuda:0")) == "tf32"


def test_attention_follows_the_device_in_use_not_the_machine(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_attention("auto", CPU, "bfloat16") == resolve_attention("auto", CPU, "float16") == "eager"
    assert resolve_attention("auto", CPU, "float32") == "fused"
    assert resolve_attention("auto", torch.device("cuda:0"), "bfloat16") == "fused"
    assert resolve_attention("fused", CPU, "bfloat16") == "fused"
    options = {"embed_dim": 24, "depth": 1, "num_heads": 2, "patch_size": 8, "img_size": 16}
    encoder = build_encoder("vit_tiny_patch16_224", 3, attention="auto", **options)
    assert not encoder.vit.blocks[0].attn.fused_attn
    set_attention(encoder, resolve_attention("auto", torch.device("cuda:0"), "float16"))
    assert encoder.vit.blocks[0].attn.fused_attn


@pytest.mark.skipif(torch.cpu.get_capabilities().get("architecture") != "x86_64", reason="x86-64 is emulated")
def test_an_emulated_avx2_machine_takes_float32():
    code = "import torch; from cwamsn.models.precision import *; print(resolve_precision('auto', torch.device('cpu')))"
    emulated = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | emulated, cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "float32"


def test_only_float16_scales_its_gradients():
    parameter = nn.Parameter(torch.tensor([1.0]))
    for name, scale in (("float32", 1.0), ("tf32", 1.0), ("bfloat16", 1.0), ("float16", 65536.0)):
        assert gradient_scaler(CPU, name).scale(parameter.sum()).item() == scale
