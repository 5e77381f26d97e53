"""Quality of a screen's images: fields kept and skipped, lost plates, what is suspicious, example crops."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.crops import CropStore
from cwamsn.crops.plates import commonest, kind_of, plate_of
from cwamsn.paths import ScreenPaths
from cwamsn.reporting.drawing import STYLE, plt, png

CAPTION = "#7f7f7f"  # readable on a light and on a dark page
LABEL = 18  # characters of a perturbation beside its crops
LISTED = 200  # skipped fields that a report lists


@dataclass(frozen=True)
class Quality:
    """What a report says about a screen's images; the frames' columns are titles."""

    fields: int
    kept: int
    plates: int
    suspicious: str
    """How many fields have a warning; "" if none has."""
    warned: pd.DataFrame
    lost: pd.DataFrame
    reasons: pd.DataFrame
    examples_of_skipped: pd.DataFrame
    crops: bytes | None
    """PNG of example crops."""

    @property
    def skipped(self) -> int:
        """Fields that were not kept."""
        return self.fields - self.kept


def quality_of(folder: Path, examples: int) -> Quality:
    """Quality of the images in a screen's data folder, with a picture of `examples` crops."""
    qc = tables.read("qc", ScreenPaths(folder).qc)
    qc = qc.assign(plate=plate_of(qc))
    kept = qc["status"] == "kept"
    store = CropStore(ScreenPaths(folder).crops, folder)
    return Quality(
        fields=len(qc),
        kept=int(kept.sum()),
        plates=qc["plate"].nunique(),
        suspicious=suspicious(qc),
        warned=warned(qc),
        lost=_lost(qc),
        reasons=reasons(qc.loc[~kept, "reason"]),
        examples_of_skipped=qc.loc[~kept, ["field_id", "plate", "reason"]].head(LISTED),
        crops=_examples(store, examples) if examples and len(store) else None,
    )


def suspicious(qc: pd.DataFrame) -> str:
    """How many fields have a warning, in words; "" if none has."""
    count = int(qc["warning"].notna().sum()) if "warning" in qc else 0
    return f"{count:,} of {len(qc):,} fields of view look suspicious" if count else ""


def reasons(texts: pd.Series) -> pd.DataFrame:
    """How many fields were skipped for each reason; of reasons that differ only in numbers or paths, one in full."""
    texts = texts.fillna("no reason given")
    kinds = texts.groupby(texts.map(kind_of)).agg(["first", "size"]).sort_values("size", ascending=False, kind="stable")
    return kinds.set_axis(["Why skipped", "Fields"], axis=1)


def _lost(qc: pd.DataFrame) -> pd.DataFrame:
    """Plates of which no field was kept, with the commonest reason."""
    skipped = qc[~(qc["status"] == "kept").groupby(qc["plate"]).transform("any")]
    lines = [(plate, len(part), commonest(part["reason"])) for plate, part in skipped.groupby("plate")]
    return pd.DataFrame(lines, columns=["Plate", "Fields", "Commonest reason"])


def warned(qc: pd.DataFrame) -> pd.DataFrame:
    """How many fields of each plate have each kind of warning, with one of them in full."""
    if "warning" not in qc or qc["warning"].isna().all():
        return pd.DataFrame()
    texts = qc["warning"].dropna().str.split("; ").explode()
    keys = [qc["plate"].loc[texts.index].to_numpy(), texts.str.partition(":")[0].to_numpy()]
    counts = texts.groupby(keys).agg(["size", "first"]).reset_index()
    return counts.set_axis(["Plate", "Warning", "Fields", "For example"], axis=1)


def _examples(store: CropStore, count: int) -> bytes:
    chosen = np.unique(np.linspace(0, len(store) - 1, min(count, len(store))).round().astype(int))
    channels = store.channels
    with plt.rc_context(STYLE):
        shape = store.load(0).shape
        size = (1.6 * len(channels), (1.6 * shape[1] / shape[2] + 0.08) * len(chosen) + 0.3)
        figure, axes = plt.subplots(len(chosen), len(channels), figsize=size, layout="constrained", squeeze=False)
        figure.set_facecolor("none")
        for axis, channel in zip(axes[0], channels, strict=True):
            axis.set_title(channel, fontsize=8, color=CAPTION)
        for line, index in zip(axes, chosen, strict=True):
            crop, about = store.load(int(index)), store.frame.iloc[index]
            for axis, plane in zip(line, crop, strict=True):
                step = max(1, max(plane.shape) // 180)
                axis.imshow(plane[::step, ::step], cmap="gray", vmin=0, vmax=255)
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            label = "no treatment" if pd.isna(about["perturbation"]) else str(about["perturbation"])
            label = label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"
            line[0].set_ylabel(f"{about['well_id']}\n{label}", fontsize=6, color=CAPTION)
    return png(figure)
