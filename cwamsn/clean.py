"""What `make clean` does: remove what the default run made, and nothing of another run.

The caches of downloads, the screens of other runs and Snakemake's own records stay.
"""

import argparse
import shutil
import sys
from pathlib import Path

import yaml

from cwamsn import screens_in_use, workplace
from cwamsn.config_files import configuration
from cwamsn.plan import Plan

ROOT = Path(__file__).resolve().parent.parent


def clean(folder: Path) -> list[str]:
    """Remove results and screens of the default run below `folder`; returns what to say, in lines."""
    if list((folder / ".snakemake" / "locks").glob("*.lock")) and (line := workplace.release(folder)):
        print(line, file=sys.stderr)
    if list((folder / ".snakemake" / "locks").glob("*.lock")):
        raise SystemExit("Snakemake runs here, or was killed (then: snakemake --unlock); nothing was removed")
    plan = Plan(configuration(ROOT, [], {}, lambda path: yaml.safe_load(Path(path).read_text())), ROOT)
    said = _remove(folder / plan.results, folder)
    for name in plan.screens:
        screen = folder / plan.screen(name).root
        if used_by := screens_in_use.others(screen, plan.run):
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
    argparse.ArgumentParser(prog="python -m cwamsn.clean", description=(__doc__ or "").splitlines()[0]).parse_args()
    print("\n".join(clean(Path.cwd())))
