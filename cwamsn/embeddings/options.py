"""What the configuration says about embedding a screen, as types."""

from collections.abc import Sequence
from dataclasses import dataclass

from cwamsn.options import Options


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(Options):
    """Section `embedding`: how an image becomes one vector."""

    view: str = "resize"
    view_size: int | None = None
    tile_size: int = 256
    n_crops: int = 4
    seed: int = 0
    antialias: bool = True
    feature: str = "cls_last_block"
    encoder: str = "target"
    batch_size: int | None = None
    precision: str = "auto"
    device: str = "auto"
    gpus: int | None = None
    threads: int | None = None
    loader_threads: int | None = None
    loader_depth: int = 3
    cuda_graph: bool = True


@dataclass(frozen=True, kw_only=True)
class HandcraftedOptions(Options):
    """Key `options` of a handcrafted method: segmentation, scales and caps."""

    nuclear_channel: str = "Hoechst"
    cell_channel: str = "ERSyto"
    smoothing: float = 1.5
    min_distance: int = 5
    min_nucleus_area: int = 40
    min_object_area: int = 30
    scales: Sequence[float] = (1, 2, 4, 8)
    max_cells: int | None = 80
    max_fields: int | None = None


@dataclass(frozen=True, kw_only=True)
class FileOptions(Options):
    """Keys of a method that says how its file is to be read."""

    format: str | None = None
    feature_columns: list[str] | str | None = None
    array: str | None = None
    table: str | None = None
    on_missing: str = "refuse"
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class WellsFile(FileOptions):
    """A file with one vector per well."""

    well_column: str | list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class MapFile(FileOptions):
    """A file with one vector per perturbation."""

    perturbation_column: str = "perturbation"
    perturbation_type: str = "CRISPR"


@dataclass(frozen=True, kw_only=True)
class PretrainedWeights(Options):
    """Keys of a method with public weights: which, where, and what its images are normalised with."""

    weights: str
    path: str | None = None
    sha256: str | None = None
    backbone_path: str | None = None
    mean: list[float] | None = None
    std: list[float] | None = None
    untrained: int | None = None
