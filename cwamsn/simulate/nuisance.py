"""What varies between batches, plates and wells without any perturbation.

Every factor is a standard normal number per well, the sum of independent terms for the batch, the drift over
consecutive plates, the plate and the well (shares of the variance), plus a gradient over the plate and an edge
effect. Its strength turns it into a physical quantity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwamsn.screen_specs.simulated import Nuisance, SimulatedSpec
from cwamsn.simulate.seeding import generator


@dataclass(frozen=True)
class Optics:
    """Physical nuisance of one field, for `C` channels."""

    gain: np.ndarray  # (C,) factor of the signal
    background: np.ndarray  # (C,) factor of the background
    blur: np.ndarray  # (C,) standard deviation, px
    bleed: np.ndarray  # (C, C) share of channel j that appears in channel i, 0 on the diagonal
    gamma: float
    tilt: np.ndarray  # (2,) relative illumination gradient, per half field height and width
    vignette: float  # relative loss in the corners
    density: float  # factor of the number of cells
    shift: np.ndarray  # (C, 2) px


def factor_names(channels: Sequence[str]) -> list[str]:
    """Names of the nuisance factors of a screen with these channels; the order decides which numbers each one gets."""
    per_channel = [f"{kind}_{c}" for kind in ("gain", "background", "blur") for c in channels]
    shifts = [f"shift_{axis}_{c}" for c in channels for axis in "yx"]
    return [*per_channel, "bleed", "gamma", "tilt_y", "tilt_x", "vignette", "density", *shifts]


def latent_nuisance(wells: pd.DataFrame, channels: Sequence[str], spec: SimulatedSpec) -> pd.DataFrame:
    """Standardised factors of each well: columns of :func:`factor_names`, index of `wells`.

    `wells` has well_id, batch, plate, row, column (1-based), in the order of acquisition of the plates.
    """
    nuisance, seed = spec.nuisance, spec.seed
    names = factor_names(channels)
    share = {k: getattr(nuisance.shares, k) for k in ("batch", "drift", "plate", "well")}
    total = sum(share.values())

    def draw(kind: str, label: str) -> np.ndarray:
        return generator(seed, "nuisance", kind, label).standard_normal(len(names))

    def level(kind: str, labels: pd.Series) -> np.ndarray:
        codes, unique = pd.factorize(labels)
        return np.stack([draw(kind, label) for label in unique])[codes] * np.sqrt(share[kind] / total)

    latent = level("batch", wells["batch"]) + level("plate", wells["plate"]) + level("well", wells["well_id"])
    # Drift: a stationary first-order process over consecutive plates, so that neighbours resemble each other.
    order, plates = pd.factorize(wells["plate"])
    memory = nuisance.drift_memory
    walk = [draw("drift", plates[0])]
    for plate in plates[1:]:
        walk.append(memory * walk[-1] + np.sqrt(1 - memory**2) * draw("drift", plate))
    latent = latent + np.stack(walk)[order] * np.sqrt(share["drift"] / total)
    # Gradient: one direction a screen (the same instrument), the same on every plate.
    row, column = _centred(wells["row"], spec.plate_rows), _centred(wells["column"], spec.plate_columns)
    directions = generator(seed, "nuisance", "position", "screen").standard_normal((2, len(names)))
    latent = latent + nuisance.position * np.stack([row, column], axis=1) @ directions
    frame = pd.DataFrame(latent, columns=names, index=wells.index)
    frame["edge"] = on_edge(wells, spec).astype(float) * nuisance.edge
    return frame


def _centred(index: pd.Series, size: int) -> np.ndarray:
    """1-based index to -1 ... 1."""
    return (2 * index.to_numpy() - size - 1) / max(size - 1, 1)


def on_edge(wells: pd.DataFrame, spec: SimulatedSpec) -> np.ndarray:
    """True for wells of the outermost rows and columns."""
    return (wells["row"].isin([1, spec.plate_rows]) | wells["column"].isin([1, spec.plate_columns])).to_numpy()


def optics(latent: np.ndarray, channels: Sequence[str], nuisance: Nuisance) -> Optics:
    """Physical nuisance of a well from its row of :func:`latent_nuisance` (edge last)."""
    count = len(channels)
    gain, background, blur = latent[: 3 * count].reshape(3, count)
    bleed, gamma, tilt_y, tilt_x, vignette, density = latent[3 * count : 3 * count + 6]
    shift = latent[3 * count + 6 : -1].reshape(count, 2)
    edge = latent[-1]
    neighbour = np.eye(count, k=1) + np.eye(count, k=-1)
    return Optics(
        # Evaporation at the edge concentrates the stains and kills cells.
        gain=np.exp(nuisance.stain_gain * gain + 0.3 * edge),
        background=np.exp(nuisance.background * background + 0.3 * edge),
        blur=nuisance.blur_base + nuisance.blur * np.abs(blur),
        bleed=neighbour * nuisance.bleed_through * np.exp(0.5 * bleed),
        gamma=float(np.exp(nuisance.gamma * gamma)),
        tilt=nuisance.illumination * np.array([tilt_y, tilt_x]),
        vignette=float(nuisance.illumination * abs(vignette)),
        density=float(np.exp(nuisance.density * density - edge)),
        shift=np.clip(nuisance.channel_shift * shift, -8, 8),
    )
