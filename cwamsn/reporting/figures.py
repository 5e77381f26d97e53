"""Figures 1 and 3 of the paper, drawn so that equal scores give equal bytes."""

import textwrap
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from cwamsn.errors import InputError
from cwamsn.palette import EMPHASIS, OTHERS, REFERENCE, style
from cwamsn.products import PRODUCTS
from cwamsn.reporting import published
from cwamsn.reporting.context import TableContext, TableMethod, methods_in_table
from cwamsn.reporting.drawing import STYLE, plt
from cwamsn.reporting.scores import compound_gene, recalls
from cwamsn.vocabulary import SOURCES

LABEL = 36  # characters per line of a method's title; longer ones are wrapped


def wrapped(title: str) -> str:
    """A method's title on as many lines as it needs."""
    return textwrap.fill(title, LABEL)


def doses(values: Iterable[str]) -> list[str]:
    """Concentrations in increasing order, `max` last."""
    return sorted(set(values), key=lambda c: float("inf") if c == "max" else float(c))


def figure3(methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext) -> plt.Figure:
    """Compound-gene AUC and average precision over the concentration, mean over draws and seeds, band of ± std.

    The concentrations are spaced evenly in increasing order; `max` (the largest score over doses) comes last, apart.
    """
    found = compound_gene(scores, context.selection)
    shown = methods_in_table(methods, PRODUCTS["figure3"])
    shown = [m for m in shown if m.name in set(found["method"])]
    if not shown:
        raise InputError("figure3: no method has compound_gene scores; add compound_gene to benchmarks")
    order = doses(found["concentration"])
    position = {c: i + 0.6 * (c == "max") for i, c in enumerate(order)}
    height = 0.6 + sum(0.08 + 0.16 * (wrapped(method.title).count("\n") + 1) for method in shown)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(11.5, max(3.9, height)), layout="constrained")
        for axis, metric, title in zip(axes, ("auc", "ap"), ("AUC-ROC", "Average precision"), strict=True):
            part = found[found["metric"] == metric]
            for i, method in enumerate(shown):
                own = part[part["method"] == method.name].groupby("concentration")[["mean", "std"]].mean()
                own = own.loc[[c for c in order if c in own.index]]
                x = np.array([position[c] for c in own.index])
                mean, std = own["mean"].to_numpy(), own["std"].fillna(0).to_numpy()
                axis.plot(x, mean, **style(i), markersize=4, linewidth=1.3, label=method.title)
                axis.fill_between(x, mean - std, mean + std, color=style(i)["color"], alpha=0.13, linewidth=0)
            chance = part.groupby("concentration")["baseline_mean"].mean().reindex(order)
            axis.plot([position[c] for c in order], chance, "--", color=REFERENCE, linewidth=1, label="Random scores")
            axis.set_xticks([position[c] for c in order], order, rotation=45)
            axis.set_xlabel("Concentration (µM)")
            axis.set_ylabel(title)
        handles, labels = axes[0].get_legend_handles_labels()
        labels = [wrapped(label) for label in labels]
        figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
        figure.suptitle(context.titled("Compound-gene relationships over concentration"), fontsize=10)
    return figure


def efficiency(methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext) -> pd.DataFrame:
    """Numbers behind figure 1, one line per method: `title, status, recall, images, parameters` and the three ratios.

    `recall` is the mean over CORUM, hu.MAP, Reactome and StringDB; `excess` is recall minus chance. Ratios are per
    million images, per billion parameters and per product of the two; `<ratio>_excess` is the same of `excess`.
    `status` is `measured` or, for the published rows of table 1, `quoted`.
    """
    sources = [s for s in SOURCES if s != "SIGNOR"]
    found = recalls(scores, context.selection)
    found = found[found["source"].isin(sources)]
    rows = []
    for method in methods_in_table(methods, PRODUCTS["figure1"]):
        own = found[found["method"] == method.name]
        if len(own):
            recall = own.groupby("seed")["value"].mean().mean()
            rows.append((method.title, "measured", recall, method.images or None, method.parameters))
    for name in published.rows(1) if context.lists_published else ():
        recall = np.mean([published.number(published.value(1, name, "recall", s)) for s in sources])
        images, parameters = (published.number(published.value(1, name, m)) for m in ("images", "parameters"))
        rows.append((name, "quoted", recall, images, parameters))
    frame = pd.DataFrame(rows, columns=["title", "status", "recall", "images", "parameters"])
    frame[["images", "parameters"]] = frame[["images", "parameters"]].astype(float)
    chance = context.selection.threshold_low + 1 - context.selection.threshold_high
    frame["excess"] = frame["recall"] - chance
    millions, billions = frame["images"] / 1e6, frame["parameters"] / 1e9
    for name, scale in (("per_images", millions), ("per_parameters", billions), ("per_product", millions * billions)):
        frame[name] = frame["recall"] / scale
        frame[f"{name}_excess"] = frame["excess"] / scale
    return frame


