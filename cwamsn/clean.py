"""What `make clean` does: remove what the default run made, and nothing of another run.

The caches of downloads, the screens of other runs and Snakemake's own records stay.
"""

import shutil
import sys
from pathlib import Path

import yaml

from cwamsn import screens_in_use, workplace

CONFIG = Path(__file__).resolve().parent.parent / "config" / "config.yaml"


def clean(folder: Path, config: Path = CONFIG) -> list[str]:
    """Remove results and screens of the run that `config` describes, below `folder`; returns what to say, in lines."""
    if list((folder / ".snakemake" / "locks").glob("*.lock")) and (line := workplace.release(folder)):
        print(line, file=sys.stderr)
    if list((folder / ".snakemake" / "locks").glob("*.lock")):
        raise SystemExit("Snakemake runs here, or was killed (then: snakemake --unlock); nothing was removed")
    settings = yaml.safe_load(config.read_text())
    paths = {"data": "data", "results": "results"} | settings.get("paths", {})
    said = _remove(folder / paths["results"] / settings["run"], folder)
    for name in settings["screens"]:
        screen = folder / paths["data"] / name
        if used_by := screens_in_use.others(screen, settings["run"]):
            said.append(f"kept {screen.relative_to(folder)}: run {used_by[0]} uses it")
        else:
            said += _remove(screen, folder)
    return said or ["nothing to remove"]


def _remove(path: Path, folder: Path) -> list[str]:
    if not path.exists():
        return []
    shutil.rmtree(path)
    return [f"removed {path.relative_to(folder)}"]


if __name__ == "__main__":
    print("\n".join(clean(Path.cwd())))
