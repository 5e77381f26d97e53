"""Figures 1 and 3 of the paper, drawn so that equal scores give equal bytes."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from cwamsn.files import atomic_path
from cwamsn.reporting import quoted
from cwamsn.reporting.paper_tables import Setting, wants
from cwamsn.reporting.scores import SOURCES, compound_gene, recalls
from cwamsn.tables import InputError

STYLE = {
    "svg.hashsalt": "cwamsn",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 150,
}
# Okabe and Ito's palette, readable with every common colour-vision deficiency.
PALETTE = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]


def save(figure: plt.Figure, paths: list[str | Path]) -> None:
    """Write a figure to each path (PNG, SVG), without date and program version, and close it."""
    for path in map(Path, paths):
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        with atomic_path(path) as temporary, plt.rc_context(STYLE):
            figure.savefig(temporary, metadata=metadata)
    plt.close(figure)


def doses(values) -> list[str]:
    """Concentrations in increasing order, `max` last."""
    return sorted(set(values), key=lambda c: float("inf") if c == "max" else float(c))


def figure3(entries, scores: pd.DataFrame, setting: Setting) -> plt.Figure:
    """Compound-gene AUC and average precision over the concentration, mean over draws and seeds, band of ± std.

    The concentrations are spaced evenly in increasing order; `max` (the largest score over doses) stands last, apart.
    """
    found = compound_gene(scores, setting.choice)
    entries = [e for e in wants(entries, 2) if e.name in set(found["model"])]
    if not entries:
        raise InputError("figure3: no row has compound_gene scores; add compound_gene to benchmarks")
    order = doses(found["concentration"])
    position = {c: i + 0.6 * (c == "max") for i, c in enumerate(order)}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.9), layout="constrained")
        for axis, metric, title in zip(axes, ("auc", "ap"), ("AUC-ROC", "Average precision"), strict=True):
            part = found[found["metric"] == metric]
            for i, entry in enumerate(entries):
                own = part[part["model"] == entry.name].groupby("concentration")[["mean", "std"]].mean()
                own = own.loc[[c for c in order if c in own.index]]
                x = np.array([position[c] for c in own.index])
                mean, std = own["mean"].to_numpy(), own["std"].fillna(0).to_numpy()
                color, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
                axis.plot(x, mean, color=color, marker=marker, markersize=4, linewidth=1.3, label=entry.title)
                axis.fill_between(x, mean - std, mean + std, color=color, alpha=0.13, linewidth=0)
            chance = part.groupby("concentration")["baseline_mean"].mean().reindex(order)
            axis.plot([position[c] for c in order], chance, "--", color="#666666", linewidth=1, label="Random scores")
            axis.set_xticks([position[c] for c in order], order, rotation=45)
            axis.set_xlabel("Concentration (µM)")
            axis.set_ylabel(title)
        handles, labels = axes[0].get_legend_handles_labels()
        columns = min(4, len(labels))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
        figure.suptitle(_title("Compound-gene relationships over concentration", setting), fontsize=10)
    return figure


def _title(text: str, setting: Setting) -> str:
    return f"{text} (simulated screens)" if setting.simulated else text


def efficiency(entries, scores: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Numbers behind figure 1, one line a row: `title, status, recall, images, parameters` and the three ratios.

    `recall` is the mean over CORUM, hu.MAP, Reactome and StringDB; `excess` is recall minus chance. Ratios are per
    million images, per billion parameters and per product of the two; `<ratio>_excess` is the same of `excess`. Printed
    rows that were not measured here follow, status `quoted`.
    """
    sources = [s for s in SOURCES if s != "SIGNOR"]
    found = recalls(scores, setting.choice)
    found = found[found["source"].isin(sources)]
    rows, taken = [], set()
    for entry in wants(entries, 1):
        own = found[found["model"] == entry.name]
        taken.add(entry.paper_row)
        if len(own):
            rows.append(
                (entry.title, "measured", own.groupby("seed")["value"].mean().mean(), entry.images, entry.parameters)
            )
    if setting.quoted_rows:
        for name in quoted.rows(1):
            if name not in taken:
                recall = np.mean([quoted.number(quoted.printed(1, name, "recall", s)) for s in sources])
                images, parameters = (quoted.number(quoted.printed(1, name, m)) for m in ("images", "parameters"))
                rows.append((name, "quoted", recall, images, parameters))
    frame = pd.DataFrame(rows, columns=["title", "status", "recall", "images", "parameters"])
    frame[["images", "parameters"]] = frame[["images", "parameters"]].astype(float)
    chance = setting.choice.threshold_low + 1 - setting.choice.threshold_high
    frame["excess"] = frame["recall"] - chance
    millions, billions = frame["images"] / 1e6, frame["parameters"] / 1e9
    for name, scale in (("per_images", millions), ("per_parameters", billions), ("per_product", millions * billions)):
        frame[name] = frame["recall"] / scale
        frame[f"{name}_excess"] = frame["excess"] / scale
    return frame


PANELS = [
    ("recall", "Recall"),
    ("per_images", "Recall per million images"),
    ("per_parameters", "Recall per billion parameters"),
    ("per_product", "Recall per million images\nand billion parameters"),
]


def figure1(entries, scores: pd.DataFrame, setting: Setting) -> plt.Figure:
    """Recall, and recall per training image, per parameter and per product; below, the same with chance taken off.

    Bars of measured rows are full, bars of quoted rows hatched. Rows without a number of images or parameters stand in
    the panels that need none.
    """
    frame = efficiency(entries, scores, setting)
    if frame.empty:
        raise InputError("figure1: no row has gene_gene scores; add gene_gene to benchmarks")
    with plt.rc_context(STYLE):
        height = 1.3 + 0.19 * len(frame)
        figure, axes = plt.subplots(2, 4, figsize=(13, 2 * height), layout="constrained")
        for line, suffix in enumerate(("", "_excess")):
            for axis, (key, label) in zip(axes[line], PANELS, strict=True):
                column = key + suffix if key != "recall" else ("excess" if suffix else "recall")
                _bars(axis, frame, column, label.replace("Recall", "Recall − chance") if suffix else label)
        letters = iter("abcdefgh")
        for axis in axes.flat:
            axis.set_title(f"({next(letters)})", loc="left", fontsize=9)
        title = "Gene-gene recall (mean over CORUM, hu.MAP, Reactome, StringDB) against data and model size"
        figure.suptitle(
            _title(title, setting) + "\nfull bars measured here, hatched bars quoted from the paper", fontsize=10
        )
    return figure


def _bars(axis, frame: pd.DataFrame, column: str, label: str) -> None:
    part = frame[np.isfinite(frame[column])].sort_values([column, "title"])
    colors = [PALETTE[0] if t.startswith("CWA-MSN") else "#7A8CA3" for t in part["title"]]
    bars = axis.barh(range(len(part)), part[column], color=colors, edgecolor="white", linewidth=0.5)
    for bar, status in zip(bars, part["status"], strict=True):
        if status == "quoted":
            bar.set(hatch="////", alpha=0.55)
    axis.set_yticks(range(len(part)), part["title"], fontsize=7.5)
    axis.set_xlabel(label)
    if part.empty:
        axis.text(0.5, 0.5, "no row with the numbers", transform=axis.transAxes, ha="center", fontsize=8)


FIGURES = {"figure1": figure1, "figure3": figure3}
