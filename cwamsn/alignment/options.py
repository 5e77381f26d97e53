"""What the configuration says about alignment, as a type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cwamsn.options import Options
from cwamsn.vocabulary import doses_kept


@dataclass(frozen=True, kw_only=True)
class AlignOptions(Options):
    """Section `alignment`, without the further alignments of a run and the threads of a job."""

    method: str = "pca-center-scale"
    recipes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Steps of the user's own recipes, by name, see :mod:`cwamsn.alignment_names`."""
    prescale: bool = False
    n_components: int | None = None
    sphering_epsilon: float = 0.01
    coral_ridge: float = 0.5
    seed: int = 0
    pool: str = "wells"
    pool_deviation_below: int = 8
    concentrations: Sequence[float] | str | None = "auto"

    def doses(self, source: str | None = None) -> Sequence[float] | None:
        """Doses of compounds kept in the map of a screen of `source`, µM; None: all."""
        return doses_kept(self.concentrations, source)
