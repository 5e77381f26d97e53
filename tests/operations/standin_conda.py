"""A stand-in for the `conda` command: what Snakemake 9 asks of it, done with py-rattler on a local channel.

The channel in STANDIN_CHANNEL takes the place of conda-forge. Pins below `pip:` are not installed: the stand-in's
`python` package is a wrapper to the caller's interpreter, which has them. It never reaches a network.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import yaml
from rattler import install, solve


async def create(file: Path, prefix: Path) -> None:
    """Solve the dependencies of an environment file on the stand-in channel and install them into `prefix`."""
    content = yaml.safe_load(file.read_text())
    if content["channels"] != ["conda-forge", "nodefaults"]:
        raise SystemExit(f"{file}: channels must be conda-forge and nodefaults, found {content['channels']}")
    # conda reads `python=3.11.*` and `python=3.11` alike; rattler only the second
    specs = [entry.removesuffix(".*") for entry in content["dependencies"] if isinstance(entry, str)]
    records = await solve([os.environ["STANDIN_CHANNEL"]], specs, platforms=["noarch", "linux-64"])
    await install(records, prefix, cache_dir=Path(os.environ["STANDIN_CACHE"]), show_progress=False)
    print(f"{len(records)} packages installed in {prefix}", flush=True)
    os._exit(0)  # rattler's threads now and then bring the interpreter down while it ends


def main() -> None:
    """Answer `conda --version`, `info --json`, `config ...`, `clean ...` and `env create --file F --prefix P`."""
    command, rest = sys.argv[1], sys.argv[2:]
    if command == "--version":
        print("conda 25.1.0")
    elif command == "info":
        print(json.dumps({"conda_prefix": os.environ["STANDIN_PREFIX"], "platform": "linux-64"}))
    elif command == "config":
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif command == "env":
        parser = argparse.ArgumentParser()
        parser.add_argument("--file", type=Path)
        parser.add_argument("--prefix", type=Path)
        known, _ = parser.parse_known_args(rest)
        asyncio.run(create(known.file, known.prefix))
    elif command != "clean":
        raise SystemExit(f"the stand-in conda does not know: {command} {rest}")


if __name__ == "__main__":
    main()