PANELS = [
    ("recall", "excess", "Recall"),
    ("per_images", "per_images_excess", "Recall per million images"),
    ("per_parameters", "per_parameters_excess", "Recall per billion parameters"),
    ("per_product", "per_product_excess", "Recall per million images\nand billion parameters"),
]
BLOCKS = {"measured": "Measured here", "quoted": "Published: table 1 of the paper, on RxRx3-core"}
READING = "Solid: recall minus chance. Pale, with its number: recall itself, as the paper plots it."


def figure1(methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext) -> plt.Figure:
    """Recall, and recall per training image, per parameter and per product, each with its part above chance.

    Measured methods and the paper's published rows stand in a row of panels each, since their axes differ by orders of
    magnitude where a small encoder or screen is measured. A row has one order of methods, by recall. A method without a
    number of images or parameters has no bar in the panels that need it.
    """
    frame = efficiency(methods, scores, context)
    if frame.empty:
        raise InputError("figure1: no method has gene_gene scores; add gene_gene to benchmarks")
    blocks = [(title, frame[frame["status"] == status]) for status, title in BLOCKS.items()]
    blocks = [(title, part.sort_values(["recall", "title"])) for title, part in blocks if len(part)]
    lines = [sum(wrapped(title).count("\n") + 1.6 for title in part["title"]) for _, part in blocks]
    heights = [1.2 + 0.13 * count for count in lines]
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(12, sum(heights) + 0.6), layout="constrained")
        parts = figure.subfigures(len(blocks), 1, height_ratios=heights, squeeze=False)[:, 0]
        letters = iter("abcdefgh")
        for part, (title, rows) in zip(parts, blocks, strict=True):
            part.suptitle(title, fontsize=9, x=0.01, ha="left", weight="bold")
            panels = part.subplots(1, len(PANELS), sharey=True)
            panels[0].set_ylim(-0.6, len(rows) - 0.4)
            panels[0].set_yticks(range(len(rows)), [wrapped(name) for name in rows["title"]], fontsize=8)
            for axis, (raw, excess, label) in zip(panels, PANELS, strict=True):
                _bars(axis, rows, raw, excess)
                axis.set_xlabel(label, fontsize=8)
                axis.set_title(f"({next(letters)})", loc="left", fontsize=9)
        title = "Gene-gene recall (mean over CORUM, hu.MAP, Reactome, StringDB) against data and model size"
        figure.suptitle(f"{context.titled(title)}\n{READING}", fontsize=9)
    return figure


def _bars(axis: plt.Axes, frame: pd.DataFrame, raw: str, excess: str) -> None:
    """A bar per method: the part above chance solid, the whole behind it pale, its number at the end."""
    colors = [EMPHASIS if t.startswith("CWA-MSN") else OTHERS for t in frame["title"]]
    hatch = "////" if (frame["status"] == "quoted").any() else None
    known = np.isfinite(frame[raw])
    whole, above = frame[raw].fillna(0), frame[excess].fillna(0)
    bars = partial(
        axis.barh, range(len(frame)), color=colors, height=0.72, edgecolor="white", linewidth=0.5, hatch=hatch
    )
    pale = bars(whole, alpha=0.4)
    bars(above)
    texts = [_tick(float(f"{value:.3g}")) if stated else "" for value, stated in zip(whole, known, strict=True)]
    axis.bar_label(pale, texts, padding=3, fontsize=7)
    axis.margins(x=0.22)
    for y in np.flatnonzero(~known):
        axis.text(0.02, float(y), "size not stated", transform=axis.get_yaxis_transform(), va="center", fontsize=7)
    if not known.any():
        axis.set_xticks([])
    else:
        axis.xaxis.set_major_formatter(lambda value, _: _tick(value))
        axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.tick_params(labelsize=8)
    axis.axvline(0, color=REFERENCE, linewidth=0.8)


def _tick(value: float) -> str:
    """Short text of a tick: 0.05, 12, 2.4k, 60M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


FIGURES = {"figure1": figure1, "figure3": figure3}
