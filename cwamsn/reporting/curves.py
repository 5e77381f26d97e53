"""Training curves of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cwamsn.palette import style
from cwamsn.reporting.drawing import STYLE, plt, png

CURVES = {"loss": "Loss", "prototypes_used": "Prototypes used (effective number)"}


class Training(NamedTuple):
    """PNG of the training curves, and the values at the last step."""

    curves: bytes
    last: pd.DataFrame


def training_of(logs: Mapping[str, Sequence[str | Path]]) -> Training | None:
    """Loss and prototype use over the steps, one colour per method, one line per seed; None where nothing is logged.

    `logs` are the `log.csv` files of a method's seeds, by its title.
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
