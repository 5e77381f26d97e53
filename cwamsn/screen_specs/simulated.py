"""Keys of the two simulated screens, and the plates or shards that follow from them.

docs/simulation.md explains every strength; `config/schemas/simulated.yaml` describes the keys.
"""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from cwamsn.errors import InputError
from cwamsn.options import Options
from cwamsn.screen_specs.base import ScreenSpec
from cwamsn.screen_specs.rxrx3_core import shard_name
from cwamsn.vocabulary import BRAY_STAINS, RXRX3_STAINS

FIRST_BARCODE = 24277  # of the real screen
BARCODES_PER_MAP = 16  # replicate plates of a map are consecutive; the next map starts 16 barcodes later


@dataclass(frozen=True, kw_only=True)
class Phenotype(Options):
    """Effects of the perturbations."""

    axes: int = 16
    evaluation_only: float = 0.25
    strength: float = 4.0
    strength_spread: float = 0.4
    inactive: float = 0.5
    similarity: float = 0.7
    cell_heterogeneity: float = 1.0
    responders: float = 0.8


@dataclass(frozen=True, kw_only=True)
class EvaluationPhenotype(Phenotype):
    """Effects of guides and compounds in an evaluation screen."""

    inactive: float = 0.15
    guide_spread: float = 0.3
    off_target: float = 0.3


@dataclass(frozen=True, kw_only=True)
class NuisanceShares(Options):
    """Shares of the variance of every nuisance factor; only their ratios count."""

    batch: float = 0.4
    drift: float = 0.15
    plate: float = 0.25
    well: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Nuisance(Options):
    """Technical variation; strengths are standard deviations over the wells of a screen unless said."""

    shares: NuisanceShares = field(default_factory=NuisanceShares)
    drift_memory: float = 0.8
    position: float = 0.4
    edge: float = 0.15
    stain_gain: float = 0.25
    background: float = 0.25
    blur_base: float = 0.5
    blur: float = 0.45
    bleed_through: float = 0.08
    gamma: float = 0.12
    illumination: float = 0.12
    density: float = 0.15
    channel_shift: float = 0.0


@dataclass(frozen=True, kw_only=True)
class EvaluationNuisance(Nuisance):
    """Technical variation of an evaluation screen: its channels do not lie exactly on each other."""

    channel_shift: float = 0.7


@dataclass(frozen=True, kw_only=True)
class SimulatedSpec(ScreenSpec):
    """What both simulated screens share."""

    microns_per_pixel: float | None = None
    seed: int = 0
    world_seed: int = 0
    field_height: int = 128
    field_width: int = 160
    cell_diameter: float = 20
    confluence: float = 0.75
    plate_rows: int = 8
    plate_columns: int = 12
    compounds: int = 160
    phenotype: Phenotype = field(default_factory=Phenotype)
    nuisance: Nuisance = field(default_factory=Nuisance)

    def pixel_size(self) -> float | None:
        """Side of a pixel, µm; None: not known."""
        return self.microns_per_pixel


@dataclass(frozen=True, kw_only=True)
class SimulatedBraySpec(SimulatedSpec):
    """A simulated training screen in the layout of Bray et al."""

    source: ClassVar[str] = "simulated-bray"
    sites: int = 2
    plates_per_compound: int = 4
    layout: str = "bray"
    missing_fields: float = 0.004
    missing_channels: float = 0.001
    partial_plates: int = 1
    keep: str = "split"
    identity: str = "inchikey"
    perturbation: str = "compound"

    def stains(self) -> list[str]:
        """Those of Bray."""
        return list(BRAY_STAINS)

    def units(self) -> list[str]:
        """Barcodes of the plates."""
        return [plate for group in self.plate_groups() for plate in group]

    def dmso_wells(self) -> int:
        """DMSO wells per plate: 64 of 384 in proportion."""
        return round(self.plate_rows * self.plate_columns * 64 / 384)

    def plate_groups(self) -> list[list[str]]:
        """Barcodes of the plates of each map (in the randomised layout: of each group of plates made together)."""
        replicates = self.plates_per_compound
        if replicates > BARCODES_PER_MAP:
            raise InputError(f"plates_per_compound: {replicates} is more than {BARCODES_PER_MAP}; lower it")
        room = self.plate_rows * self.plate_columns - self.dmso_wells()
        starts = [FIRST_BARCODE + BARCODES_PER_MAP * i for i in range(math.ceil(self.compounds / room))]
        return [[str(start + i) for i in range(replicates)] for start in starts]


@dataclass(frozen=True, kw_only=True)
class SimulatedRxRx3Spec(SimulatedSpec):
    """A simulated evaluation screen in the layout of RxRx3-core."""

    source: ClassVar[str] = "simulated-rxrx3-core"
    channel_map: str | None = "rxrx3_to_bray"
    seed: int = 1
    field_width: int = 128
    confluence: float = 0.85
    shards: int = 2
    jpeg2000_psnr: float = 42
    plate_rows: int = 16
    plate_columns: int = 24
    complexes: int = 20
    genes_per_complex: int = 5
    guides: int = 6
    wells_per_guide: int = 2
    gene_experiments: int = 3
    experiments_per_gene: int = 2
    compound_experiments: int = 2
    compounds: int = 32
    doses: list[float] = field(default_factory=lambda: [0.01, 0.1, 1.0, 10.0])
    wells_per_dose: int = 2
    empty_controls: int = 64
    crispr_controls: int = 16
    phenotype: EvaluationPhenotype = field(default_factory=EvaluationPhenotype)
    nuisance: EvaluationNuisance = field(default_factory=EvaluationNuisance)

    def stains(self) -> list[str]:
        """Those of RxRx3."""
        return list(RXRX3_STAINS)

    def units(self) -> list[str]:
        """Shards of the Parquet files."""
        return [shard_name(i, self.shards) for i in range(self.shards)]
