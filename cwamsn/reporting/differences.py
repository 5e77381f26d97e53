"""Paired differences of methods in words."""

from collections.abc import Sequence

import pandas as pd

from cwamsn.reporting.context import TableContext, TableMethod
from cwamsn.reporting.scores import compared


def difference_notes(
    scores: pd.DataFrame, methods: Sequence[TableMethod], context: TableContext, column: str, what: str
) -> list[str]:
    """What the compared methods of a table differ by in `column`, in words that do not depend on which is ahead."""
    titles, found = {m.name: m.title for m in methods}, compared(scores, context.selection)
    found = found[(found["column"] == column) & found["method"].isin(titles) & found["other"].isin(titles)]
    notes = []
    for (first, second), seeds in found.groupby(["method", "other"], sort=False):
        text = f"{titles[first]} minus {titles[second]}, {what}: {seeds['value'].mean():+.3f}"
        if len(seeds) == 1:
            text += f" (95 % interval {seeds['ci_low'].iloc[0]:+.3f} to {seeds['ci_high'].iloc[0]:+.3f})"
        else:
            text += f", mean of {len(seeds)} seeds"
        sign = int(seeds["sign"].sum())
        verdict = {len(seeds): "above", -len(seeds): "below"}.get(sign, "not told apart")
        notes.append(f"{text}: {verdict}.")
    return notes
