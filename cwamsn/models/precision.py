"""What `auto` means for arithmetic and attention: whichever the device computes fastest."""

from collections.abc import Mapping
from typing import Any

import torch

from cwamsn.errors import InputError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_precision(choice: str, device: torch.device) -> str:
    """`float32`, `bfloat16` or `float16`: the `choice` itself, or what `auto` means on `device`.

    bfloat16 where the processor has the instructions or the GPU the tensor cores for it, float16 on GPUs of compute
    capability 7.x, whose tensor cores lack bfloat16, else float32. Without the instructions bfloat16 is emulated:
    correct, and about ten times slower than float32.
    """
    if choice != "auto":
        if choice not in DTYPES:
            raise InputError(f"precision: {choice!r} is not known; take auto, {', '.join(DTYPES)}")
        return choice
    if device.type == "cuda":
        return gpu_precision(torch.cuda.get_device_capability(device))
    if device.type == "cpu":
        aten = torch.backends.cpu.get_cpu_capability()
        return cpu_precision(torch.cpu.get_capabilities(), aten, _onednn_bfloat16())
    return "float32"


def gpu_precision(capability: tuple[int, int]) -> str:
    """The precision of a GPU of this compute capability, (major, minor)."""
    return "bfloat16" if capability >= (8, 0) else "float16" if capability >= (7, 0) else "float32"


def cpu_precision(instructions: Mapping[str, Any], aten: str, onednn: bool) -> str:
    """The precision of a processor.

    instructions: as :func:`torch.cpu.get_capabilities` names them; aten: the instructions that torch's own kernels use,
    as :func:`torch.backends.cpu.get_cpu_capability` names them; onednn: whether oneDNN, which multiplies the matrices,
    takes bfloat16. The last two obey ATEN_CPU_CAPABILITY and ONEDNN_MAX_CPU_ISA, the first does not.
    """
    if instructions.get("architecture") == "x86_64":
        has = instructions.get("avx512_bf16") or instructions.get("amx_bf16")
        has = has and aten not in ("DEFAULT", "NO AVX", "AVX2")
    else:
        has = instructions.get("bf16")
    return "bfloat16" if has and onednn else "float32"


def _onednn_bfloat16() -> bool:
    try:
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    except (AttributeError, RuntimeError):  # a torch built without oneDNN
        return False


def resolve_attention(choice: str, device: torch.device, precision: str) -> str:
    """`fused` (one kernel) or `eager` (matmul, softmax, matmul): the `choice` itself, or for `auto` what is faster.

    That is the fused kernel, except in half precision on a processor, where it does not use oneDNN's products.
    """
    if choice != "auto":
        return choice
    return "eager" if device.type == "cpu" and precision != "float32" else "fused"


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Context in which products are computed in a resolved `precision`; does nothing for float32."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "float32")


def gradient_scaler(device: torch.device, precision: str) -> torch.amp.GradScaler:
    """A scaler that keeps float16's small gradients from becoming zero; does nothing in any other precision."""
    return torch.amp.GradScaler(device.type, enabled=precision == "float16")
