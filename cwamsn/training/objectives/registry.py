"""The registry of objectives: what a network is trained for. An objective is two functions and one registration.

`features(model, batch, recipe)` runs the networks, in the precision of the training: it gets the
:class:`~cwamsn.training.model.Model`, a :class:`~cwamsn.training.batch.Batch` and the
:class:`~cwamsn.training.recipe.Recipe`, and returns a dictionary of what the loss needs. `loss(recipe, **features)`
gets these by name, in float32 or better and with autocast switched off, and returns a dictionary: the `loss`, a scalar
with gradient, and whatever numbers the log shall hold. What differs from step to step reaches both functions as tensors
of the batch, random numbers by `draw`: on a single GPU they are called for the first step only, and what they computed
on the device is replayed. Each objective is one file of this folder; the package imports
them all, and so registers them. No objective imports the package, only this module.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from cwamsn.errors import InputError, nearest
from cwamsn.models import Encoder, ProjectionHead
from cwamsn.training.arithmetic import full_precision
from cwamsn.training.batch import Batch, Group
from cwamsn.training.recipe import Recipe

Features = dict[str, Any]  # what an objective's two functions hand each other by name
Loss = Callable[..., dict[str, Tensor]]


class Networks(Protocol):
    """What an objective uses of a :class:`~cwamsn.training.model.Model`."""

    recipe: Recipe
    anchor: Any
    parts: Any

    def project_anchors(self, groups: list[Group]) -> Tensor: ...
    def project_target(self, images: Tensor) -> Tensor: ...


DrawMore = Callable[[Recipe, tuple[int, int], int, torch.Generator], dict[str, Tensor]]
"""(recipe, patch size of the encoder, B, generator) -> CPU tensors by name."""


class Molecules(NamedTuple):
    """How an objective uses the molecules of the perturbations, a table with columns `perturbation` and `smiles`."""

    usable: Callable[[pd.DataFrame], np.ndarray]
    """(perturbations) -> (N,) which of them the objective can learn from."""
    prepare: Callable[[Networks, pd.DataFrame], None]
    """(model, perturbations in the order of the batch's codes) -> None, called once before training."""


class Objective(NamedTuple):
    """See :func:`objective`."""

    features: Callable[[Networks, Batch, Recipe], Features]
    loss: Loss
    modules: Callable[[Recipe, int, Any], dict[str, nn.Module]]
    head: Callable[[Recipe, int], nn.Module]
    moving_average: bool
    options: Mapping[str, Any]
    molecules: Molecules | None
    draw: DrawMore | None


OBJECTIVES: dict[str, Objective] = {}


def no_modules(recipe: Recipe, classes: int, encoder: Encoder) -> dict[str, nn.Module]:
    """Nothing is trained beside encoder and head."""
    return {}


def projection_head(recipe: Recipe, features: int) -> nn.Module:
    """The MSN reference's projection head."""
    return ProjectionHead(features, recipe.network.hidden_dim, recipe.network.output_dim)


def no_head(recipe: Recipe, features: int) -> nn.Module:
    """The encoder's own features."""
    return nn.Identity()


def objective(
    name: str,
    features: Callable[[Networks, Batch, Recipe], Features],
    *,
    modules: Callable[[Recipe, int, Any], dict[str, nn.Module]] = no_modules,
    head: Callable[[Recipe, int], nn.Module] = projection_head,
    moving_average: bool = False,
    options: Mapping[str, Any] | None = None,
    molecules: Molecules | None = None,
    draw: DrawMore | None = None,
) -> Callable[[Loss], Loss]:
    """Register an objective: decorates its loss, and switches autocast off in it.

    Parameters
    ----------
    name : its name in the configuration.
    features : what the networks make of a batch, see above.
    modules : (recipe, number of perturbations, encoder) -> what is trained beside encoder and head (prototypes, a
        classifier, a decoder), by name.
    head : (recipe, features of the encoder) -> the head; :func:`no_head` for none.
    moving_average : whether the model keeps a second encoder and head, the moving average of the trained ones.
    options : the keys of `training.objective_options` that it knows, with their defaults.
    molecules : for objectives that look at molecules.
    draw : what the objective draws for a step, for this process's B samples. It is called ahead of the step, in another
        thread, after the views were drawn; `features` finds the tensors in `batch.drawn`, on the device, where a
        tensor of the CPU would have to be waited for.
    """

    def register(loss: Loss) -> Loss:
        exact = full_precision(loss)
        OBJECTIVES[name] = Objective(features, exact, modules, head, moving_average, options or {}, molecules, draw)
        return loss

    return register


def objective_of(recipe: Recipe) -> Objective:
    """The recipe's objective.

    Raises
    ------
    InputError
        The name or an option is not known (with the nearest known ones), or an option is of another kind than its
        default.
    """
    name = recipe.objective
    if name not in OBJECTIVES:
        raise InputError(f"training.objective: {name!r} is not known; {nearest(name, OBJECTIVES)}")
    known = OBJECTIVES[name].options
    for key, value in recipe.objective_options.items():
        if key not in known:
            raise InputError(f"training.objective_options.{key}: is no option of {name}; {nearest(key, known)}")
        default = known[key]
        kinds = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InputError(
                f"training.objective_options.{key}: {value!r} is of the wrong kind; the default is {default!r}"
            )
    return OBJECTIVES[name]


def options_of(recipe: Recipe) -> dict[str, Any]:
    """The objective's options, with the recipe's own values in place of the defaults."""
    return {**OBJECTIVES[recipe.objective].options, **recipe.objective_options}
