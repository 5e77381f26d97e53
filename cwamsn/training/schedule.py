"""Learning rate, weight decay and moving-average momentum, one value an iteration."""

from typing import NamedTuple

import numpy as np


class Schedules(NamedTuple):
    """Arrays of length epochs x iterations_per_epoch; index 0 is in force during the first optimiser step."""

    lr: np.ndarray
    weight_decay: np.ndarray
    momentum: np.ndarray


def schedules(
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

    The schedules are computed for `stretch` times the number of iterations, as the reference does: training stops at
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
