"""`deterministic: true`: two trainings of some steps give the same bits, at what cost."""

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from bench.gpu_parts.case import Case, batches_of
from bench.gpu_parts.figures import Figure
from bench.gpu_parts.precisions import step_and_memory

STEPS = 8
# what cuBLAS needs in the environment before CUDA starts, if it is to repeat its bits
ENVIRONMENT = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


def measure(case: Case) -> Iterator[Figure]:
    first, second = _weights(case), _weights(case)
    different = sum(int((first[name] != second[name]).sum()) for name in first)
    yield Figure(f"weights that differ after {STEPS} steps of two runs", float(different), at_most=0, equality=True)
    plain, _ = step_and_memory(case)
    exact, _ = step_and_memory(case, deterministic=True)
    yield Figure("step as it is, the batch on the device already", 1000 * plain, "ms")
    yield Figure("step, deterministic", 1000 * exact, "ms")
    yield Figure("deterministic / as it is", exact / plain, "times")


def _weights(case: Case) -> dict[str, Tensor]:
    """Weights after some steps, on the CPU."""
    trainer = case.trainer(deterministic=True)
    with batches_of(trainer) as batches:
        for images in islice(batches, STEPS):
            trainer.step(images)
    return {name: torch.as_tensor(value).cpu() for name, value in trainer.model.state_dict().items()}
