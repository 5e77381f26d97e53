"""Reading planes: the stage's reader against general readers, on the real Bray field; ratios of one run.

python bench/planes.py <shared/data/bray/field>
"""

import io
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import tifffile

from cwamsn.screens import PlaneReader
from cwamsn.screens.planes.decode import decode_plane

MEMBERS = 2304  # of a real channel zip
READS = 200


def milliseconds(function: Callable[[int], object], reads: int = READS) -> float:
    """Best of three passes, ms per call."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for i in range(reads):
            function(i)
        best = min(best, time.perf_counter() - start)
    return best / reads * 1e3


def main(folder: Path) -> None:
    data = (folder / "Mito.tif").read_bytes()
    fast, general = (
        milliseconds(lambda i: decode_plane(data)),
        milliseconds(lambda i: tifffile.imread(io.BytesIO(data))),
    )
    print(f"decode a 520 x 696 TIFF: {fast:.3f} ms; tifffile {general:.3f} ms; {general / fast:.1f} times")
    for label, compression in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "24277-Mito.zip"
            with zipfile.ZipFile(path, "w", compression, compresslevel=1) as archive:
                for i in range(READS):
                    archive.writestr(f"d/{i}.tif", data)
                for i in range(READS, MEMBERS):
                    archive.writestr(f"d/{i}.tif", b"")

            def reopened(i: int, path: Path = path) -> None:
                with zipfile.ZipFile(path) as archive:
                    tifffile.imread(io.BytesIO(archive.read(f"d/{i}.tif")))

            with PlaneReader() as reader:
                mine = milliseconds(lambda i, r=reader, p=path: r.read(f"{p}!d/{i}.tif"))
            theirs = milliseconds(reopened, 50)
        print(
            f"read a {label} member of {MEMBERS}: {mine:.2f} ms; reopening {theirs:.2f} ms; {theirs / mine:.1f} times"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
