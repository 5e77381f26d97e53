"""Latent phenotypes and the morphology they stand for.

A phenotype is a vector on `axes` latent axes. Each axis shifts a random combination of the morphological parameters
below (drawn from the world seed, hence the same for every screen of a world). None of them is an intensity: a cell's
integrated signal of every stain is fixed by the nuisance model alone.
"""

from dataclasses import dataclass

import numpy as np

from cwamsn.simulate.seeding import generator


@dataclass(frozen=True)
class Parameter:
    """One morphological parameter: its value in two cell types, the effect of one unit, and its limits."""

    name: str
    u2os: float
    huvec: float
    unit: float  # effect of one unit of phenotype; on the logarithm where `log`
    spread: float  # standard deviation between the cells of a well, same scale
    low: float
    high: float
    log: bool = True


# Lengths are in cell diameters (nucleus_*, golgi_*: of the cell's radius); grains are in units of the standard grain.
PARAMETERS = (
    Parameter("cell_size", 1.0, 1.05, 0.10, 0.16, 0.6, 1.6),
    Parameter("elongation", 1.35, 1.8, 0.18, 0.18, 1.0, 3.2),
    Parameter("irregularity", 0.12, 0.08, 0.10, 0.08, -0.3, 0.3, log=False),
    Parameter("nucleus_size", 0.50, 0.52, 0.11, 0.10, 0.28, 0.80),
    Parameter("nucleus_elongation", 1.2, 1.35, 0.16, 0.12, 1.0, 2.5),
    Parameter("nucleus_offset", 0.10, 0.05, 0.13, 0.07, 0.0, 0.45, log=False),
    Parameter("chromatin_contrast", 0.22, 0.28, 0.20, 0.06, 0.0, 0.9, log=False),
    Parameter("chromatin_grain", 1.0, 1.1, 0.32, 0.12, 0.35, 2.6),
    Parameter("nucleoli_threshold", 0.9, 1.0, 0.42, 0.20, -0.2, 2.2, log=False),
    Parameter("nucleoli_grain", 1.0, 0.9, 0.30, 0.12, 0.4, 2.4),
    Parameter("er_spread", 1.0, 1.1, 0.34, 0.15, 0.35, 3.0),
    Parameter("er_contrast", 0.30, 0.25, 0.20, 0.08, 0.0, 0.9, log=False),
    Parameter("er_grain", 1.0, 0.9, 0.32, 0.12, 0.35, 2.6),
    Parameter("rna_spread", 1.3, 1.4, 0.32, 0.15, 0.4, 3.2),
    Parameter("actin_edge", 0.45, 0.55, 0.22, 0.10, 0.0, 1.0, log=False),
    Parameter("actin_contrast", 0.45, 0.35, 0.22, 0.08, 0.0, 0.95, log=False),
    Parameter("actin_grain", 1.0, 1.2, 0.32, 0.12, 0.4, 2.6),
    Parameter("golgi_size", 0.30, 0.26, 0.26, 0.15, 0.13, 0.75),
    Parameter("golgi_distance", 0.55, 0.60, 0.16, 0.10, 0.1, 0.95, log=False),
    Parameter("mito_spread", 1.0, 0.9, 0.36, 0.15, 0.35, 3.0),
    Parameter("mito_contrast", 0.60, 0.50, 0.22, 0.08, 0.0, 0.95, log=False),
    Parameter("mito_grain", 1.0, 1.0, 0.32, 0.12, 0.35, 2.6),
    Parameter("mito_network", 0.5, 0.6, 0.30, 0.10, 0.0, 1.0, log=False),
    Parameter("clustering", 0.08, 0.0, 0.16, 0.0, -0.1, 0.5, log=False),
    Parameter("alignment", 0.15, 0.35, 0.22, 0.0, 0.0, 0.9, log=False),
)
INDEX = {p.name: i for i, p in enumerate(PARAMETERS)}
LOG = np.array([p.log for p in PARAMETERS])
UNIT = np.array([p.unit for p in PARAMETERS])
SPREAD = np.array([p.spread for p in PARAMETERS])
LOW = np.array([p.low for p in PARAMETERS])
HIGH = np.array([p.high for p in PARAMETERS])


def base_parameters(cell_type: str) -> np.ndarray:
    """Parameters of an untreated cell, on the scale on which effects add (logarithms where it is one of factors)."""
    values = np.array([getattr(p, cell_type.lower()) for p in PARAMETERS])
    return np.where(LOG, np.log(np.maximum(values, 1e-9)), values)


def to_values(parameters: np.ndarray) -> np.ndarray:
    """Parameters from the additive scale to values within their limits; any leading shape."""
    # The exponent is limited first, so that an extreme cell cannot overflow.
    return np.clip(np.where(LOG, np.exp(np.clip(parameters, -9, 9)), parameters), LOW, HIGH)


def loadings(world_seed: int, axes: int) -> np.ndarray:
    """Effect of one unit of each axis on each parameter, on the additive scale: (axes, parameters).

    Each axis moves a handful of parameters at once, as a perturbed process does. Two axes are nearly orthogonal.
    """
    rng = generator(world_seed, "loadings", axes)
    directions = rng.standard_normal((axes, len(PARAMETERS)))
    keep = np.argsort(rng.random(directions.shape), axis=1) < 6
    directions = np.where(keep, directions, 0.0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * UNIT


def shared_axes(axes: int, evaluation_only: float) -> np.ndarray:
    """True for the axes that occur in training screens as well: (axes,)."""
    return np.arange(axes) < axes - round(axes * evaluation_only)


def draw_group(rng: np.random.Generator, members: int, similarity: float, allowed: np.ndarray) -> np.ndarray:
    """Unit phenotypes of `members` perturbations of one process: (members, axes).

    The expected cosine between two of them is `similarity`; axes that are not `allowed` stay 0.
    """

    def unit(shape: tuple[int, ...]) -> np.ndarray:
        vectors = rng.standard_normal(shape) * allowed
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    common, own = unit((1, len(allowed))), unit((members, len(allowed)))
    mixed = np.sqrt(similarity) * common + np.sqrt(1 - similarity) * own
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
