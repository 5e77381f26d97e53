"""What a row is trained for. An objective is two functions and one registration.

`features(model, batch, recipe)` runs the networks, in the precision of the training: it gets the
:class:`~cwamsn.training.model.Model`, a :class:`~cwamsn.training.batch.Batch` and the recipe, and returns a dictionary
of what the loss needs. `loss(recipe, **features)` gets these by name, in float32 or better and with autocast switched
off, and returns a dictionary: the `loss`, a scalar with gradient, and whatever numbers the log shall hold. Each
objective is a file of this folder; the package imports them all, and so registers them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor, nn

from cwamsn.errors import InputError, nearest
from cwamsn.models import ProjectionHead
from cwamsn.training.arithmetic import full_precision


class Objective(NamedTuple):
    """See :func:`objective`."""

    features: Callable[..., dict[str, Any]]
    loss: Callable[..., dict[str, Tensor]]
    parts: Callable[[dict[str, Any], int, nn.Module], dict[str, nn.Module]]
    head: Callable[[dict[str, Any], int], nn.Module]
    moving_average: bool
    options: dict[str, Any]
    usable: Callable[[pd.DataFrame], np.ndarray] | None
    prepare: Callable[[nn.Module, pd.DataFrame], None] | None


OBJECTIVES: dict[str, Objective] = {}


def projection_head(recipe: dict[str, Any], features: int) -> nn.Module:
    return ProjectionHead(features, recipe["hidden_dim"], recipe["output_dim"])


def objective(
    name: str,
    features: Callable[..., dict[str, Any]],
    *,
    parts: Callable = lambda recipe, classes, encoder: {},
    head: Callable = projection_head,
    moving_average: bool = False,
    options: dict[str, Any] | None = None,
    usable: Callable | None = None,
    prepare: Callable | None = None,
):
    """Register an objective: decorates its loss, and switches autocast off in it.

    features: what the networks make of a batch, see above. parts: (recipe, number of perturbations, encoder) -> what is
    trained beside encoder and head (prototypes, a classifier, a decoder), by name. head: (recipe, features of the
    encoder) -> the head, `nn.Identity` where none is wanted. moving_average: whether the model keeps a second encoder
    and head, the moving average of the trained ones. options: the keys of `training.objective_options` that it knows,
    with their defaults.
    usable: (perturbations) -> (N,) which of them it can learn from; prepare: (model, perturbations) -> None, called
    once before training. perturbations has the columns `perturbation` and `smiles`, in the order of the batch's codes.
    """

    def register(loss):
        OBJECTIVES[name] = Objective(
            features, full_precision(loss), parts, head, moving_average, options or {}, usable, prepare
        )
        return loss

    return register


def objective_of(recipe: dict[str, Any]) -> Objective:
    """The recipe's objective. Raises InputError for an unknown name or option, with the nearest known ones, and for an
    option of another kind than its default."""
    name = recipe["objective"]
    if name not in OBJECTIVES:
        raise InputError(f"training.objective: {name!r} is not known; {nearest(name, OBJECTIVES)}")
    for key, value in recipe["objective_options"].items():
        if key not in OBJECTIVES[name].options:
            known = nearest(key, OBJECTIVES[name].options)
            raise InputError(f"training.objective_options.{key}: is no option of {name}; {known}")
        default = OBJECTIVES[name].options[key]
        kinds = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InputError(
                f"training.objective_options.{key}: {value!r} is of the wrong kind; the default is {default!r}"
            )
    return OBJECTIVES[name]


def options_of(recipe: dict[str, Any]) -> dict[str, Any]:
    """The objective's options with the recipe's own values in place of the defaults."""
    return OBJECTIVES[recipe["objective"]].options | recipe["objective_options"]
