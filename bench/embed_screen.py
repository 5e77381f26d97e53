"""`cwamsn embed` of 16-bit TIFF fields of 1080 pixels with a ViT-S/16: where the time goes, and memory.

    python -m bench.embed_screen [--wells 12] [--sites 9] [--side 1080] [--compression none|lzw|zlib] [--jobs 1]

It draws a plate (spots and noise, five different pictures per field), writes an encoder with random weights, and runs
what the command runs in a process of its own, for half of the wells and for all: what a field costs is the difference.
Processor time; with `--jobs 1` everything is on one thread. What is said of 384 wells is extrapolated. Of the peak
memory, pages of the mapped crop store are told apart: the system takes them back when it needs them.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench._measure import best  # first: it sets the threads

# isort: split
import numpy as np
import pandas as pd
import tifffile
import torch

from bench.embedding import field
from cwamsn.cli.main import WAITING
from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.encoder import load_encoder
from cwamsn.embeddings.images import arithmetic
from cwamsn.gpus import views_at_once
from cwamsn.memory import freed_memory_kept
from cwamsn.models import autocast, set_attention
from cwamsn.profiling import Request, Settings
from cwamsn.profiling.run import matched, prepare, profiles_of
from cwamsn.screen_specs.argument import screen_from_argument
from cwamsn.screens import read_plane
from tests.lab import STAINS, write_encoder

PLATE = 384  # wells
RECIPE = {"encoder": "vit_small_patch16_224", "encoder_options": {}, "rand_size": 224}


def write_plate(folder: Path, wells: int, sites: int, side: int, compression: str) -> Path:
    """Planes of a plate, every other well a control; returns its load_data.csv."""
    drawn = [(field(number, (side, side)).astype(np.uint16) * 16) for number in range(sites)]
    rng, rows, images = np.random.default_rng(0), [], folder / "images"
    names = [f"{chr(65 + i // 24)}{i % 24 + 1:02d}" for i in range(wells)]
    images.mkdir()
    for place, well in enumerate(names):
        for site, planes in enumerate(drawn, 1):
            row = {"Metadata_Plate": "P1", "Metadata_Well": well, "Metadata_Site": site}
            for stain, plane in zip(STAINS, planes):
                name = f"{well}-{site}-{stain}.tif"
                shifted = np.roll(plane, 37 * place, axis=1) + rng.integers(0, 16, plane.shape, dtype=np.uint16)
                (folder / "images").mkdir(exist_ok=True)
                tifffile.imwrite(
                    folder / "images" / name, shifted, compression=None if compression == "none" else compression
                )
                row |= {f"FileName_Orig{stain}": name, f"PathName_Orig{stain}": "images"}
            rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "load_data.csv", index=False)
    compounds = ["DMSO" if place % 2 else f"X{place}" for place in range(wells)]
    pd.DataFrame({"well_position": names, "broad_sample": compounds}).to_csv(folder / "platemap.csv", index=False)
    return folder / "load_data.csv"


def spent() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def resident() -> dict[str, int]:
    """MiB of this process's memory: its own, and pages of mapped files."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(lines[name].split()[0]) // 1024 for name in ("RssAnon", "RssFile")}


@contextmanager
def watched() -> Iterator[dict[str, int]]:
    """The largest :func:`resident` while the block runs, looked at fifty times per second."""
    largest, ended = resident(), threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            for name, value in resident().items():
                largest[name] = max(largest[name], value)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield largest
    finally:
        ended.set()
        thread.join()


def run(folder: Path, jobs: int) -> dict[str, float]:
    """What the command does, in this process: seconds of each part, peak memory in MiB."""
    spec = screen_from_argument(folder / "load_data.csv", platemap=folder / "platemap.csv")
    request = matched(Request("plate", spec, folder / "encoder", Settings()))
    with watched() as memory:
        start = spent()
        screen = prepare(request, folder / "work", jobs)
        prepared = spent()
        profiles = profiles_of(request, screen, jobs)
        end = spent()
    assert np.isfinite(profiles.features).all()
    return {"crops": prepared - start, "embedding": end - prepared, **memory}


