"""From a plate as hosted to the finished store, against the published way; and RxRx3-core planes to crops.

    python -m bench.plate [folder for 2 GB of temporary files]

The plate's five channel zips name 2,304 members each; an eighth of the fields is converted: the real Bray field, each
time with another shift (the members of the other fields only take their place in the directories of the zips).
`python -m bench.avx2 -m bench.plate` gives the figures without AVX-512.
The published way (bench/published.py) converts a sixth of that eighth. Each way runs in a process of its
own, on one core: CPU time after the imports, the least of three rounds in turns, and the largest resident memory.
"""

import io
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from bench import published
from bench._measure import best
from bench.conversion import CHANNELS, real_field
from cwamsn import tables
from cwamsn.config import load_schema, resolve
from cwamsn.crops import ChannelMap, CropOptions, compress_to_uint8, write_crops
from cwamsn.paths import ScreenPaths, UnitPaths
from tests.conftest import ROOT

WELLS, SITES, USED, ROUNDS = 384, 6, 288, 3
STAINS = ["Hoechst", "ConA", "Phalloidin", "SYTO14", "MitoTracker", "WGA"]


def addresses() -> list[tuple[str, int]]:
    return [(f"{'ABCDEFGHIJKLMNOP'[w // 24]}{w % 24 + 1:02d}", s) for w in range(WELLS) for s in range(1, SITES + 1)]


def host(folder: Path, compression: int) -> list[dict[str, str]]:
    """Write the five zips; returns channel → URI of each used field."""
    planes, rows = real_field(), [{} for _ in range(USED)]
    for c, channel in enumerate(CHANNELS):
        path = folder / f"24279-{channel}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for k, (address, site) in enumerate(addresses()):
                member = f"24279-{channel}/cdp2bioactives_{address.lower()}_s{site}_w{c + 1}{uuid.UUID(int=k)}.tif"
                if k < USED:
                    buffer = io.BytesIO()
                    tifffile.imwrite(buffer, np.roll(planes[c], (k, 3 * k), axis=(0, 1)), rowsperstrip=5)
                    archive.writestr(member, buffer.getvalue(), compression)
                    rows[k][channel] = f"{path}!{member}"
                else:
                    archive.writestr(member, b"", zipfile.ZIP_STORED)
    return rows


def write_tables(folder: Path, uris: list[dict[str, str]]) -> UnitPaths:
    """Fields and wells tables over `uris`; the paths of the unit."""
    screen = ScreenPaths(folder)
    unit = screen.unit("24279")
    fields = pd.DataFrame([{f"uri_{c}": u for c, u in row.items()} for row in uris])
    fields["field_id"] = fields["well_id"] = [f"24279-{k}" for k in range(len(uris))]
    fields["site"] = 1
    tables.write(fields, "fields", unit.fields)
    skipped = pd.DataFrame(columns=["field_id", "well_id", "plate", "site", "reason"])
    skipped.to_parquet(unit.skipped)
    wells = fields[["well_id"]].assign(
        screen="s", experiment="e", plate="24279", address="A01", row=1, column=1, perturbation_type="COMPOUND",
        perturbation="c", control=None, treatment=None, split="train",
    )  # fmt: skip
    tables.write(wells, "wells", screen.wells)
    return unit


def channel_maps() -> dict[str, ChannelMap]:
    schema = load_schema(ROOT / "config" / "schemas")
    schema["properties"] = {"channel_maps": schema["properties"]["channel_maps"]}
    return {name: ChannelMap.from_config(entry) for name, entry in resolve({}, schema)["channel_maps"].items()}


def _ours(unit: UnitPaths, n: int, channel_map: str | None, maps: dict[str, ChannelMap], codec: str) -> None:
    write_crops(unit, CropOptions(codec=codec), channel_map, maps)
    kept = len(tables.read("crops", unit.index))
    assert kept == n, f"{n - kept} fields were skipped"


def _published(folder: Path, uris: list[dict[str, str]]) -> None:
    (folder / "npz").mkdir(exist_ok=True)
    for k, row in enumerate(uris):
        members = {c: tuple(u.split("!")) for c, u in row.items()}
        published.field(members, folder / "npz" / f"{k}.npz")


