"""Plots of a study: every method on every pair of screens, and where alignment across wells pays."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from cwamsn.files import atomic_path
from cwamsn.palette import style
from cwamsn.studies.compare import METRICS

# matplotlib types the keys as a literal of every parameter there is
STYLE: dict[Any, Any] = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "cwamsn"}


def methods_figure(
    values: Mapping[str, pd.DataFrame], titles: Mapping[str, str], bounds: Collection[str], path: Path, level: float
) -> None:
    """One panel per point (down) and metric (across), the methods from top to bottom in each.

    Each pair of screens is a thin line across the methods; mean and interval stand in black.

    Parameters
    ----------
    values : of each metric one row per point and pair of screens (levels of the index) and one column per method
    titles : of the methods, in the order in which they are drawn
    bounds : methods whose means are printed above the panel: on its axis they would flatten all others
    level : coverage of the intervals
    """
    points = list(dict.fromkeys(point for table in values.values() for point in table.index.get_level_values("point")))
    with mpl.rc_context(STYLE):
        shown = [m for m in titles if m not in bounds and any(m in table.columns for table in values.values())]
        size = (1.6 + 2.25 * len(values), len(points) * (0.8 + 0.2 * max(len(shown), 4)))
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(points), len(values), squeeze=False, sharey=True)
        for point, row in zip(points, panels):
            row[0].set_ylabel(point)
            for axes, (name, table) in zip(row, values.items()):
                of_point = table[table.index.get_level_values("point") == point]
                _methods_panel(axes, METRICS[name].title, of_point, titles, shown, bounds, level)
        panels[0][0].set_yticks(range(len(shown)), [titles[method] for method in shown])
        panels[0][0].invert_yaxis()  # all panels share the axis
        _save(figure, path)


def _methods_panel(
    axes: Axes,
    title: str,
    table: pd.DataFrame,
    titles: Mapping[str, str],
    shown: Sequence[str],
    bounds: Collection[str],
    level: float,
) -> None:
    there = table.columns[table.notna().any()]
    limits = [f"{titles[m]} {table[m].mean():.2f}" for m in titles if m in bounds and m in there]
    table, at = table.reindex(columns=list(shown)), np.arange(len(shown))
    axes.plot(table.to_numpy().T, at, color="0.75", linewidth=0.7, zorder=1)
    reach = stats.t.ppf((1 + level) / 2, len(table) - 1) if len(table) > 1 else np.nan
    error = reach * table.std(ddof=1) / np.sqrt(len(table))
    axes.errorbar(table.mean(), at, xerr=error, fmt="o", color="k", markersize=4, capsize=3, zorder=2)
    axes.set_title("\n".join([title, *limits]), fontsize=8)


def map_figure(points: pd.DataFrame, metrics: Sequence[str], labels: tuple[str, str], path: Path) -> None:
    """Gain of one method over another in each of `metrics`.

    Points are ordered by the share of the nuisance that their layout lets alignment remove.

    points: point, layout, removable, learned, and of each metric `<metric>`, `<metric>_low`, `<metric>_high` (NaN: no
    interval). Points at which the first method has not learned its task (False; None: not known) are drawn hollow.
    """
    ordered = points.sort_values(["removable", "point"], ignore_index=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * len(metrics) + 1.6, 1.2 + 0.27 * len(ordered)), layout="constrained")
        panels = figure.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
        for axes, name in zip(panels, metrics):
            for number, (layout, part) in enumerate(ordered.groupby("layout")):
                bounds = part[[f"{name}_low", f"{name}_high"]].to_numpy().T
                error = np.abs(bounds - part[name].to_numpy())
                colour = style(number)["color"]
                axes.errorbar(part[name], part.index, xerr=error, fmt="none", color=colour, capsize=2)
                fills = [colour if learned is not False else "white" for learned in part["learned"]]
                axes.scatter(part[name], part.index, color=fills, edgecolor=colour, s=20, zorder=3)
                axes.plot([], [], "o", color=colour, label=layout)
            axes.axvline(0, color="0.5", linewidth=0.8)
            axes.set_xlabel(f"{METRICS[name].title}\n{labels[0]} less {labels[1]}")
        panels[0].set_yticks(
            ordered.index, [f"{p}  {share:.2f}" for p, share in ordered[["point", "removable"]].values]
        )
        if (ordered["learned"] == False).any():  # noqa: E712 - None is neither
            panels[0].plot([], [], "o", color="0.3", markerfacecolor="white", label=f"{labels[0]} has not learned")
        figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside upper left", ncols=4)
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150, metadata={"Software": None})