def run_apart(folder: Path, jobs: int) -> dict[str, float]:
    """:func:`run` in a new process."""
    command = [sys.executable, "-m", "bench.embed_screen", "--run", str(folder), "--jobs", str(jobs)]
    found = subprocess.run(command, capture_output=True, text=True, env=WAITING | os.environ)
    if found.returncode:
        raise SystemExit(found.stderr)
    return json.loads(found.stdout.splitlines()[-1])


def encoder_seconds(folder: Path, count: int = 16) -> float:
    """Seconds per view of the encoder alone, on ready tensors, as the embedding runs it."""
    encoder, _ = load_encoder(folder / "encoder")
    how, views = arithmetic(torch.device("cpu"), EmbedOptions().precision), views_at_once(None, gpu=False)
    set_attention(encoder, how.attention)
    inputs = torch.randn(views, len(STAINS), 224, 224)

    @torch.no_grad()
    def alone() -> None:
        with freed_memory_kept(), autocast(torch.device("cpu"), how.precision):
            for _ in range(max(1, count // views)):
                encoder(inputs)

    return best(alone, 5) / 1000 / (max(1, count // views) * views)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wells", type=int, default=12)
    parser.add_argument("--sites", type=int, default=9)
    parser.add_argument("--side", type=int, default=1080)
    parser.add_argument("--compression", choices=["none", "lzw", "zlib"], default="none")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        torch.set_num_threads(1)
        print(json.dumps(run(given.run, given.jobs)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        found = {}
        for wells in (max(2, given.wells // 2), given.wells):
            folder = Path(temporary) / str(wells)
            folder.mkdir()
            write_encoder(folder / "encoder", side=224, recipe=RECIPE)
            write_plate(folder, wells, given.sites, given.side, given.compression)
            found[wells] = run_apart(folder, given.jobs)
        images = sorted((folder / "images").glob("*.tif"))[:45]
        decoding = best(lambda: [read_plane(str(path)) for path in images], 3) / 1000 / len(images)
        alone = encoder_seconds(folder)
    show(found, given, decoding, alone)


def show(found: dict[int, dict[str, float]], given: argparse.Namespace, decoding: float, alone: float) -> None:
    """Print the figures. What a field costs is the difference of two runs; the rest is what every call costs."""
    (half, few), (wells, last) = found.items()
    more = (wells - half) * given.sites
    crops, embedding = ((last[name] - few[name]) / more for name in ("crops", "embedding"))
    fixed = last["crops"] + last["embedding"] - wells * given.sites * (crops + embedding)
    shape = f"{len(STAINS)} x {given.side} x {given.side}, 16-bit TIFF ({given.compression})"
    print(f"{half} and {wells} wells x {given.sites} fields of {shape}, jobs {given.jobs}")
    print(f"crops from files           {1000 * crops:6.1f} ms per field")
    print(f"of it reading and decoding {5000 * decoding:6.1f}")
    print(f"embedding from crops       {1000 * embedding:6.1f} ms per field")
    print(f"the encoder alone          {1000 * alone:6.1f} ms per field")
    print(f"every call                 {fixed:6.1f} s: weights, tables, alignment")
    print(f"decoding and conversion    {crops / (crops + embedding):6.0%} of the time   (wanted: 35 % or less)")
    print(f"embedding                  {alone / embedding:6.0%} of the encoder's own rate   (wanted: 90 % or more)")
    print(f"the whole command          {alone / (crops + embedding):6.0%} of it")
    print("peak memory, MiB           own, mapped files   (wanted: 3072 or less, whatever the plate)")
    for count, run in found.items():
        print(f"  {count:3} wells {run['RssAnon']:19.0f} {run['RssFile']:9.0f}")
    hours = (fixed + (crops + embedding) * PLATE * given.sites) / 3600
    print(f"{PLATE} wells, extrapolated   {hours:6.2f} h of one core")


if __name__ == "__main__":
    main()
