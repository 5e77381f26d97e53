"""How figures are drawn and written, so that equal numbers give equal bytes."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from cwamsn.files import atomic_path

STYLE: dict[Any, Any] = {  # matplotlib types the keys as a literal of every parameter there is
    "svg.hashsalt": "cwamsn",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 150,
}


def save(figure: plt.Figure, paths: Iterable[str | Path]) -> None:
    """Write a figure to each path (PNG, SVG), without date and program version, and close it."""
    for path in map(Path, paths):
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        with atomic_path(path) as temporary, plt.rc_context(STYLE):
            figure.savefig(temporary, metadata=metadata)
    plt.close(figure)


def png(figure: plt.Figure) -> bytes:
    """A figure as PNG, without program version; the figure is closed."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
