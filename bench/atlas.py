"""What an atlas costs: its maps, its pictures, its page in a browser.

python -m bench.atlas [maps|pictures|pages ...]

`maps`: PCA of 200,000 × 384 (at most 20 s of processor time), UMAP of 20,000 × 384 (at most 2 min on two cores).
`pictures`: a well's picture from a store of fields of Bray's size (at most 3 ms per well and core).
`pages`: pages of 20,000 and of 200,000 wells without pictures: size (at most 15 and 60 MB), time until the page can be
used (3 and 8 s) and frames per second while it moves, as the page measures them, in headless Chromium that draws on the
processor. The load of the machine is printed beside: divide by what share of it was left.
"""

import argparse
import logging
import os
import tempfile
import time
from pathlib import Path

from bench._measure import best  # first: it sets the threads

# isort: split
import numpy as np
import pandas as pd

from cwamsn.atlas import AtlasInputs, AtlasOptions, make_atlas, pca_map, umap_map
from cwamsn.pictures import PictureOptions, Thumbnails
from cwamsn.profiles import align_profiles, well_profiles, write_anndata
from tests.browser import Browser
from tests.pictures.stores import write_store

SIZE = 384


def vectors(count: int, groups: int = 200) -> np.ndarray:
    """Vectors in groups of different sizes, as screens have them."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(groups, SIZE)).astype(np.float32)
    code = np.minimum(rng.geometric(3 / groups, count), groups) - 1
    return centres[code] + rng.normal(size=(count, SIZE)).astype(np.float32)


def show_maps() -> None:
    many = vectors(200_000)
    start = time.process_time()
    pca_map(many)
    print(f"PCA, 200,000 × {SIZE}: {time.process_time() - start:.1f} s of processor time")
    few = many[:20_000]
    umap_map(few[:500])  # compiles
    start = time.process_time()
    umap_map(few)
    print(f"UMAP, 20,000 × {SIZE}: {time.process_time() - start:.1f} s of processor time, compiled before")


def show_pictures() -> None:
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.integers(0, 200, (5, 65, 87)), np.ones((8, 8))).astype(np.uint8)
    fields = [(smooth + rng.integers(0, 30, smooth.shape, dtype=np.uint8))[:, :520, :696] for _ in range(8)]
    with tempfile.TemporaryDirectory() as folder:
        channels = ("Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst")
        table = write_store(Path(folder), {f"1_A{i:02d}": [field] for i, field in enumerate(fields, 1)}, channels)
        for size, window in ((128, 256), (128, None), (48, None)):
            made = Thumbnails(table, options=PictureOptions(size=size, window=window))
            made.contrast(0)
            milliseconds = best(lambda made=made: [made.of_well(well) for well in made.wells]) / len(fields)
            print(f"picture of {size} pixels, window {window}, field 5 × 520 × 696: {milliseconds:.2f} ms")


def write_profiles(wells: int, path: Path) -> None:
    """Profiles of a screen like RxRx3-core's: a tenth controls, three wells per compound and dose, 1,200 per plate."""
    each = 3
    names = np.arange(wells) // each // 8
    dose = np.array([0.0025, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10])[np.arange(wells) // each % 8]
    control = np.arange(wells) % 10 == 0
    place = np.arange(wells) % 1200
    frame = pd.DataFrame(
        {
            "well_id": [f"compound-{i // 57600 + 1:03d}_{i // 1200 % 48 + 1}_{j:04d}" for i, j in enumerate(place)],
            "screen": "s", "experiment": [f"compound-{i // 57600 + 1:03d}" for i in range(wells)],
            "plate": [str(i // 1200 % 48 + 1) for i in range(wells)], "address": [f"A{j:04d}" for j in place],
            "row": place // 48 + 1, "column": place % 48 + 1, "perturbation_type": "COMPOUND",
            "perturbation": np.where(control, "EMPTY_control", [f"compound {i:05d}" for i in names]),
            "control": np.where(control, "negative", None), "treatment": None, "split": None,
            "concentration": np.where(control, np.nan, dose), "cell_count": np.arange(wells) % 300.0,
        }
    )  # fmt: skip
    features = pd.DataFrame(vectors(wells)[:, :32], columns=[f"feature_{i}" for i in range(32)])
    profiles = well_profiles(features.assign(well_id=frame["well_id"]), frame, about={"screen": {"name": "s"}})
    write_anndata(align_profiles(profiles, "center-scale"), path)


def show_pages() -> None:
    for wells in (20_000, 200_000):
        with tempfile.TemporaryDirectory() as folder:
            path, page_file = Path(folder) / "p.h5ad", Path(folder) / "atlas.html"
            write_profiles(wells, path)
            start = time.process_time()
            # PCA stands for both maps: a second one adds 8 bytes per point
            options = AtlasOptions(umap=False, p_values="perturbations", sources=())
            make_atlas(AtlasInputs(profiles=path), page_file, options)
            spent = time.process_time() - start
            size = page_file.stat().st_size / 1e6
            print(f"{wells:,} wells: page of {size:.1f} MB, made in {spent:.0f} s of processor time")
            with Browser(Path(folder)) as browser:
                page = browser.open(page_file, fragment="level=wells")
                page.wait("document.documentElement.dataset.ready", 120)
                ready, rates, before = page.run("atlas.milliseconds"), [], browser.processor_seconds()
                for _ in range(3):
                    rates.append(page.run("atlas.panRate(40)"))
                each = 1000 * (browser.processor_seconds() - before) / 120
                load = os.getloadavg()[0]
                print(
                    f"  usable after {ready / 1000:.1f} s, {max(rates):.0f} frames per second while it moves, "
                    f"{each:.0f} ms of processor time per frame, load {load:.1f} on {os.cpu_count()} cores, console: "
                    f"{page.problems or 'silent'}"
                )


SHOWN = {"maps": show_maps, "pictures": show_pictures, "pages": show_pages}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.atlas", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*SHOWN, []], help="default: all")
    logging.disable(logging.CRITICAL)
    for name in parser.parse_args().what or SHOWN:
        SHOWN[name]()


if __name__ == "__main__":
    main()
