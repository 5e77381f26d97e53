"""What `auto` means for arithmetic and attention: whichever the device computes fastest."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from cwamsn.errors import InputError
from cwamsn.models.float32 import float32_products

DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def resolve_precision(choice: str, device: torch.device) -> str:
    """`float32`, `tf32`, `bfloat16` or `float16`: the `choice` itself, or what `auto` means on `device`.

    bfloat16 where the processor has the instructions or the GPU the tensor cores for it, float16 on GPUs of compute
    capability 7.x, whose tensor cores lack bfloat16, else float32. Without the instructions bfloat16 is emulated:
    correct, and about ten times slower than float32. tf32 is float32 whose products are in TF32 on GPUs of compute
    capability 8.0 and up; elsewhere it is refused.
    """
    if choice != "auto":
        if choice not in DTYPES:
            raise InputError(f"precision: {choice!r} is not known; take auto, {', '.join(DTYPES)}")
        if choice == "tf32":
            _check_tf32(device)
        return choice
    if device.type == "cuda":
        return gpu_precision(torch.cuda.get_device_capability(device))
    if device.type == "cpu":
        aten = torch.backends.cpu.get_cpu_capability()
        return cpu_precision(torch.cpu.get_capabilities(), aten, _onednn_bfloat16())
    return "float32"


def _check_tf32(device: torch.device) -> None:
    if device.type != "cuda":
        raise InputError(f"precision: tf32 is for GPUs of compute capability 8.0 and up, not {device}; take float32")
    capability = torch.cuda.get_device_capability(device)
    if capability < (8, 0):
        found, other = ".".join(map(str, capability)), "float16 or float32" if capability >= (7, 0) else "float32"
        raise InputError(f"precision: tf32 needs compute capability 8.0 or more, this GPU has {found}; take {other}")


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


@contextmanager
def autocast(device: torch.device, precision: str) -> Iterator[None]:
    """Context in which products are computed in a resolved `precision`; does nothing for float32 on a CPU.

    On a GPU float32 numbers are multiplied exactly meanwhile, in TF32 for `tf32` alone.
    """
    half = DTYPES[precision] != torch.float32
    with products(device, precision), torch.autocast(device.type, DTYPES[precision], enabled=half):
        yield


def products(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """What :func:`autocast` says of float32 numbers, without autocast: for backward passes."""
    return float32_products(precision == "tf32") if device.type == "cuda" else nullcontext()


def gradient_scaler(device: torch.device, precision: str) -> torch.amp.GradScaler:
    """A scaler that keeps float16's small gradients from becoming zero; does nothing in any other precision."""
    return torch.amp.GradScaler(device.type, enabled=precision == "float16")
