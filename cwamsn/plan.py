"""Where the files of a run lie, and which file needs which. The only module that knows the layout of data and results.

Imports no pandas, no torch and no Snakemake; Snakefile, scripts and library take their paths from here.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class UnitPaths:
    """Files of one unit of a screen: a plate, a shard, or whatever the source hands over as a whole."""

    root: Path
    """Folder of the screen."""
    name: str

    @property
    def raw(self) -> Path:
        """Folder of the raw images; temporary."""
        return self.root / "raw" / self.name

    @property
    def fields(self) -> Path:
        """Fields table."""
        return self.root / "fields" / f"{self.name}.parquet"

    @property
    def skipped(self) -> Path:
        """Fields that were left out before any crop was made, with the reasons."""
        return self.root / "fields" / f"{self.name}.skipped.parquet"

    @property
    def shards(self) -> Path:
        """Folder of the crop store's shards."""
        return self.root / "crops" / self.name

    @property
    def index(self) -> Path:
        """Crops index of this unit."""
        return self.root / "crops" / f"{self.name}.parquet"

    @property
    def qc(self) -> Path:
        """QC table of this unit."""
        return self.root / "qc" / f"{self.name}.parquet"

    @property
    def statistics(self) -> Path:
        """Channel statistics of this unit, JSON."""
        return self.root / "statistics" / f"{self.name}.json"


@dataclass(frozen=True)
class ScreenPaths:
    """Files of one screen, below its folder."""

    root: Path

    def unit(self, name: str = "{unit}") -> UnitPaths:
        """Files of one of the screen's units (by default Snakemake's pattern of all of them)."""
        return UnitPaths(self.root, name)

    @property
    def wells(self) -> Path:
        """Wells table."""
        return self.root / "wells.parquet"

    @property
    def wells_notes(self) -> Path:
        """Notes of the job that wrote the wells table, JSON."""
        return self.root / "wells.notes.json"

    @property
    def source(self) -> Path:
        """What says where the screen came from, JSON."""
        return self.root / "source.json"

    @property
    def split(self) -> Path:
        """Fields of the published split, where the screen has one."""
        return self.root / "split_fields.parquet"

    @property
    def truth(self) -> Path:
        """Known compound-gene relationships, CSV."""
        return self.root / "compound_gene_truth.csv"

    @property
    def host(self) -> Path:
        """Folder that plays the public host of a simulated screen."""
        return self.root / "host"

    @property
    def simulated_truth(self) -> Path:
        """What the wells of a simulated screen were drawn from."""
        return self.host / "truth" / "wells.parquet"

    @property
    def crops(self) -> Path:
        """Crops index of the whole screen; shards are named relative to :attr:`root`."""
        return self.root / "crops.parquet"

    @property
    def crops_notes(self) -> Path:
        """Notes of the job that gathered the crops, JSON."""
        return self.root / "crops.notes.json"

    @property
    def qc(self) -> Path:
        """QC table of the whole screen."""
        return self.root / "qc.parquet"

    @property
    def statistics(self) -> Path:
        """Channel statistics of the whole screen, JSON."""
        return self.root / "statistics.json"
