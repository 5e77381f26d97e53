"""Wells with enough cells: a least count per well, as a number or as a quantile of the screen's own counts."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.options import Options

STRATA = ("source", "experiment", "plate")


@dataclass(frozen=True, kw_only=True)
class MinimumCellsOptions(Options):
    """Section `minimum_cells`; off unless `number` or `quantile` is set."""

    number: float | None = None
    """Cells per well."""
    quantile: float | None = None
    """Of the counts of a sample of the screen's wells, 0-1; MorphoHELM takes .05."""
    sample: int = 5000
    """Wells in that sample, drawn in proportion to the wells of each source, experiment and plate."""
    seed: int = 42

    @property
    def off(self) -> bool:
        return self.number is None and self.quantile is None


class Enough(NamedTuple):
    """Which wells have enough cells, and what was enough."""

    kept: np.ndarray
    """(N,) bool."""
    threshold: float
    """Cells per well; a well with exactly so many is kept."""
    sampled: int
    """Wells that the quantile was taken of; 0 where the threshold is a given number."""


def enough_cells(wells: pd.DataFrame, options: MinimumCellsOptions) -> Enough:
    """Wells that have at least the threshold's number of cells, treated and control wells alike.

    One threshold holds for all plates, sources and methods of a screen. It is a function of the wells table alone, so
    that every method keeps the same wells.

    Parameters
    ----------
    wells : wells table, N rows; a quantile's sample depends on their order, as in the published code
    options : section `minimum_cells`

    Returns
    -------
    All wells and threshold 0 if the options set none.

    Raises
    ------
    InputError
        Number and quantile are both given, the wells have no counts, or one of them has none.

    Notes
    -----
    Protocol: MorphoHELM (arXiv 2605.15383) as its code computes it. Counts are of whole wells, not per field.
    """
    if options.off:
        return Enough(np.ones(len(wells), dtype=bool), 0.0, 0)
    if options.number is not None and options.quantile is not None:
        raise InputError("minimum_cells: number and quantile are both given; take one of them")
    counts = counts_of(wells, "minimum_cells")
    if options.number is not None:
        return Enough(counts >= options.number, float(options.number), 0)
    if options.quantile is None or not 0 <= options.quantile <= 1:
        raise InputError(f"minimum_cells.quantile: {options.quantile} is not between 0 and 1; MorphoHELM takes 0.05")
    if not len(wells):
        raise InputError("minimum_cells: the screen has no wells to take a quantile of")
    rows = stratified_sample(wells, options.sample, options.seed)
    threshold = float(np.quantile(counts[rows], options.quantile))
    return Enough(counts >= threshold, threshold, len(rows))


def with_enough_cells(
    features: np.ndarray, wells: pd.DataFrame, all_wells: pd.DataFrame, options: MinimumCellsOptions
) -> tuple[np.ndarray, pd.DataFrame]:
    """Aligned wells without those that have too few cells.

    Parameters
    ----------
    features : (N, D), one row per well
    wells : their N wells, row for row
    all_wells : every well of the screen, which the threshold is taken of
    options : section `minimum_cells`

    Raises
    ------
    InputError
        As :func:`enough_cells` does, and when no well is left.
    """
    if options.off:
        return features, wells
    counts = counts_of(wells, "minimum_cells")
    enough = _of_screen(all_wells, options)
    kept = counts >= enough.threshold
    if not kept.any():
        raise InputError(
            f"minimum_cells: no well has {enough.threshold:g} cells, the most are {counts.max():g}; lower the minimum"
        )
    note(f"{int((~kept).sum()):,} of {len(wells):,} wells have fewer than {enough.threshold:g} cells and are left out")
    return features[kept], wells[kept].reset_index(drop=True)


def minimum_scores(all_wells: pd.DataFrame, options: MinimumCellsOptions) -> pd.DataFrame:
    """What the least number of cells left out of a screen, as rows of scores: `metric, value, n`.

    `minimum_cells` is the threshold, n the wells that it was taken of; `wells_below_minimum_cells` counts wells of the
    screen, n being all that have a count. No row if the options set no minimum.
    """
    if options.off:
        return pd.DataFrame(columns=["metric", "value", "n"])
    enough = _of_screen(all_wells, options)
    rows = [
        ("minimum_cells", enough.threshold, enough.sampled or len(enough.kept)),
        ("wells_below_minimum_cells", float((~enough.kept).sum()), len(enough.kept)),
    ]
    return pd.DataFrame(rows, columns=["metric", "value", "n"])


def _of_screen(wells: pd.DataFrame, options: MinimumCellsOptions) -> Enough:
    """:func:`enough_cells` of the wells that have a count: one without a usable image has none, and no embedding."""
    if "cell_count" in wells and wells["cell_count"].notna().any():
        wells = wells[wells["cell_count"].notna()]
    return enough_cells(wells, options)


def counts_of(wells: pd.DataFrame, what: str) -> np.ndarray:
    """(N,) float64 cells per well. `what` needs them: the beginning of the InputError where a well has no count."""
    if "cell_count" not in wells or wells["cell_count"].isna().all():
        raise InputError(
            f"{what}: the wells have no cell_count; count them (crops.cells.count: true), give counts of your own "
            "(column cell_count of the screen's table), or leave it out"
        )
    counts = wells["cell_count"].to_numpy(dtype=float)
    lacking = np.isnan(counts)
    if lacking.any():
        name = wells["well_id"].to_numpy()[int(lacking.argmax())]
        raise InputError(
            f"{what}: {int(lacking.sum()):,} of {len(wells):,} wells have no cell_count (first: {name}); "
            "complete the counts, or leave it out"
        )
    return counts


def stratified_sample(wells: pd.DataFrame, size: int, seed: int) -> np.ndarray:
    """Positions of at most `size` wells, drawn in proportion to the wells of each source, experiment and plate.

    Parameters
    ----------
    wells : wells table; columns of :data:`STRATA` that it lacks are not used
    size : wells wanted; all wells, in order, if there are no more
    seed : stratum i, in the order of the sorted keys, is drawn with seed + i by :meth:`pandas.DataFrame.sample`

    Returns
    -------
    (n,) int64. The quota of a stratum is its share rounded down; what is left goes to the largest remainders, ties in
    the order of the keys.
    """
    if len(wells) <= size:
        return np.arange(len(wells))
    columns = [name for name in STRATA if name in wells]
    rows = pd.Series(np.arange(len(wells)))
    keys = [wells[name].astype(str).to_numpy(dtype=object) for name in columns]
    strata = [part for _, part in rows.groupby(keys, sort=True)] if keys else [rows]
    ideal = np.array([size * len(part) for part in strata])
    quota, remainder = np.divmod(ideal, len(wells))
    quota[np.argsort(-remainder, kind="stable")[: size - quota.sum()]] += 1
    drawn = [part.sample(n, random_state=seed + i) for i, (part, n) in enumerate(zip(strata, quota.tolist()))]
    return pd.concat(drawn).to_numpy()
