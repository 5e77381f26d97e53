"""Each precision that the device has: time of a step and peak memory."""

from collections.abc import Iterator

import torch

from bench.gpu_parts.case import Case, batches_of
from bench.gpu_parts.clock import per_call
from bench.gpu_parts.figures import Figure
from bench.gpu_parts.machine import peak_tflops
from cwamsn.models import device_name


def measure(case: Case) -> Iterator[Figure]:
    for precision in precisions(case.device):
        seconds, memory = step_and_memory(case, precision=precision)
        tflops = case.pair_flops * case.recipe().pairs.batch_size / seconds / 1e12
        yield Figure(f"step in {precision}, the batch on the device already", 1000 * seconds, "ms")
        if case.device.type == "cuda":
            yield Figure(f"peak memory in {precision}", memory, "GiB")
        if peak := peak_tflops(device_name(case.device), precision):
            yield Figure(f"share of the nominal {peak:g} TFLOP/s in {precision}", 100 * tflops / peak, "%")


def precisions(device: torch.device) -> list[str]:
    """The precisions that `device` computes in without emulation, the fastest first."""
    if device.type != "cuda":
        return ["bfloat16", "float32"]
    capability = torch.cuda.get_device_capability(device)
    half = ["bfloat16"] * (capability >= (8, 0)) + ["float16"] * (capability >= (7, 0))
    return [*half, *["tf32"] * (capability >= (8, 0)), "float32"]


def step_and_memory(case: Case, **changes: object) -> tuple[float, float]:
    """Seconds per step with the batch on the device, and the peak of its memory in GiB (0 on the CPU)."""
    cuda = case.device.type == "cuda"
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(case.device)
    trainer = case.trainer(**changes)
    with batches_of(trainer) as batches:
        images = next(batches)
        seconds = per_call(lambda: trainer.step(images), case.device, case.seconds / 2)
    return seconds, torch.cuda.max_memory_allocated(case.device) / 2**30 if cuda else 0.0
