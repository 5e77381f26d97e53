"""When a training cannot go on: its numbers are not finite, or it has collapsed."""

import math
from collections.abc import Mapping, Sequence

from cwamsn.errors import TrainingStopped
from cwamsn.training.recipe import Recipe
from cwamsn.training.schedule import warmup_steps

# defaults of what keeps the prototypes in use
BALANCE = {"sinkhorn_iterations": 3, "me_max_weight": 1.0}


def check_finite(numbers: Mapping[str, float], step: int, precision: str, *, overflow: bool) -> None:
    """Raise TrainingStopped where the loss or the gradient of `step` (counted from 1) is not finite.

    overflow: the gradient's norm is infinite because float16 could not hold it, and the scaler leaves the step out.
    """
    if math.isfinite(numbers["loss"]) and (overflow or math.isfinite(numbers["gradient_norm"])):
        return
    other = "" if precision == "float32" else " or use precision: float32"
    raise TrainingStopped(f"training stopped: step {step} gave {numbers}; lower training.peak_lr{other}")


def check_collapse(row: Mapping[str, float], recipe: Recipe, steps: int) -> None:
    """Raise TrainingStopped where, after the warm-up, the targets of a batch fall on too few prototypes to differ.

    row: a window of the log; objectives without prototypes do not log their use.
    """
    use, least = row.get("prototype_use"), recipe.loss.min_prototype_use
    if use is None or row["step"] <= warmup_steps(recipe.optimiser, steps) or use >= least:
        return
    taken = {key: getattr(recipe.loss, key) for key in BALANCE}
    advice = "".join(f", or take {key}: {BALANCE[key]} in place of {taken[key]}" for key in BALANCE
                     if taken[key] != BALANCE[key])  # fmt: skip
    raise TrainingStopped(
        f"training stopped: collapsed at step {row['step']}: the targets of a batch have {use:.1%} of the distinct "
        f"nearest prototypes they could have (min_prototype_use: {least:.1%}, loss "
        f"{row['loss']:.3f}); lower training.peak_lr{advice}"
    )


def check_any_step(rows: Sequence[Mapping[str, float]]) -> None:
    """Raise TrainingStopped where no window of the log holds a step that was taken."""
    if not any("gradient_norm" in row for row in rows):
        raise TrainingStopped("training stopped: every step overflowed in float16, so no step was taken; use float32")


def less_memory(precision: str, attention: str) -> str:
    """What takes less of a GPU's memory than the arithmetic of a training, for the end of a line about its batch."""
    better = ["precision"] if precision in ("float32", "tf32") else []
    better += ["attention"] if attention == "eager" else []
    return f"; training.{' and training.'.join(better)}: auto may need less" if better else ""
