"""The recipe of a row: the shared one with the row's own keys. No torch here: a Snakefile imports it."""

import difflib
from typing import Any

from cwamsn.config import merge, resolve
from cwamsn.errors import InputError

# how a job is run, not what it computes
RUN_KEYS = ("threads", "gpus", "processes", "memory_mb", "runtime_minutes")


# objectives that look at molecules: their jobs need RDKit
MOLECULAR = ("cloome", "molphenix", "cellclip")


def recipe_of(config_training: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """The `training` section of the configuration with the keys of `row["recipe"]` in place of its own, key by key.

    Keys of how a job is run (threads, gpus, ...) are left out. A row that names another encoder or objective gets none
    of the shared options of it (`encoder_options`, `objective_options`), only its own: see
    :func:`cwamsn.config.merge`. An unknown key, or one of how a job is run, raises :class:`InputError` with the
    nearest known keys.
    """
    shared = {key: value for key, value in config_training.items() if key not in RUN_KEYS}
    own = row.get("recipe") or {}
    for key in own:
        if key not in shared:
            close = difflib.get_close_matches(str(key), list(shared), n=3, cutoff=0.5)
            hint = f"nearest: {', '.join(close)}" if close else "see the keys of training in config/README.md"
            raise InputError(f"definitions.{row.get('title', 'row')}.recipe.{key}: unknown key; {hint}")
    return merge(shared, own)


def complete_recipe(
    config: dict[str, Any], schema: dict[str, Any], name: str, also: dict[str, Any] | None = None
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
