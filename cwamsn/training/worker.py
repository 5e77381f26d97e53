"""What torchrun runs: `python -m cwamsn.training.worker`. No module imports this one."""

import json
import os
import runpy
import sys
from pathlib import Path

from cwamsn.errors import InputError
from cwamsn.files import write_json
from cwamsn.paths import ScreenPaths
from cwamsn.training.loop import train
from cwamsn.training.processes import LAUNCHER, end_with
from cwamsn.training.recipe import Recipe


def _worker(job: str) -> None:
    arguments = json.loads(Path(job).read_text())
    recipe, screen = Recipe.from_config(arguments["recipe"]), ScreenPaths(Path(arguments["screen"]))
    out = Path(arguments["out"])
    device = arguments["devices"][int(os.environ["LOCAL_RANK"])]
    try:
        train(recipe, screen, out, device=device, **arguments["how"])
    except InputError as error:
        write_json({"error": type(error).__name__, "message": str(error)}, out / "failure.json")
        raise


def _main(role: str, *rest: str) -> None:
    if role == "worker":
        end_with(int(os.environ[LAUNCHER]))
        _worker(*rest)
    else:
        end_with(int(rest[0]))
        os.environ[LAUNCHER] = str(os.getpid())
        sys.argv = ["torchrun", *rest[1:]]
        runpy.run_module("torch.distributed.run", run_name="__main__")


if __name__ == "__main__":
    _main(*sys.argv[1:])
