"""What torchrun runs: `python -m cwamsn.training.worker`. No module imports this one."""

import json
import os
import runpy
import sys
from pathlib import Path

from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.training.loop import train
from cwamsn.training.processes import LAUNCHER, end_with


def _worker(job: str) -> None:
    told = json.loads(Path(job).read_text())
    arguments = told["arguments"]
    try:
        train(**arguments, device=told["devices"][int(os.environ["LOCAL_RANK"])])
    except InputError as error:
        with atomic_path(Path(arguments["out_dir"]) / "failure.txt") as temporary:
            temporary.write_text(str(error))
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
