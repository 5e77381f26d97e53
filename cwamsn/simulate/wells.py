"""From a design (which perturbation is where) to the images and the ground truth of its wells."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.files import atomic_path
from cwamsn.screen_specs.simulated import Phenotype, SimulatedSpec
from cwamsn.simulate import nuisance, phenotypes
from cwamsn.simulate.render import Camera, render_field
from cwamsn.simulate.seeding import generator


class Simulation:
    """A screen's wells with their latent phenotype and nuisance, ready to be rendered.

    design : wells in the order of acquisition: well_id, batch, plate, row, column. latent : (n, axes) phenotypes.
    """

    def __init__(
        self,
        spec: SimulatedSpec,
        design: pd.DataFrame,
        latent: np.ndarray,
        channels: Sequence[str],
        cell_type: str,
        camera: Camera,
    ) -> None:
        self.spec, self.channels, self.camera = spec, channels, camera
        self.design = design.reset_index(drop=True)
        self.latent = latent
        self.nuisance = nuisance.latent_nuisance(self.design, channels, spec)
        self.base = phenotypes.base_parameters(cell_type)
        self.shift = latent @ phenotypes.loadings(spec.world_seed, spec.phenotype.axes)
        self.number = {well: i for i, well in enumerate(self.design["well_id"])}

    def field(self, well_id: str, site: int) -> np.ndarray:
        """Field `site` of a well: (channels, height, width), uint16."""
        i = self.number[well_id]
        optics = nuisance.optics(self.nuisance.to_numpy()[i], self.channels, self.spec.nuisance)
        rng = generator(self.spec.seed, "field", well_id, site)
        stains = "five" if len(self.channels) == 5 else "six"
        return render_field(rng, self.base, self.shift[i], self.spec, optics, self.camera, stains)

    def truth(self) -> pd.DataFrame:
        """well_id, then the latent phenotype_* and nuisance_* of each well."""
        axes = pd.DataFrame(self.latent, columns=[f"phenotype_{i}" for i in range(self.latent.shape[1])])
        return pd.concat([self.design[["well_id"]], axes, self.nuisance.add_prefix("nuisance_")], axis=1)

    def write_truth(self, host_dir: Path) -> None:
        """Write :meth:`truth` to `truth/wells.parquet` below the host's folder."""
        with atomic_path(host_dir / "truth" / "wells.parquet") as path:
            self.truth().to_parquet(path, index=False)


def draw_magnitudes(rng: np.random.Generator, count: int, phenotype: Phenotype) -> np.ndarray:
    """Strengths of `count` effects: log-normal around `strength`, none for the inactive share."""
    strengths = phenotype.strength * np.exp(phenotype.strength_spread * rng.standard_normal(count))
    silent = np.zeros(count, bool)
    silent[rng.permutation(count)[: round(count * phenotype.inactive)]] = True
    return np.where(silent, 0.0, strengths)


def write_csv(frame: pd.DataFrame, path: Path, separator: str = ",") -> None:
    """Write a table with the same line ends on every system."""
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, sep=separator, lineterminator="\n")
