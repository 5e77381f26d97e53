"""The recipe of a trained method: the shared one with the method's own keys. No torch here: a Snakefile imports it."""

from collections.abc import Mapping
from typing import Any

from cwamsn.config import merge, resolve
from cwamsn.errors import InputError, nearest

# how a job is run, not what it computes
RUN_KEYS = ("threads", "loader_threads", "loader_depth", "gpus", "processes", "memory_mb", "runtime_minutes")


# objectives that look at molecules: their jobs need RDKit
MOLECULAR = ("cloome", "molphenix", "cellclip")


def recipe_of(training: Mapping[str, Any], method: Mapping[str, Any]) -> dict[str, Any]:
    """The section `training` with the keys of `method["recipe"]` laid over it.

    Keys that say how a job is run (threads, gpus, ...) are left out. A method that names another encoder or objective
    has only its own options for it (`encoder_options`, `objective_options`): see :func:`cwamsn.config.merge`.
    Raises :class:`InputError` for an unknown key, or one that says how a job is run, with the nearest known keys.
    """
    shared = {key: value for key, value in training.items() if key not in RUN_KEYS}
    own = method.get("recipe") or {}
    for key in own:
        if key not in shared:
            hint = nearest(key, shared)
            hint = hint if hint.startswith("nearest") else "see the keys of training in config/README.md"
            raise InputError(f"definitions.{method.get('title', 'method')}.recipe.{key}: unknown key; {hint}")
    return merge(shared, own)


def complete_recipe(
    config: Mapping[str, Any], schema: Mapping[str, Any], name: str, also: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The recipe of a trained method with every default, checked like the shared one; `also` is laid over it."""
    found = recipe_of(config["training"], config["definitions"][name] | {"title": name})
    found = recipe_of(found, {"title": name, "recipe": also})
    options = found["encoder_options"]
    if config["accept_noncommercial_licence"] and "frozen" in options:
        found["encoder_options"] = options | {"accept_noncommercial": True}
    try:
        resolved = resolve({"training": found}, schema)["training"]
    except InputError as error:
        raise InputError(str(error).replace("training.", f"definitions.{name}.recipe.", 1)) from None
    return {key: value for key, value in resolved.items() if key in found}
