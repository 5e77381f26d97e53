"""Learning rate, weight decay and moving-average momentum, one value per iteration."""

from typing import NamedTuple

import numpy as np

from cwamsn.training.recipe import OptimiserOptions

# start and peak learning rate by interpretation of the paper's sentence, see docs/method.md
LR_READINGS = {"A": (2e-4, 1e-3), "B": (0.0, 2e-4), "B2": (2e-4, 2e-4)}


class Schedules(NamedTuple):
    """Arrays of length epochs x iterations_per_epoch; index 0 is in force during the first optimiser step."""

    lr: np.ndarray
    weight_decay: np.ndarray
    momentum: np.ndarray

    def at(self, step: int) -> dict[str, float]:
        """The values in force during optimiser step `step`, counted from 0."""
        return {name: float(values[step]) for name, values in self._asdict().items()}


def schedules(
    *,
    iterations_per_epoch: int,
    epochs: int,
    warmup_epochs: float,
    start_lr: float,
    peak_lr: float,
    final_lr: float,
    start_weight_decay: float = 0.04,
    final_weight_decay: float = 0.4,
    start_momentum: float = 0.996,
    final_momentum: float = 1.0,
    stretch: float = 1.25,
) -> Schedules:
    """Linear warm-up and cosine decay of the learning rate, cosine weight decay, linear momentum (as MSN does).

    The schedules are computed for `stretch` times the number of iterations, as in the reference: training stops at
    1/stretch of each and does not reach the final values. `stretch` 1 is the paper's literal text.
    """
    steps = epochs * iterations_per_epoch
    length = int(stretch * epochs * iterations_per_epoch)
    warmup = int(warmup_epochs * iterations_per_epoch)
    s = np.arange(1, steps + 1, dtype=np.float64)
    rising = start_lr + s / max(1, warmup) * (peak_lr - start_lr)
    progress = (s - warmup) / max(1, length - warmup)
    falling = final_lr + (peak_lr - final_lr) / 2 * (1 + np.cos(np.pi * progress))
    decay = final_weight_decay + (start_weight_decay - final_weight_decay) / 2 * (
        1 + np.cos(np.pi * s / max(1, length))
    )
    # the reference truncates the length of the first two to whole iterations, not of this one
    momentum = start_momentum + (s - 1) * (final_momentum - start_momentum) / max(1, stretch * steps)
    return Schedules(np.where(s < warmup, rising, falling), decay, momentum)


def schedules_of(options: OptimiserOptions, steps: int, batches_per_epoch: int) -> Schedules:
    """The schedules of a training of `steps` optimiser steps. With `options.steps` the warm-up keeps its share."""
    start, peak = LR_READINGS[options.learning_rate_reading]
    return schedules(
        iterations_per_epoch=1 if options.steps else batches_per_epoch,
        epochs=steps if options.steps else options.epochs,
        warmup_epochs=warmup_steps(options, steps) if options.steps else options.warmup_epochs,
        start_lr=start if options.start_lr is None else options.start_lr,
        peak_lr=peak if options.peak_lr is None else options.peak_lr,
        final_lr=options.final_lr,
        start_weight_decay=options.start_weight_decay,
        final_weight_decay=options.final_weight_decay,
        start_momentum=options.start_momentum,
        final_momentum=options.final_momentum,
        stretch=options.stretch,
    )


def warmup_steps(options: OptimiserOptions, steps: int) -> int:
    """Optimiser steps of the warm-up, as its share of all `steps`."""
    return int(steps * options.warmup_epochs / options.epochs)
