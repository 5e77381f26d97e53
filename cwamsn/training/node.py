"""One process of a training on several machines: `torchrun --nnodes 2 ... -m cwamsn.training.node job.yaml`.

No module imports this one. On one machine `launch` starts the processes itself.
"""

import sys
from pathlib import Path

import yaml

from cwamsn.errors import InputError
from cwamsn.paths import ScreenPaths
from cwamsn.training.loop import train
from cwamsn.training.recipe import Recipe
from cwamsn.training.stopping import stop_requests

NEEDED, POSSIBLE = ("screen", "out", "seed"), ("recipe", "threads", "loader_threads", "loader_depth")


def run_job(path: Path) -> None:
    """Train what the YAML or JSON file at `path` says, as one of the processes that torchrun has started.

    Keys: `screen`, folder of the training screen (`data/bray`); `out`, folder of this training alone, which all
    machines must see; `seed`; `recipe`, keys of the section `training` that are not their defaults; `threads`,
    `loader_threads` and `loader_depth`, as in that section.

    Raises
    ------
    InputError
        The file cannot be read, a key is missing or unknown, and whatever :func:`train` raises.
    """
    try:
        job = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(job, dict):
        raise InputError(f"{path}: expected keys {', '.join(NEEDED)}, found {type(job).__name__}")
    for key in NEEDED:
        if key not in job:
            raise InputError(f"{path}: {key}: is missing; needed: {', '.join(NEEDED)}")
    if unknown := [key for key in job if key not in (*NEEDED, *POSSIBLE)]:
        raise InputError(f"{path}: {unknown[0]}: unknown key; known: {', '.join((*NEEDED, *POSSIBLE))}")
    how = {key: job[key] for key in ("threads", "loader_threads", "loader_depth") if key in job}
    recipe, screen = Recipe.from_config(job.get("recipe") or {}), ScreenPaths(Path(job["screen"]))
    with stop_requests(insist=False):  # torchrun waits for its processes and ends them
        train(recipe, screen, Path(job["out"]), seed=job["seed"], **how)


if __name__ == "__main__":
    try:
        run_job(Path(sys.argv[1]))
    except InputError as error:
        sys.exit(f"training: {error}")
