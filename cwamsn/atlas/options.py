"""Options of an atlas."""

from dataclasses import dataclass

from cwamsn.errors import InputError
from cwamsn.options import Options
from cwamsn.vocabulary import SOURCES

P_VALUES = ("auto", "wells", "perturbations", "none")


@dataclass(frozen=True, kw_only=True)
class AtlasOptions(Options):
    """Section `atlas` of the configuration."""

    k: int = 10
    """Neighbours listed per perturbation and dose."""
    p_values: str = "auto"
    """Null of the neighbours' p-values: `wells` permutes labels of wells, `perturbations` those of whole
    perturbations; `auto` takes wells up to `wells_null_up_to` perturbations; `none`: no p-value."""
    wells_null_up_to: int = 1000
    """Perturbations (and doses) up to which `auto` permutes wells: beyond, it would take hours."""
    null_size: int = 1000
    """Permutations of wells per perturbation."""
    umap: bool = True
    """Whether to compute UMAP beside PCA."""
    umap_neighbours: int = 15
    """UMAP's n_neighbors."""
    umap_min_dist: float = 0.1
    """UMAP's min_dist."""
    umap_components: int = 50
    """Principal components that UMAP starts from."""
    umap_up_to: int = 250000
    """Points up to which UMAP is computed; beyond, the map has PCA alone."""
    sources: tuple[str, ...] = SOURCES
    """Sources of known relationships among genes; none: no relationship is shown."""
    pictures: int = 4000
    """Wells with a picture at most, so that the page stays small; those of each perturbation in turn."""
    pictures_each: int = 4
    """Wells with a picture per perturbation and dose."""
    pictures_of_controls: int = 4
    """Wells with a picture per plate among its negative controls."""
    picture_size: int = 128
    """Side of a picture, pixels."""
    picture_window: int | None = None
    """Side of the central square of a field that is shown, pixels; None: half the field, or twice the picture."""
    seed: int = 0
    """Of UMAP and of permutations."""

    def __post_init__(self) -> None:
        """Raise InputError for values that make no atlas."""
        if self.p_values not in P_VALUES:
            raise InputError(f"atlas.p_values: {self.p_values!r} is not known; known: {', '.join(P_VALUES)}")
        if self.k < 1:
            raise InputError(f"atlas.k: {self.k}; give 1 or more")
        for name in ("pictures", "pictures_each", "pictures_of_controls"):
            if getattr(self, name) < 0:
                raise InputError(f"atlas.{name}: {getattr(self, name)}; give 0 or more")
