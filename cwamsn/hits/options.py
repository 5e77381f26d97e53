"""Options of neighbours and hit lists."""

from dataclasses import dataclass

from cwamsn.options import Options

STRATA = ("plate", "batch")


@dataclass(frozen=True, kw_only=True)
class NeighbourOptions(Options):
    """Section `neighbours` of the configuration."""

    k: int = 10
    """Neighbours listed per perturbation and dose."""
    within: str = "plate"
    """`plate` or `batch`: what labels are permuted within."""
    null_size: int = 1000
    """Permutations for every candidate."""
    refined_null_size: int = 100000
    """Permutations for the candidates with p of at most .01."""
    seed: int = 0
    """Of the permutations."""


@dataclass(frozen=True, kw_only=True)
class ActivityOptions(Options):
    """Section `hits` of the configuration."""

    within: str = "plate"
    """`plate` or `batch`: a well's negatives are the controls of it, and labels are permuted within it."""
    p_values: str = "permutation"
    """`permutation` of labels between a perturbation's wells and controls; `copairs`: random ranks, as that package."""
    held_out: float = 0.5
    """Share of the controls that the alignment is not fitted on, which are then the negatives; 0: all are both."""
    min_wells: int = 2
    """Fewest wells with which a perturbation is tested."""
    max_wells: int = 32
    """Wells per perturbation and dose, chosen at random beyond it."""
    max_controls: int = 100
    """Controls per plate or batch, chosen at random beyond it."""
    null_size: int = 10000
    """Permutations per perturbation and dose."""
    level: float = 0.05
    """False discovery rate of the hit list."""
    seed: int = 0
    """Of permutations, halves and choices."""
