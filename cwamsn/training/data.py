"""The crops that a training may use, and what the sampler and the log need to know of their wells."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.crops import CropStore
from cwamsn.errors import InputError
from cwamsn.exposure import Seen, seen_in
from cwamsn.files import read_json, sha256
from cwamsn.paths import ScreenPaths
from cwamsn.training.objectives import objective_of
from cwamsn.training.recipe import PairOptions, Recipe
from cwamsn.training.subset import draw_subset
from cwamsn.wells import inchikey_block


class TrainingCrops(NamedTuple):
    """The crops that training may use."""

    frame: pd.DataFrame
    """One row per crop; `crop` is its index in the store, beside the sampler's columns, row and column of its well."""
    counts: dict[str, int]
    """What was left out and why."""


class ChannelStatistics(NamedTuple):
    """Mean and standard deviation per channel, in 0-255 units."""

    mean: list[float]
    std: list[float]
    channels: list[str]


class TrainingScreen(NamedTuple):
    """Where the images of a training come from; it goes with the weights."""

    name: str
    source: str | None
    """The screen's source, as its `source.json` names it; None: not known."""
    simulated: bool
    microns_per_pixel: float | None = None
    """Side of a pixel, µm; None: not known."""


@dataclass(frozen=True)
class TrainingData:
    """What a training reads of its screen."""

    store: CropStore
    crops: pd.DataFrame
    """Crops of the training part, as :class:`TrainingCrops` has them."""
    counts: dict[str, int]
    statistics: ChannelStatistics
    sha256: dict[str, str]
    """Digests of the files that were read, by name."""
    screen: TrainingScreen
    seen: Seen
    """Plates and perturbations of its wells."""

    @property
    def classes(self) -> int:
        """Number of perturbations."""
        return int(self.crops["perturbation"].nunique())

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images, pixels."""
        height, width = self.store.frame.loc[self.crops["crop"].iloc[0], ["height", "width"]]
        return int(height), int(width)


def read_training_data(screen: ScreenPaths, recipe: Recipe, seed: int) -> TrainingData:
    """The crops of `screen` that `recipe` may use, with statistics and digests.

    The seed decides which perturbations and wells are taken where the recipe takes some of them alone; the statistics
    are those of all. Raises InputError where a file does not fit the others, or no crop is left.
    """
    store = CropStore(screen.crops, screen.root)
    wells = tables.read("wells", screen.wells)
    crops = select_crops(store.frame, wells, recipe.pairs, screen.crops)
    if molecules := objective_of(recipe).molecules:
        crops = keep_usable(crops, molecules.usable, screen.wells)
    drawn = draw_subset(crops.frame, recipe.pairs, seed)
    crops = TrainingCrops(drawn.frame, crops.counts | drawn.counts)
    statistics = read_statistics(screen.statistics, list(store.channels))
    files = {"crops": screen.crops, "wells": screen.wells, "statistics": screen.statistics}
    digests = {name: sha256(path) for name, path in files.items()}
    seen = seen_in(wells[wells["well_id"].isin(crops.frame["well_id"])])
    return TrainingData(store, *crops, statistics, digests, training_screen(screen), seen)


def training_screen(screen: ScreenPaths) -> TrainingScreen:
    """What the files of a screen say about where it came from; only a simulated one lies beside its truth."""
    source = read_json(screen.source).get("source") if screen.source.is_file() else None
    size = read_json(screen.statistics).get("microns_per_pixel") if screen.statistics.is_file() else None
    return TrainingScreen(screen.root.name, source, screen.simulated_truth.is_file(), size)


def select_crops(index: pd.DataFrame, wells: pd.DataFrame, pairs: PairOptions, source: str | Path) -> TrainingCrops:
    """The crops of the training part, joined with their wells.

    Parameters
    ----------
    index : crops table in the store's order.
    wells : wells table. Where the screen has no split at all, everything is the training part.
    pairs : `controls` is `drop` or `keep` (each control as one perturbation): a split by compound gives controls no
        part, so `keep` takes those without one beside those of the training part. `training_key` is `compound` (doses
        pooled) or `compound_dose`.
    source : the crops table's file, for messages.
    """
    unknown = ~index["well_id"].isin(wells["well_id"])
    if unknown.any():
        raise InputError(
            f"{source}: well {index.loc[unknown, 'well_id'].iloc[0]!r} is not in the wells table; run crops again"
        )
    _refuse_leaks(wells, source)
    optional = [c for c in ("plate_map", "concentration", "smiles") if c in wells]
    known = wells[["well_id", "experiment", "row", "column", "control", *optional]]
    frame = index[["well_id", "field_id", "plate", "perturbation", "split"]].reset_index(drop=True)
    frame = frame.assign(crop=np.arange(len(frame))).merge(known, on="well_id", how="left", validate="many_to_one")
    counts = {"crops_in_store": len(frame)}

    if frame["split"].notna().any():
        keep = frame["split"] == "train"
        if pairs.controls == "keep":
            keep |= frame["split"].isna() & frame["control"].notna()
        counts["crops_outside_training_part"] = int((~keep).sum())
        frame = frame[keep]
    untreated = frame["perturbation"].isna()
    counts["crops_without_perturbation"] = int(untreated.sum())
    frame = frame[~untreated]
    if pairs.controls == "drop":
        controls = frame["control"].notna()
        counts["control_crops_dropped"] = int(controls.sum())
        frame = frame[~controls]
    else:
        counts["control_crops_kept"] = int(frame["control"].notna().sum())
    if pairs.training_key == "compound_dose":
        if "concentration" not in frame:
            raise InputError(
                "training.training_key: compound_dose needs a concentration in the wells table; take compound"
            )
        dose = frame["concentration"].map(tables.concentration_text)
        frame = frame.assign(perturbation=frame["perturbation"].str.cat(dose.fillna("none"), sep="@"))
    counts |= {
        "crops": len(frame),
        "wells": frame["well_id"].nunique(),
        "perturbations": frame["perturbation"].nunique(),
        "perturbations_with_one_well": int((frame.groupby("perturbation")["well_id"].nunique() == 1).sum()),
    }
    if frame.empty:
        raise InputError(
            f"{source}: no crop of the training part is left ({counts}); check split and perturbation of the wells"
        )
    return TrainingCrops(frame.reset_index(drop=True), counts)


def perturbation_table(crops: pd.DataFrame, names: Iterable[str] | None = None) -> pd.DataFrame:
    """`perturbation` and `smiles` (None if unknown), one row per perturbation: those of `names`, or all, sorted."""
    names = sorted(crops["perturbation"].unique()) if names is None else list(names)
    known = crops.dropna(subset=["smiles"]) if "smiles" in crops else crops.iloc[:0].assign(smiles=None)
    smiles = known.sort_values(["perturbation", "well_id"]).groupby("perturbation")["smiles"].first()
    return pd.DataFrame({"perturbation": names, "smiles": [smiles.get(name) for name in names]})


def keep_usable(
    selected: TrainingCrops, usable: Callable[[pd.DataFrame], np.ndarray], source: str | Path
) -> TrainingCrops:
    """Drop and count the perturbations that the objective cannot learn from: no molecule that RDKit reads."""
    crops, counts = selected
    table = perturbation_table(crops)
    refused = table["perturbation"][~usable(table)]
    kept = crops[~crops["perturbation"].isin(refused)].reset_index(drop=True)
    if kept.empty:
        raise InputError(f"{source}: no perturbation has SMILES that RDKit reads, and the objective needs them")
    return TrainingCrops(kept, counts | {"perturbations_refused": len(refused), "crops": len(kept)})


def _refuse_leaks(wells: pd.DataFrame, source: str | Path) -> None:
    """Raise InputError if an InChIKey block (the molecule's connectivity) is in two parts of the split."""
    if "inchikey" not in wells:
        return
    known = wells.dropna(subset=["inchikey", "split"])
    parts = known.groupby(inchikey_block(known["inchikey"]))["split"].nunique()
    if (parts > 1).any():
        raise InputError(
            f"{source}: {int((parts > 1).sum())} compounds are in two parts of the split (first: "
            f"{parts.index[parts > 1][0]}); split by InChIKey block"
        )


def read_statistics(path: str | Path, channels: list[str]) -> ChannelStatistics:
    """Statistics of the store's `channels` from a crop store's statistics file.

    Raises InputError where the file holds other channels or another order, or a channel is constant or not finite.
    """
    values = read_json(path)
    mean, std = (np.asarray(values[key], dtype=float) for key in ("mean", "std"))
    if mean.shape != (len(channels),) or std.shape != (len(channels),):
        raise InputError(f"{path}: holds {len(mean)} channels, the crop store {len(channels)}; run crops again")
    if (own := values.get("channels")) and list(own) != channels:
        raise InputError(f"{path}: of {', '.join(own)}, the crop store has {', '.join(channels)}; run crops again")
    if not (np.isfinite(mean).all() and (std > 0).all()):
        raise InputError(f"{path}: a channel is constant or not finite (std {std.round(3).tolist()}); check the images")
    return ChannelStatistics(mean.tolist(), std.tolist(), channels)


def agreement_codes(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Codes (N,) of each crop's well, plate, position on the plate and, if known, plate map, by the log's names."""
    columns = {
        "same_well": ["well_id"],
        "same_plate": ["experiment", "plate"],
        "same_position": ["row", "column"],
        "same_plate_map": ["plate_map"],
    }
    return {
        name: frame.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
        for name, keys in columns.items()
        if set(keys) <= set(frame.columns)
    }
