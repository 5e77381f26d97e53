"""What torchrun runs: `python -m cwamsn.training.worker`. No module imports this one."""

import json
import os
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType

from torch.distributed.elastic.multiprocessing import SignalException

from cwamsn.errors import InputError
from cwamsn.files import write_json
from cwamsn.paths import ScreenPaths
from cwamsn.training.loop import train
from cwamsn.training.processes import LAUNCHER, end_with
from cwamsn.training.recipe import Recipe
from cwamsn.training.stopping import SIGNALS, stop_requests


def _worker(job: str) -> None:
    arguments = json.loads(Path(job).read_text())
    recipe, screen = Recipe.from_config(arguments["recipe"]), ScreenPaths(Path(arguments["screen"]))
    out = Path(arguments["out"])
    device = arguments["devices"][int(os.environ["LOCAL_RANK"])]
    main = os.environ["RANK"] == "0"
    with stop_requests(insist=False):  # before and after the steps too: torchrun ends what does not end by itself
        try:
            train(recipe, screen, out, device=device, **arguments["how"])
        except InputError as error:
            write_json({"error": type(error).__name__, "message": str(error)}, out / "outcome.json")
            raise
        if main:
            write_json({"finished": True}, out / "outcome.json")


def _torchrun(*arguments: str) -> None:
    """torchrun, which passes the first signal on to its processes and waits for them; another would end that wait."""

    def once(number: int, frame: FrameType | None) -> None:
        for other in SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise SignalException(f"torchrun got {signal.Signals(number).name}", sigval=signal.Signals(number))

    for number in SIGNALS:
        signal.signal(number, once)
    sys.argv = ["torchrun", "--signals-to-handle", "SIGQUIT", *arguments]
    runpy.run_module("torch.distributed.run", run_name="__main__")


def _main(role: str, *rest: str) -> None:
    if role == "worker":
        end_with(int(os.environ[LAUNCHER]))
        _worker(*rest)
    else:
        end_with(int(rest[0]))
        os.environ[LAUNCHER] = str(os.getpid())
        _torchrun(*rest[1:])


if __name__ == "__main__":
    _main(*sys.argv[1:])
