"""The parts in the order in which they are taken: what matters most comes first."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bench.gpu_parts import (
    busy,
    compiled,
    embedding,
    equality,
    loader,
    machine,
    plain,
    precisions,
    processes,
    repeated,
    resume,
    step,
    view_cost,
)
from bench.gpu_parts.case import Case
from bench.gpu_parts.figures import Figure


class Part(NamedTuple):
    """One part."""

    measure: Callable[[Case], Iterator[Figure]]
    title: str
    needs: int
    """Seconds that it takes on an H100, about: it is skipped where less is left, and killed after three times that."""
    environment: Mapping[str, str] = {}
    """What its process must have had from its start."""


PARTS = {
    "machine": Part(machine.measure, "machine", 5),
    "equality": Part(equality.measure, "the same numbers as on the CPU", 30),
    "views": Part(view_cost.measure, "views", 20),
    "step": Part(step.measure, "training step", 20),
    "busy": Part(busy.measure, "the device during a training", 15),
    "loader": Part(loader.measure, "loader alone", 20),
    "plain": Part(plain.measure, "a plain loop", 40),
    "embedding": Part(embedding.measure, "embedding", 20),
    "precisions": Part(precisions.measure, "precisions", 40),
    "deterministic": Part(repeated.measure, "deterministic: true", 30, repeated.ENVIRONMENT),
    "resume": Part(resume.measure, "kill and resume", 60),
    "processes": Part(processes.measure, "two processes", 40),
    "compile": Part(compiled.measure, "compile: true", 60),
}
