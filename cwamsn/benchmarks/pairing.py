"""Results of two methods side by side, for paired differences."""

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note


def in_both(
    first: pd.DataFrame, second: pd.DataFrame, keys: list[str], *, benchmark: str, of: str, same: str
) -> pd.DataFrame:
    """Rows that both tables have, the columns of the second ending in `_other`; a note says how many are lost.

    Parameters
    ----------
    keys : columns that name a row
    benchmark, of : what messages name: the benchmark, and what a row is
    same : what both methods have to share for that, as `with the same labels`

    Raises
    ------
    InputError
        No row is in both.
    """
    both = first.merge(second, on=keys, suffixes=("", "_other"), validate="one_to_one")
    if both.empty:
        raise InputError(f"{benchmark}: the two methods have no {of} in common; score both {same}")
    if lost := max(len(first), len(second)) - len(both):
        several = "queries" if of == "query" else f"{of}s"
        note(f"{benchmark}: {lost:,} {several} that one of the two methods lacks are not compared")
    return both
