"""Everything that a GPU's user wants to know of this code, measured in one go: speed, equality, memory, resuming.

    python -m bench.gpu [--small] [--json FILE] [--only NAME ...] [--minutes 8] [--device auto]

For a machine with a GPU; needs no file and no network. A screen of full-size fields is made in a temporary folder, and
the real reader, sampler, loader, views and trainer run on it. Parts run in processes of their own, so that one that
fails or hangs costs the others nothing; what does not fit into the minutes is skipped with a line. Prints a table per
part: figure, measured, wanted. Without a GPU it runs with a network of two blocks and small fields (`--small`): that
shows that the parts work and measures nothing.

The exit status is 1 if an equality does not hold or a part failed.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.gpu_parts.case import usable_device
from bench.gpu_parts.figures import Figure, lines
from bench.gpu_parts.follow import Found, run_parts
from bench.gpu_parts.parts import PARTS
from bench.gpu_parts.screen import write_screen
from cwamsn.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the folder is removed
    began = time.time()
    device = usable_device(options.device)
    small = options.small or device == "cpu"
    names = [name for name in PARTS if name in (options.only or PARTS)]
    found: Found = {}
    folder = Path(tempfile.mkdtemp(prefix="gpu-", dir=options.folder))

    def show(name: str, entry: dict[str, Any]) -> None:
        _print(name, entry, small)
        if options.json:  # after each part, so that nothing is lost whatever comes
            report = {"small": small, "parts": found, "failed": failures(found)}
            options.json.write_text(json.dumps(report, indent=1) + "\n")

    try:
        write_screen(folder / "screen", small=small)
        print(f"made a screen in {time.time() - began:.1f} s", flush=True)
        if small:
            print("a network of two blocks and small fields: only whether numbers are equal says something")
        job = {"folder": str(folder), "device": device, "small": small, "deadline": began + 60 * options.minutes}
        job["seconds"] = 0.05 if small else 3.0
        run_parts(names, job, lambda name: _limit(name, small), found, show, lambda name: PARTS[name].environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    failed = failures(found)
    print(f"\n{time.time() - began:.0f} s in all; {'; '.join(failed) or 'every equality holds'}")
    return int(bool(failed))


def failures(found: Found) -> list[str]:
    """A line for each part that failed and each equality that does not hold."""
    told = [f"{name}: {entry['error']}" for name, entry in found.items() if "error" in entry]
    for name, entry in found.items():
        told += [
            f"{name}: {figure['name']} does not hold"
            for figure in entry["figures"]
            if figure["equality"] and figure["holds"] is False
        ]
    return told


def _print(name: str, entry: dict[str, Any], small: bool) -> None:
    print(f"\n{PARTS[name].title} ({name}, {entry['seconds']:.0f} s)")
    figures = [Figure(**{key: value for key, value in f.items() if key != "holds"}) for f in entry["figures"]]
    print("\n".join(lines(figures, small)), end="\n" if figures else "")
    for key in ("skipped", "error"):
        if key in entry:
            print(f"  {key}: {entry[key]}")
    sys.stdout.flush()


def _limit(name: str, small: bool) -> float:
    """Seconds after which a part that still runs is killed."""
    return 300 if small else 3 * PARTS[name].needs


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small network and small fields; default without a GPU")
    parser.add_argument("--json", type=Path, help="write everything to this file too")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), metavar="NAME", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--minutes", type=float, default=8, help="in all, about (8)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number> (auto)")
    parser.add_argument("--folder", type=Path, help="for about 1 GB of temporary files, on a local disk")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(f"bench.gpu: {error}")
