"""One whole training in a process of its own: `python -m bench.gpu_parts.training_job JOB`."""

import json
import sys
from pathlib import Path
from typing import Any

from cwamsn.paths import ScreenPaths
from cwamsn.training import Recipe, train


def main(path: str) -> None:
    job: dict[str, Any] = json.loads(Path(path).read_text())
    screen, out = ScreenPaths(Path(job["screen"])), Path(job["out"])
    train(Recipe.from_config(job["recipe"]), screen, out, seed=0, device=job["device"])


if __name__ == "__main__":
    main(sys.argv[1])
