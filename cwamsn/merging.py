"""How settings are laid over each other: one function, standard library alone, for every stage."""

import copy
from collections.abc import Mapping
from typing import Any

# Options that belong to the value of another key beside them: another encoder brings its own options.
OPTIONS_OF = {"encoder_options": "encoder", "objective_options": "objective"}
# Keys that decide which other keys there are: another source, or kind of method, is another entry altogether.
DECIDES_KEYS = ("source", "kind")
# Keys that are one choice, however many names stand below them: what a run evaluates is not added to what another does.
REPLACED = ("evaluate",)


def merge(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `base` with `own` laid over it. The only way in which settings are laid over each other.

    Dictionaries are merged key by key; lists and values replace, and so does `evaluate`. Two things are not inherited:
    the options of an encoder or objective where `own` names another one, and the keys of a screen or method where `own`
    gives it another source or kind.
    """
    if any(key in base and own.get(key, base[key]) != base[key] for key in DECIDES_KEYS):
        return copy.deepcopy(dict(own))
    out = copy.deepcopy(dict(base))
    for key, value in own.items():
        both = key not in REPLACED and isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merge(out[key], value) if both else copy.deepcopy(value)
    for options, owner in OPTIONS_OF.items():
        if owner in own and own[owner] != base.get(owner) and options in out:
            out[options] = copy.deepcopy(own.get(options) or {})
    return out
