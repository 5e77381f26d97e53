"""What a benchmark gives for labels that mean nothing: the control beside every score, in columns of its own.

Which labels are shuffled among which wells decides what the control keeps. Within a plate, every treatment keeps its
number of wells per plate, and so what plates and batches alone would score; within a position, what the well position
alone would.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cwamsn.benchmarks.scores import Result
from cwamsn.errors import InputError
from cwamsn.notes import collected, note
from cwamsn.options import Options
from cwamsn.wells import in_order_of_ids, is_treated

WITHIN: dict[str, tuple[str, ...]] = {
    "screen": (),
    "experiment": ("experiment",),
    "plate": ("experiment", "plate"),
    "position": ("row", "column"),
}
# Columns of the wells table that say where a well is, what kind it is, or what was measured in it.
STAYS = {"well_id", "screen", "experiment", "plate", "address", "row", "column", "barcode", "plate_map", "source"}
STAYS |= {"control", "perturbation_type", "cell_count", "table_row"}
_VALUES = ("value", "n", "ci_low", "ci_high")


@dataclass(frozen=True, kw_only=True)
class ShuffleOptions(Options):
    """The section `shuffled_labels` of the configuration."""

    draws: int = 0
    """Shuffles that every benchmark is scored with once more; 0: none."""
    within: str = "plate"
    """Wells among which treatments are shuffled, see :data:`WITHIN`."""
    seed: int = 0
    """Draw k is drawn from this seed and k."""


Shuffle = Callable[[pd.DataFrame, str, np.random.Generator], pd.DataFrame]


def shuffled_wells(wells: pd.DataFrame, within: str, rng: np.random.Generator) -> pd.DataFrame:
    """The wells with what was put into the treated ones permuted, row for row; controls and places stay.

    Treatments are permuted among wells of one perturbation type and of one plate (`within`: a key of :data:`WITHIN`).
    Raises InputError for another one.
    """
    if within not in WITHIN:
        raise InputError(f"shuffled_labels.within: {within!r} is not known; known: {', '.join(WITHIN)}")
    order, _ = in_order_of_ids(np.arange(len(wells)), wells)
    treated = order[is_treated(wells)[order]]
    groups = wells.iloc[treated].groupby(["perturbation_type", *WITHIN[within]], sort=True, dropna=False).ngroup()
    codes = groups.to_numpy()
    given = np.lexsort((rng.random(len(treated)), codes))  # by group, within it at random
    taken = np.argsort(codes, kind="stable")
    source = np.arange(len(wells))
    source[treated[taken]] = treated[given]
    labels = [column for column in wells.columns if column not in STAYS]
    moved = wells[labels].iloc[source].set_axis(wells.index)
    return wells.assign(**{column: moved[column] for column in labels})


def shuffled_names(perturbation_map: pd.DataFrame, within: str, rng: np.random.Generator) -> pd.DataFrame:
    """The map with the names of its knockouts permuted; `within` has no meaning here, since a map has no wells."""
    knockouts = np.flatnonzero((perturbation_map["perturbation_type"] == "CRISPR").to_numpy())
    names = perturbation_map["perturbation"].to_numpy(dtype=object, copy=True)
    by_name = knockouts[np.argsort(names[knockouts].astype(str), kind="stable")]  # whatever the order of the rows
    names[by_name] = names[rng.permutation(by_name)]
    return perturbation_map.assign(perturbation=names)


def shuffled_ids(truth: pd.DataFrame, within: str, rng: np.random.Generator) -> pd.DataFrame:
    """A table with one row per well, given to other wells of the screen; `within` has no meaning here."""
    ids = np.sort(truth["well_id"].to_numpy(str))
    ordered = truth.iloc[np.argsort(truth["well_id"].to_numpy(str), kind="stable")]
    return ordered.assign(well_id=rng.permutation(ids)).reset_index(drop=True)


def beside(
    options: ShuffleOptions,
    labelled: pd.DataFrame,
    call: Callable[[pd.DataFrame], Result],
    again: Callable[[pd.DataFrame], Result] | None = None,
    *,
    by: Shuffle = shuffled_wells,
) -> Result:
    """What `call` finds with the labels as they are and, beside each score, what it finds with shuffled ones.

    Parameters
    ----------
    labelled : wells, a map or a truth table: what holds the labels
    call : the benchmark, of such a table
    again : the same for shuffled labels, without what does not depend on them; default: `call`
    by : how the labels are shuffled

    Returns
    -------
    The result of `call`. With draws, each of its rows that has a counterpart has the mean of the shuffled values in
    `shuffled`, the smallest and largest in `shuffled_low` and `shuffled_high`, and their number in `shuffled_draws`:
    never in `value`, so that nobody reads them as scores.
    """
    result = call(labelled)
    draws = [_draw(options, k, labelled, again or call, by) for k in range(options.draws)]
    found = pd.concat([draw for draw in draws if len(draw)] or [pd.DataFrame({"value": []})])
    return replace(result, parts=tuple(_with_columns(part, found) for part in result.parts)) if len(found) else result


def _draw(
    options: ShuffleOptions, k: int, labelled: pd.DataFrame, call: Callable[[pd.DataFrame], Result], by: Shuffle
) -> pd.DataFrame:
    shuffled = by(labelled, options.within, np.random.default_rng((options.seed, k)))
    try:
        with collected(alone=True):  # what they say of the labels is not true of the screen
            parts = call(shuffled).parts
    except InputError as error:
        note(f"shuffled labels: draw {k} gives no score ({error})")
        return pd.DataFrame()
    return pd.concat([part.astype({"value": float}) for part in parts if len(part)] or [pd.DataFrame()])


def _with_columns(part: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    keys = [column for column in found.columns if column not in _VALUES]
    own, others = _keys(part.reindex(columns=keys), keys), _keys(found, keys)
    values = pd.Series(found["value"].to_numpy(float), index=others).dropna().groupby(level=0)
    columns: Sequence[tuple[str, pd.Series]] = (
        ("shuffled", values.mean()),
        ("shuffled_low", values.min()),
        ("shuffled_high", values.max()),
        ("shuffled_draws", values.size()),
    )
    return part.assign(**{name: numbers.reindex(own).to_numpy() for name, numbers in columns})


def _keys(table: pd.DataFrame, names: Sequence[str]) -> pd.Index:
    """One text per row, equal for rows that stand for the same number."""
    texts = [table[name].map(lambda value: "" if pd.isna(value) else str(value)).to_numpy(object) for name in names]
    return pd.Index(["\x1f".join(row) for row in zip(*texts)], dtype=object)
