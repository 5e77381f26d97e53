"""What a row is trained for. An objective is one function of (model, batch, recipe) and one registration.

The function gets the :class:`~cwamsn.training.model.Model`, a :class:`~cwamsn.training.batch.Batch` and the recipe, and
returns a dictionary: the `loss`, a scalar with gradient, and whatever numbers the log shall hold. What it needs beside
the encoder and its head (prototypes, a classifier, a decoder) is built by `parts`. Each objective is a file of this
folder that the last lines import.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn


class Objective(NamedTuple):
    loss: Callable[..., dict[str, Tensor]]
    parts: Callable[[dict[str, Any], int], dict[str, nn.Module]]
    moving_average: bool


OBJECTIVES: dict[str, Objective] = {}


def objective(name: str, parts: Callable = lambda recipe, classes: {}, moving_average: bool = False):
    """Register an objective. parts: (recipe, number of perturbations) -> further trained modules by name.

    moving_average: whether the model keeps a second encoder and head, the moving
    average of the trained ones.
    """

    def register(loss):
        OBJECTIVES[name] = Objective(loss, parts, moving_average)
        return loss

    return register


from cwamsn.training.objectives import msn  # noqa: E402, F401 - registers itself