def measured(call: Callable, *arguments) -> dict[str, float]:
    """CPU seconds (without imports) and peak resident MiB of `call` in a fresh process."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_in_process, args=(queue, call, arguments))
    process.start()
    result = queue.get()
    process.join()
    return result


def _in_process(queue, call: Callable, arguments: tuple) -> None:
    start = time.process_time()
    call(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    queue.put({"seconds": time.process_time() - start, "peak_mib": peak})


def plate(parent: Path) -> None:
    for name, compression, wanted in (("stored", zipfile.ZIP_STORED, 10), ("deflated", zipfile.ZIP_DEFLATED, 6)):
        folder = Path(tempfile.mkdtemp(prefix="plate-", dir=parent))
        try:
            uris = host(folder, compression)
            few = uris[: USED // 6]
            rounds = []
            for _ in range(ROUNDS):
                rounds.append({"published": measured(_published, folder, few)["seconds"] / len(few)})
                for codec in ("lz4", "zstd"):
                    new = measured(_ours, write_tables(folder, uris), USED, None, {}, codec)
                    size = (folder / "crops" / "24279" / "crops.arrow").stat().st_size / USED / (5 * 520 * 696)
                    rounds[-1] |= {
                        codec: new["seconds"] / USED,
                        f"{codec} peak": new["peak_mib"],
                        f"{codec} size": size,
                    }
            published_ms = 1000 * min(r["published"] for r in rounds)
            print(f"{name} members, published way: {published_ms:.1f} ms per field")
            for codec in ("lz4", "zstd"):
                ms, peak = 1000 * min(r[codec] for r in rounds), max(r[f"{codec} peak"] for r in rounds)
                size = rounds[0][f"{codec} size"]
                print(
                    f"{name} members, codec {codec}: {ms:.1f} ms per field, "
                    f"ratio {published_ms / ms:.1f} (at least {wanted}), peak {peak:.0f} MiB (at most 1536), "
                    f"{size:.2f} of the 8-bit size",
                    flush=True,
                )
        finally:
            shutil.rmtree(folder)


def rxrx3(parent: Path) -> None:
    """Wells of six lossy JPEG 2000 planes of 512 x 512, about 13 kB each, in a shard with row groups."""
    import imagecodecs
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    folder, wells = Path(tempfile.mkdtemp(prefix="rxrx3-", dir=parent)), 96
    try:
        planes = [compress_to_uint8(p)[:512, :512] for p in real_field()]
        rows, encoded = [], []
        for k in range(wells):
            for c in range(6):
                buffer = io.BytesIO()
                image = Image.fromarray(np.roll(planes[c % 5], (k, 5 * k + c), axis=(0, 1)))
                image.save(buffer, "JPEG2000", quality_mode="rates", quality_layers=[20], irreversible=True)
                encoded.append(buffer.getvalue())
                rows.append(
                    {"__key__": f"compound-001/Plate1/A{k:02d}_s1_{c + 1}", "jp2": {"bytes": encoded[-1], "path": ""}}
                )
        shard = folder / "train-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist(rows), shard, row_group_size=100)
        uris = [{s: f"{shard}#{6 * k + c}" for c, s in enumerate(STAINS)} for k in range(wells)]
        decoding = best(lambda: [imagecodecs.jpeg2k_decode(e) for e in encoded[:6]], 5)
        new = measured(_ours, write_tables(folder, uris), wells, "rxrx3_to_bray", channel_maps(), "lz4")
        ms, size = 1000 * new["seconds"] / wells, (folder / "crops" / "24279" / "crops.arrow").stat().st_size
        print(
            f"RxRx3-core: {ms:.1f} ms per well (at most 36), of it {decoding:.1f} ms to decode six planes of "
            f"{np.mean([len(e) for e in encoded]) / 1000:.1f} kB; peak {new['peak_mib']:.0f} MiB; "
            f"{size / wells / (5 * 512 * 512):.2f} of the 8-bit size"
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
    rxrx3(place)
    plate(place)
