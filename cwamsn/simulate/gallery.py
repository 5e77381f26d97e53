"""Pictures of the simulated screens for docs/simulation.md: `python -m cwamsn.simulate.gallery docs/images`."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from cwamsn.screen_specs import SimulatedBraySpec, SimulatedRxRx3Spec
from cwamsn.simulate import bray, rxrx3_core
from cwamsn.vocabulary import BRAY_STAINS

GREYS = 20  # grey levels of a picture; keeps the noise from filling the file
SIDE = 96  # px of a crop in the picture of batches


def stretch(plane: np.ndarray, low: float, high: float, curve: float = 1.0) -> np.ndarray:
    """Grey levels `low` ... `high` to 0 ... 255 in GREYS steps, raised to the power `curve`."""
    share = np.clip((plane - low) / (high - low), 0, 1) ** curve
    return (np.rint(share * (GREYS - 1)) * (255 / (GREYS - 1))).astype(np.uint8)


def fields_by_channel() -> Image.Image:
    """An untreated field of either screen, one tile per channel, each stretched on its own."""
    rows = []
    for screen in (bray.simulation(SimulatedBraySpec()), rxrx3_core.simulation(SimulatedRxRx3Spec())):
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
    screen = bray.simulation(SimulatedBraySpec(partial_plates=0))
    wells = screen.design.assign(length=np.linalg.norm(screen.latent, axis=1))
    maps = wells["plate_map"].unique()
    shown = [wells[(wells["plate_map"] == m) & (wells["compound"] < 0)].drop_duplicates("plate") for m in maps[:2]]
    rows = [[*shown[0]["well_id"][:3], *shown[1]["well_id"][:3]]]
    ranked = [wells[wells["plate_map"] == m].sort_values("length", kind="stable") for m in maps[:2]]
    for place in (1, 9):
        names = [r["compound"].drop_duplicates(keep="last").iloc[-place] for r in ranked]
        rows.append([w for m, c in zip(maps, names) for w in wells.loc[wells["compound"] == c, "well_id"][:3]])
    order = [BRAY_STAINS.index(c) for c in ("Ph_golgi", "Mito", "Hoechst")]
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


def latent_space(path: Path) -> None:
    """Three panels of the evaluation screen's ground truth: cosines of the genes' phenotypes, complex by complex; wells
    on the first two axes of the phenotype; the same wells on those of the nuisance, coloured by experiment."""
    from matplotlib.figure import Figure  # the only picture that needs it

    spec = SimulatedRxRx3Spec()
    screen = rxrx3_core.simulation(spec)
    wells, genes = screen.design, [g for group in rxrx3_core.gene_groups(spec) for g in group]
    means = np.stack([screen.latent[(wells["gene"] == gene).to_numpy()].mean(axis=0) for gene in genes])
    length = np.linalg.norm(means, axis=1, keepdims=True)
    unit = np.divide(means, length, out=np.zeros_like(means), where=length > 0)
    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    picture = left.imshow(unit @ unit.T, vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
    figure.colorbar(picture, ax=left, shrink=0.8)
    left.set(title="cosine of the genes' phenotypes", xlabel="gene, by complex", ylabel="gene, by complex")
    crispr = (wells["perturbation_type"] == "CRISPR").to_numpy()
    phenotype, nuisance = (_principal(x[crispr]) for x in (screen.latent, screen.nuisance.to_numpy()))
    own, kept = np.linalg.norm(screen.latent, axis=1)[crispr] > 0, wells[crispr]
    first = {gene: number // spec.genes_per_complex for number, gene in enumerate(genes)}
    complexes = kept["gene"].map(first).fillna(-1).to_numpy()
    middle.scatter(*phenotype[~own].T, color="0.6", s=14, label="controls and silent genes")
    for number in range(6):
        middle.scatter(*phenotype[own & (complexes == number)].T, s=5, label=f"complex {number + 1}")
    middle.legend(frameon=False, fontsize=6)
    middle.set(title="phenotype of wells", xlabel="axis 1", ylabel="axis 2")
    for experiment, rows in kept.reset_index(drop=True).groupby("experiment_name"):
        right.scatter(*nuisance[rows.index].T, s=3, label=experiment)
    right.legend(frameon=False, fontsize=6)
    right.set(title="nuisance of the same wells", xlabel="axis 1", ylabel="axis 2")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _principal(values: np.ndarray) -> np.ndarray:
    """First two principal components of the rows of `values`: (n, 2)."""
    centred = values - values.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cwamsn.simulate.gallery", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the PNG files go")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    fields_by_channel().save(folder / "simulated_channels.png", optimize=True)
    perturbations_across_batches().save(folder / "simulated_batches.png", optimize=True)
    latent_space(folder / "simulated_latent.png")


if __name__ == "__main__":
    main()
