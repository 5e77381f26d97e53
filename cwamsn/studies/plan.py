"""Which pairs of screens a study makes. Reads the configuration itself: the Snakefile imports this."""

from collections.abc import Iterable, Mapping
from typing import Any

from cwamsn.config import merge, resolve
from cwamsn.errors import InputError
from cwamsn.paths import NO_SCREEN, evaluated

TRAINING_SEED = 10_000  # of a pair's training screen, above that of its evaluation screen
SEEDS = 1000  # training seeds of each pair of screens: no two pairs share one
# the one setting of the plate probe that a study has a number for, by keys of its section
PROBED = {"plate_readings": "experiment_plate", "controls": "only", "embeddings": "raw"}


def check_sections(sections: Mapping[str, Any]) -> None:
    """InputError where a section leaves out the one setting that a study's numbers are of."""
    for key, wanted in PROBED.items():
        if wanted not in sections.get("plate_probe", {}).get(key, [wanted]):
            raise InputError(
                f"plate_probe.{key}: a study probes the physical plate from the raw embeddings of negative controls; "
                f"add {wanted}"
            )


def check_minimum(minimum: Mapping[str, Any]) -> None:
    """InputError where wells with few cells were to be left out, which a study does not do."""
    for key in ("number", "quantile"):
        if minimum.get(key) is not None:
            raise InputError(f"minimum_cells.{key}: a study scores all wells; leave it out")


def point_seeds(study: Mapping[str, Any]) -> dict[str, list[int]]:
    """Screen seeds of each point, in order; points without any are left out."""
    points = study["points"].items()
    seeds = {name: (point or {}).get("screen_seeds") or study["screen_seeds"] for name, point in points}
    return {name: found for name, found in seeds.items() if found}


def training_seeds(seeds: Iterable[int], screen_seed: int) -> list[int]:
    """The seeds that a method is trained with on one pair of screens: `screen_seed` x 1000 + each of `seeds`.

    No two pairs have a training seed in common. So what a training owes to its seed differs between pairs, and an
    interval over pairs of screens is one over training seeds too. With seeds in common, what a seed does to all pairs
    alike would be missing from it.

    Raises InputError for a seed that would be one of another pair.
    """
    found = list(seeds)
    for seed in found:
        if seed >= SEEDS:
            raise InputError(
                f"seeds: {seed}; a study adds them to {SEEDS} times the screens' seed, so take seeds below {SEEDS}"
            )
    return [screen_seed * SEEDS + seed for seed in found]


def point_screens(
    config: Mapping[str, Any], schema: Mapping[str, Any], point: str, seed: int
) -> dict[str, Mapping[str, Any]]:
    """`training` and (where `study.evaluate`) `evaluation`: the configured screens with what differs at `point`.

    Raises InputError for a key that a screen does not have, with the nearest one, for a screen that is not simulated,
    and for an evaluation screen that rows cannot be scored on.
    """
    evaluation = [screen for screen in evaluated(config) if screen != NO_SCREEN]
    if len(evaluation) > 1:
        raise InputError(f"evaluate: names {', '.join(evaluation)}; a study evaluates on one screen")
    wanted = {"training": config["training_screen"], "evaluation": next(iter(evaluation), None)}
    if not config["study"]["evaluate"]:
        del wanted["evaluation"]
    screens: dict[str, Mapping[str, Any]] = {}
    for role, name in wanted.items():
        if name is None:
            key = "training_screen" if role == "training" else "evaluate"
            raise InputError(f"{key}: names no screen; a study needs one")
        base = config["screens"][name]
        if not base["source"].startswith("simulated-"):
            raise InputError(f"screens.{name}: {base['source']} is not simulated; a study makes its screens")
        if role == "evaluation" and base["source"] != "simulated-rxrx3-core":
            raise InputError(
                f"evaluate: {name} is {base['source']}, which has no knockouts to score methods on; take a "
                "screen of simulated-rxrx3-core, or set study.evaluate: false"
            )
        differs = (config["study"]["points"][point] or {}).get(role) or {}
        own = {"seed": seed + (TRAINING_SEED if role == "training" else 0)}
        try:
            screens[role] = resolve({"screens": {role: merge(base, differs) | own}}, schema)["screens"][role]
        except InputError as error:
            raise InputError(str(error).replace(f"screens.{role}", f"study.points.{point}.{role}", 1)) from None
    return screens
