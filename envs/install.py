"""What `make env` does: a virtual environment with the locked packages and this project, or one line that says why not.

    python3 envs/install.py .venv [--torch cpu] [--index URL or folder]

Needs nothing but the standard library, and runs on old Pythons as far as the refusal. pip's output goes to
`<folder>/install.log` and is shown when it fails.
"""

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PYTHONS = ((3, 11), (3, 12), (3, 13))
MACHINES = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
# Packages of the lock that only a torch built for CUDA needs.
CUDA = re.compile(r"(nvidia|cuda)-|triton==")
# Gigabytes that a new environment takes (7.8 with CUDA on Linux) and that pip needs beside it.
SPACE = {"default": 9, "cpu": 4}


def refusal(version, implementation, system, machine, libc):
    """Why the lock does not fit, in one line; None where it does.

    `version` is (major, minor), `libc` the C library's name (`glibc`; empty for others), looked at on Linux only.
    """
    fits = implementation == "CPython" and tuple(version) in PYTHONS and (system, machine) in MACHINES
    if fits and (system != "Linux" or libc == "glibc"):
        return None
    found = f"{implementation} {version[0]}.{version[1]} on {system} {machine}"
    if system == "Linux" and libc != "glibc":
        found += " without glibc"
    return (
        "requirements.lock is for CPython 3.11 to 3.13 on Linux with glibc (x86-64, arm64) and macOS (arm64); this is "
        f"{found}. Name another Python (make env PYTHON=python3.11) or use the Dockerfile (docs/operations.md)"
    )


def free_beside(folder):
    """Bytes free on the disk that a folder lies on or will be made on, which a link may have moved elsewhere."""
    path = folder.resolve()
    return shutil.disk_usage(next(place for place in (path, *path.parents) if place.exists())).free


def too_full(free, torch, system, folder):
    """Why a new environment does not fit on its disk, in one line; None where it does. `free` in bytes."""
    build = torch if system == "Linux" else "cpu"  # macOS has no CUDA
    if free >= SPACE[build] * 10**9:
        return None
    other = ", or leave CUDA out (make env TORCH=cpu TORCH_INDEX=...)" if build == "default" else ""
    return (
        f"{folder} takes about {SPACE[build]} GB and its disk has {free / 10**9:.1f} GB left: make room, clone to "
        f"another disk{other}"
    )


def requirements(lock, torch, system):
    """Text of the requirements for one build of torch: `default` is what the package index has, `cpu` leaves CUDA out.

    On Linux a CPU build is marked by the local version `+cpu`; macOS has no other.
    """
    if torch == "default":
        return lock
    lines = [line for line in lock.splitlines() if not CUDA.match(line)]
    if system == "Linux":
        lines = [re.sub(r"^(torch|torchvision)==([^\s;+]+)", r"\1==\2+cpu", line) for line in lines]
    return "\n".join(lines) + "\n"


def main():
    """Make or renew the environment in the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", choices=["default", "cpu"], help="as before, at first: default")
    parser.add_argument(
        "--index", help="where the CPU build of torch is: URL of a package index, or a folder of wheels"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    python = given.folder / "bin" / "python"
    if not given.inside and python.exists():
        sys.exit(subprocess.call([python, *sys.argv, "--inside"]))  # the environment's own Python decides
    reason = refusal(
        sys.version_info[:2],
        platform.python_implementation(),
        platform.system(),
        platform.machine(),
        platform.libc_ver()[0],
    )
    if reason:
        sys.exit(f"{reason}; the environment in {given.folder} has this Python: remove it" if given.inside else reason)
    choice = given.folder / "torch.json"
    before = json.loads(choice.read_text()) if choice.exists() else {}
    torch, index = given.torch or before.get("torch", "default"), given.index or before.get("index")
    if not python.exists() and (full := too_full(free_beside(given.folder), torch, platform.system(), given.folder)):
        sys.exit(full)
    if not python.exists() and subprocess.call([sys.executable, "-m", "venv", given.folder]):
        shutil.rmtree(given.folder, ignore_errors=True)
        sys.exit("the virtual environment could not be made (on Debian and Ubuntu: install the package python3-venv)")
    install(given.folder, torch, index)
    choice.write_text(json.dumps({"torch": torch, "index": index}) + "\n")


def install(folder, torch, index):
    """One pip call with the locked packages; what a build without CUDA does not need is removed."""
    wanted = folder / "requirements.txt"
    wanted.write_text(requirements(LOCK.read_text(), torch, platform.system()))
    where = [] if not index else ["--find-links" if Path(index).is_dir() else "--extra-index-url", index]
    pip = [folder / "bin" / "python", "-m", "pip"]
    log = folder / "install.log"
    count = sum("==" in line for line in wanted.read_text().splitlines())
    print(f"installing {count} packages into {folder}, some minutes; pip's output: {log}", flush=True)
    with log.open("w") as out:
        if subprocess.call([*pip, "install", "--no-deps", *where, "-r", wanted, "-e", ROOT], stdout=out, stderr=out):
            print(log.read_text(), file=sys.stderr)
            hint = "; name where the CPU build of torch is: TORCH_INDEX=<URL or folder>" if torch == "cpu" else ""
            sys.exit(f"the packages could not be installed, pip's output stands above{hint}")
        if torch == "cpu":
            extra = [line.split("==")[0] for line in LOCK.read_text().splitlines() if CUDA.match(line)]
            subprocess.call([*pip, "uninstall", "--yes", *extra], stdout=out, stderr=out)


if __name__ == "__main__":
    main()
