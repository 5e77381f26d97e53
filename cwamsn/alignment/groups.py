"""Wells that are normalised together, and which of them are fitted on, in an order that rows do not decide."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from cwamsn.alignment_names import GROUPS, Step
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.wells import is_negative, order_of_ids

FEWEST = 5  # with fewer wells a median and its deviation are chance; MorphoHELM's limit


class Group(NamedTuple):
    """Wells of one plate, experiment or screen, as positions in the wells table, sorted by well_id."""

    name: str
    rows: np.ndarray
    fitted: np.ndarray
    """Those of `rows` that are fitted on."""


def groups_of(wells: pd.DataFrame, step: Step, fit: np.ndarray | None, say: bool) -> Iterator[Group]:
    """The groups of a step.

    Parameters
    ----------
    fit : (N,) bool, the controls; default: negative ones. Only where the step is fitted on controls

    Raises
    ------
    InputError
        A group has fewer than 5 wells to fit on, unless the step keeps such groups as they are, with a note.
    """
    order = order_of_ids(wells)
    column = GROUPS[step.group]
    if step.on == "all":
        fits = np.ones(len(wells), dtype=bool)
    else:
        fits = is_negative(wells) if fit is None else np.asarray(fit, dtype=bool)
    if column is None:
        names = np.full(len(wells), "screen", dtype=object)
    else:
        names = wells[column].astype(str).to_numpy(dtype=object)
        if column == "plate":  # barcodes are unique within an experiment alone
            names = wells["experiment"].astype(str).to_numpy(dtype=object) + "/" + names
    few = []
    for name, rows in pd.Series(order).groupby(names[order], sort=True):
        group = Group(str(name), rows.to_numpy(), rows.to_numpy()[fits[rows.to_numpy()]])
        if len(group.fitted) >= FEWEST:
            yield group
        elif step.keep:
            few.append(group.name)
        else:
            kind = "wells" if step.on == "all" else "negative controls"
            raise InputError(
                f"alignment {step.name}: {step.group} {group.name} has {len(group.fitted)} {kind}, {FEWEST} are "
                "needed; fit on all wells (+all), on larger groups (+experiment, +screen), or keep it as it is (+keep)"
            )
    if few and say:
        note(f"{step.name}: {len(few)} {step.group}s have fewer than {FEWEST} wells to fit on and stay as they are")
