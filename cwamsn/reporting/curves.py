"""Training curves of a run."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cwamsn.encoder_files import read_description
from cwamsn.palette import REFERENCE, style
from cwamsn.paths import ModelPaths
from cwamsn.reporting.drawing import STYLE, plt, png

CURVES = {"loss": "Loss", "prototypes_used": "Prototypes used (effective number)"}


class Training(NamedTuple):
    """PNG of the training curves, and the values at the last step."""

    curves: bytes
    last: pd.DataFrame


def training_of(logs: Mapping[str, Sequence[str | Path]]) -> Training | None:
    """Loss and prototype use over the steps, one colour per method, one line per seed; None where nothing is logged.

    A line shows the loss of a guess among the prototypes, where a training begins that uses them.

    Parameters
    ----------
    logs : the `log.csv` files of a method's seeds, by its title.
    """
    read = {title: [pd.read_csv(path) for path in paths] for title, paths in logs.items()}
    frames = {title: kept for title, found in read.items() if (kept := [f for f in found if len(f)])}
    if not frames:
        return None
    columns = [c for c in CURVES if any(c in f for found in frames.values() for f in found)]
    with plt.rc_context(STYLE):
        size = (4.8 * len(columns), 3.6)
        figure, axes = plt.subplots(1, len(columns), figsize=size, layout="constrained", squeeze=False)
        for axis, column in zip(axes[0], columns, strict=True):
            for i, (title, found) in enumerate(frames.items()):
                for seed, frame in enumerate(f for f in found if column in f):
                    look = style(i) | {"linewidth": 1.2, "markersize": 3, "markevery": 0.1}
                    axis.plot(frame["step"], frame[column], label=None if seed else title, **look)
            axis.set(xlabel="Optimiser step", ylabel=CURVES[column])
        for count in prototypes_of(logs):
            axes[0][0].axhline(math.log(count), linestyle="--", linewidth=1, color=REFERENCE, zorder=0)
            text, place = f"ln {count:,}: a guess among {count:,} prototypes", axes[0][0].get_yaxis_transform()
            axes[0][0].text(0.99, math.log(count), text, transform=place, ha="right", va="bottom", fontsize=7)
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    last = pd.DataFrame(
        [
            {"Method": title, "Steps": int(f["step"].iloc[-1])}
            | {CURVES[c]: float(f[c].iloc[-1]) for c in columns if c in f}
            for title, found in frames.items()
            for f in found
        ]
    )
    return Training(png(figure), last)


def prototypes_of(logs: Mapping[str, Sequence[str | Path]]) -> list[int]:
    """Numbers of prototypes of the trainings whose log says that they use them."""
    found = set()
    for path in (Path(path) for paths in logs.values() for path in paths):
        description = ModelPaths(path.parent).description
        if description.exists() and "prototypes_used" in path.read_text().partition("\n")[0]:
            found.add(int(read_description(description)["recipe"]["prototypes"]))
    return sorted(found)
