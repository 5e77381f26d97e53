"""Pictures of the simulated screens for docs/simulation.md: `python -m cwamsn.screens.simulate.gallery docs/images`."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from cwamsn.config import load_schema, resolve
from cwamsn.screens.simulate import bray, rxrx3_core

SCHEMAS = Path(__file__).resolve().parents[3] / "config" / "schemas"
GREYS = 20  # grey levels of a picture; keeps the noise from filling the file
SIDE = 96  # px of a crop in the picture of batches


def default_spec(source: str) -> dict:
    """A simulated screen with every default of the schema."""
    return resolve({"screens": {"screen": {"source": source}}}, load_schema(SCHEMAS))["screens"]["screen"]


def stretch(plane: np.ndarray, low: float, high: float, curve: float = 1.0) -> np.ndarray:
    """Grey levels `low` ... `high` to 0 ... 255 in GREYS steps, raised to the power `curve`."""
    share = np.clip((plane - low) / (high - low), 0, 1) ** curve
    return (np.rint(share * (GREYS - 1)) * (255 / (GREYS - 1))).astype(np.uint8)


def fields_by_channel() -> Image.Image:
    """An untreated field of either screen, one tile a channel, each stretched on its own."""
    rows = []
    for module, source in ((bray, "simulated-bray"), (rxrx3_core, "simulated-rxrx3-core")):
        screen = module.simulation(default_spec(source))
        untreated = screen.design["well_id"][int((np.linalg.norm(screen.latent, axis=1) == 0).argmax())]
        field = screen.field(untreated, 1)[:, :128, :128].astype(float)
        tiles = [stretch(p, *np.percentile(p, [0.5, 99.7])) for p in field]
        tiles += [np.full((128, 128), 255, np.uint8)] * (6 - len(tiles))
        rows.append(np.hstack([np.pad(t, 2, constant_values=255) for t in tiles]))
    return Image.fromarray(np.vstack(rows))


def perturbations_across_batches() -> Image.Image:
    """Rows: DMSO, a strong compound and a weaker one of each map; columns: three plates of one map, then of the other.

    Colours: actin and Golgi red, mitochondria green, DNA blue, on one scale for all tiles, so that the nuisance shows.
    """
    spec = default_spec("simulated-bray") | {"partial_plates": 0}
    screen = bray.simulation(spec)
    wells = screen.design.assign(length=np.linalg.norm(screen.latent, axis=1))
    maps = wells["plate_map"].unique()
    shown = [wells[(wells["plate_map"] == m) & (wells["compound"] < 0)].drop_duplicates("plate") for m in maps[:2]]
    rows = [[*shown[0]["well_id"][:3], *shown[1]["well_id"][:3]]]
    ranked = [wells[wells["plate_map"] == m].sort_values("length", kind="stable") for m in maps[:2]]
    for place in (1, 9):
        names = [r["compound"].drop_duplicates(keep="last").iloc[-place] for r in ranked]
        rows.append([w for m, c in zip(maps, names) for w in wells.loc[wells["compound"] == c, "well_id"][:3]])
    order = [bray.CHANNELS.index(c) for c in ("Ph_golgi", "Mito", "Hoechst")]
    limits = [(bray.CAMERA.background[c] * 0.9, bray.CAMERA.background[c] + 5.5 * bray.CAMERA.signal[c]) for c in order]
    lines = []
    for row in rows:
        tiles = []
        for well in row:
            field = screen.field(well, 1)[:, 16 : 16 + SIDE, 32 : 32 + SIDE].astype(float)
            colour = np.stack([stretch(field[c], *limit, curve=0.7) for c, limit in zip(order, limits)], axis=-1)
            tiles.append(np.pad(colour, ((2, 2), (2, 2), (0, 0)), constant_values=255))
        lines.append(np.hstack(tiles))
    return Image.fromarray(np.vstack(lines))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cwamsn.screens.simulate.gallery", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the PNG files go")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    fields_by_channel().save(folder / "simulated_channels.png", optimize=True)
    perturbations_across_batches().save(folder / "simulated_batches.png", optimize=True)


if __name__ == "__main__":
    main()
