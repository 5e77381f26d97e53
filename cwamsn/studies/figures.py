"""Plots of a study: every row on every pair of screens, and where alignment across wells pays."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cwamsn.files import atomic_path
from cwamsn.studies.compare import METRICS, values_of

STYLE = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "cwamsn"}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def rows_figure(
    scores: pd.DataFrame, point: str, rows: Sequence[str], titles: dict[str, str], metrics: Sequence[str], path: Path
) -> None:
    """One panel a metric: each pair of screens a thin line across the rows, mean and 95 % interval in black."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * len(metrics), 3.4), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics):
            table = values_of(scores, name)
            table = table[table.index.get_level_values("point") == point]
            shown = [row for row in rows if row in table.columns and table[row].notna().any()]
            table, at = table[shown], np.arange(len(shown))
            axes.plot(at, table.to_numpy().T, color="0.75", linewidth=0.7, zorder=1)
            error = 1.96 * table.std(ddof=1) / np.sqrt(len(table)) if len(table) > 1 else table.iloc[0] * np.nan
            axes.errorbar(at, table.mean(), yerr=error, fmt="o", color="k", markersize=4, capsize=3, zorder=2)
            axes.set_xticks(at, [titles.get(row, row) for row in shown], rotation=55, ha="right")
            axes.set_title(METRICS[name].title, fontsize=8)
        _save(figure, path)


def map_figure(points: pd.DataFrame, metric: str, labels: tuple[str, str], path: Path) -> None:
    """Measured gain of one row over another against the share of the nuisance that the layout lets alignment remove.

    points: point, layout, removable, gain and, where there are several pairs of screens, ci_low and ci_high.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.2])
        ordered = points.sort_values("gain", ignore_index=True)
        for number, (layout, some) in enumerate(points.groupby("layout")):
            colour = COLOURS[number % len(COLOURS)]
            left.scatter(some["removable"], some["gain"], color=colour, label=layout, s=22)
            at = ordered.index[ordered["layout"] == layout]
            part = ordered.loc[at]
            error = np.abs(part[["ci_low", "ci_high"]].to_numpy().T - part["gain"].to_numpy())
            right.errorbar(part["gain"], at, xerr=error, fmt="o", color=colour, capsize=2, markersize=4)
        for axes, line in ((left, "axhline"), (right, "axvline")):
            getattr(axes, line)(0, color="0.5", linewidth=0.8)
        gain = f"{METRICS[metric].title}:\n{labels[0]} less {labels[1]}"
        left.set(xlabel="share of the nuisance that differs\nbetween the wells of a perturbation", ylabel=gain)
        left.legend(frameon=False)
        right.set_yticks(ordered.index, ordered["point"])
        right.set_xlabel(gain)
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150, metadata={"Software": None})
