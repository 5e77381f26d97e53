"""Names of alignments: what the configuration may write. Light, since the Snakefile checks them before a run.

A name is one of :data:`METHODS`, a step of :data:`STEPS` with its modifiers, or a recipe, which is a list of both.
Steps are written `mad-robustize+plate+controls`, a number of components after `@`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cwamsn.errors import InputError, nearest

METHODS = ("none", "center-scale", "pca-center-scale", "sphering", "tvn-coral", "harmony")
"""Fitted on the negative controls of each experiment."""
PROJECTING = ("pca-center-scale", "tvn-coral", "harmony", "pca")
"""Those that take a number of components."""
OWN_AXES = (*PROJECTING, "select-features")
"""Those whose features are other ones on every screen."""
GROUPS = {"plate": "plate", "experiment": "experiment", "screen": None}
"""Which wells are fitted together, by modifier; the column of the wells table that names them."""
WELLS = ("all", "controls")
"""Which of a group's wells are fitted on, by modifier."""
STEPS: dict[str, tuple[str, str]] = {
    "standardize": ("plate", "all"),
    "mad-robustize": ("plate", "controls"),
    "rank-int": ("screen", "all"),
    "pca": ("screen", "all"),
    "select-features": ("screen", "all"),
    "well-position": ("screen", "all"),
    "regress-cell-count": ("plate", "all"),
}
"""Steps, and the modifiers that hold where a name has none."""
RECIPES: dict[str, tuple[str, ...]] = {
    "morphohelm": ("standardize+plate+all", "pca+screen+all@64", "mad-robustize+plate+controls+keep"),
    "jump-production": (
        "well-position",
        "regress-cell-count",
        "mad-robustize+plate+controls",
        "rank-int",
        "select-features",
        "sphering",
    ),
}
"""Recipes that come with the package; `alignment.recipes` has the user's."""


class Step(NamedTuple):
    """One step of an alignment."""

    name: str
    group: str = "screen"
    """A key of :data:`GROUPS`; of a method without meaning."""
    on: str = "all"
    """One of :data:`WELLS`; of a method without meaning."""
    components: int | None = None
    keep: bool = False
    """Whether a group with too few wells stays as it is, as MorphoHELM has it; else it is refused."""


def parse_step(text: str) -> Step:
    """A method or step from its name. Raises InputError for what it does not know."""
    name, at, number = text.partition("@")
    name, *modifiers = name.split("+")
    if name in METHODS and not modifiers:
        step = Step(name)
    elif name in STEPS:
        group, on = STEPS[name]
        for modifier in modifiers:
            if modifier not in (*GROUPS, *WELLS, "keep"):
                known = ", ".join((*GROUPS, *WELLS, "keep"))
                raise InputError(f"alignment {text!r}: +{modifier} is not known; known: {known}")
            group = modifier if modifier in GROUPS else group
            on = modifier if modifier in WELLS else on
        step = Step(name, group, on, keep="keep" in modifiers)
    elif name in METHODS:
        raise InputError(f"alignment {text!r}: {name} is fitted on the controls of each experiment; leave out +...")
    else:
        raise InputError(f"alignment {text!r} is not known; {nearest(name, [*METHODS, *STEPS, *RECIPES])}")
    if not at:
        return step
    if name not in PROJECTING:
        raise InputError(f"alignment {text!r}: {name} has no components; leave out @{number}")
    if not number.isdigit() or not int(number):
        raise InputError(f"alignment {text!r}: @{number} is no number of components; write @64")
    return step._replace(components=int(number))


def steps_of(name: str, recipes: Mapping[str, Sequence[str]] | None = None) -> list[Step]:
    """The steps that a name stands for: those of a recipe, or itself.

    Raises InputError for an unknown name, an empty recipe, and a recipe in a recipe.
    """
    known = {**RECIPES, **(recipes or {})}
    if name not in known:
        return [parse_step(name)]
    if not known[name]:
        raise InputError(f"alignment.recipes.{name}: has no step; list some, or take none")
    nested = next((text for text in known[name] if text in known), None)
    if nested is not None:
        raise InputError(f"alignment.recipes.{name}: {nested} is a recipe; list its steps")
    return [parse_step(text) for text in known[name]]


def check_recipes(recipes: Mapping[str, Sequence[str]]) -> None:
    """Raise InputError for a recipe that hides a name, or that cannot be used."""
    for name in recipes:
        if name in (*METHODS, *STEPS, *RECIPES):
            raise InputError(f"alignment.recipes.{name}: is the name of an alignment already; choose another")
        steps_of(name, recipes)
