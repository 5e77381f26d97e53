"""How well technical labels (plate, experiment, position) can be read from embeddings: macro-F1 of two classifiers.

Low is good only beside a biological score: a collapsed embedding hides its plate too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from cwamsn.alignment import AlignOptions, align
from cwamsn.benchmarks.probes import LinearProbe, NeighbourProbe, logistic_predict
from cwamsn.benchmarks.scores import Result
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.options import Options
from cwamsn.wells import in_order_of_ids, is_negative, is_treated
from cwamsn.wells_by_count import MinimumCellsOptions, with_enough_cells

LABELS = ("plate", "experiment_plate", "experiment", "row", "column")
CONTROLS = ("full", "none", "only")
PROBES = ("linear", "knn")
FOLDINGS = ("random", "grouped")
COLUMNS = ["probe", "plate_reading", "controls", "folds", "fold", "macro_f1", "shuffled_macro_f1", "chance_macro_f1"]
COUNTS = ["n_wells", "n_classes", "n_left_out"]

Predictor = Callable[[np.ndarray, np.ndarray], np.ndarray]  # labels and folds of all wells -> predicted classes


@dataclass(frozen=True, kw_only=True)
class PlateProbeOptions(Options):
    """The section `plate_probe` of the configuration."""

    probes: Sequence[str] = PROBES
    plate_readings: Sequence[str] = ("plate", "experiment_plate")
    """Labels to predict, see :func:`labels_of`."""
    controls: Sequence[str] = CONTROLS
    """Which wells take part, see :func:`wells_kept`."""
    embeddings: Sequence[str] = ("raw", "aligned")
    """Before and after the alignment."""
    folds: Sequence[str] = ("random",)
    """Kinds of folds, see :func:`assign_folds`."""
    n_folds: int = 5
    neighbours: int = 5
    """Neighbours of the second classifier."""
    classifier: str = "lda"
    """Of the linear probe: `lda` (closed form, any size) or `logistic` (few classes and wells)."""
    seed: int = 0
    """Of the folds and of the shuffled labels."""
    threads: int = 1
    """The digits do not depend on them."""


def score(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: PlateProbeOptions,
    alignment: AlignOptions,
    *,
    all_wells: pd.DataFrame | None = None,
    minimum: MinimumCellsOptions | None = None,
) -> Result:
    """Everything that this benchmark reports of one embedding.

    Parameters
    ----------
    features : (n, d) embeddings as they are
    wells : their wells, row for row
    alignment : by which `embeddings: [aligned]` are aligned
    all_wells, minimum : wells of the screen, and the least number of cells of a well that takes part; see
        :func:`cwamsn.wells_by_count.with_enough_cells`

    Returns
    -------
    Its own table is that of :func:`probe_plates` with `alignment` (`none`: the raw embeddings). Metrics: those of
    :func:`summary`.
    """
    tables = []
    for state in options.embeddings:
        method = alignment.method if state == "aligned" else "none"
        if method == "none" and state == "aligned" and "raw" in options.embeddings:
            continue
        x = features if method == "none" else align(features, wells, options=alignment)
        kept = with_enough_cells(x, wells, wells if all_wells is None else all_wells, minimum or MinimumCellsOptions())
        tables.append(probe_plates(*kept, options).assign(alignment=method))
    table = pd.concat(tables, ignore_index=True)
    parts = [summary(part).assign(alignment=method) for method, part in table.groupby("alignment", sort=False)]
    return Result(tuple(parts), table)


def labels_of(wells: pd.DataFrame, label: str) -> np.ndarray:
    """The label a probe predicts. `plate` is the published column (48 values on RxRx3-core, shared by experiments),
    `experiment_plate` the physical plate."""
    if label == "experiment_plate":
        return (wells["experiment"].astype(str) + "/" + wells["plate"].astype(str)).to_numpy(str)
    if label not in LABELS:
        raise InputError(f"plate_probe.plate_readings: {label!r} is not known; known: {', '.join(LABELS)}")
    return wells[label].astype(str).to_numpy(str)


def wells_kept(wells: pd.DataFrame, controls: str) -> np.ndarray:
    """Mask of the wells that take part.

    `full`: all; `none`: without any control; `only`: negative controls alone, whose plates cannot be recognised
    by what was put into their wells.
    """
    if controls == "full":
        return np.ones(len(wells), dtype=bool)
    if controls == "none":
        return wells["control"].isna().to_numpy()
    if controls == "only":
        return is_negative(wells)
    raise InputError(f"plate_probe.controls: {controls!r} is not known; known: {', '.join(CONTROLS)}")


def choose_folds(labels: np.ndarray, n_folds: int) -> tuple[np.ndarray, int]:
    """Mask of wells whose class is large enough, and the number of folds, at most the smallest class's size.

    Classes with fewer than `n_folds` wells are left out if they hold at most 5 % of the wells together; otherwise the
    number of folds is lowered to the size of the smallest class with two wells.
    """
    _, member, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    large = sizes[member] >= n_folds
    if large.any() and (~large).mean() <= 0.05:
        return large, n_folds
    kept = sizes[member] >= 2
    return kept, int(min(n_folds, sizes[sizes >= 2].min())) if kept.any() else 0


def assign_folds(labels: np.ndarray, groups: np.ndarray, n_folds: int, folding: str, seed: int) -> np.ndarray:
    """Fold of each well: `random`, stratified by label; `grouped`, all wells of a group in one fold."""
    fold, blank = np.empty(len(labels), dtype=np.int64), np.zeros((len(labels), 1))
    if folding == "random":
        parts = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(blank, labels)
    elif folding == "grouped":
        parts = GroupKFold(n_folds).split(blank, groups=groups)
    else:
        raise InputError(f"plate_probe.folds: {folding!r} is not known; known: {', '.join(FOLDINGS)}")
    for i, (_, test) in enumerate(parts):
        fold[test] = i
    return fold


def macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Unweighted mean of the classes' F1; a class never predicted counts 0."""
    return float(f1_score(truth, predicted, average="macro", zero_division=0))


def probe_plates(features: np.ndarray, wells: pd.DataFrame, options: PlateProbeOptions | None = None) -> pd.DataFrame:
    """Cross-validated macro-F1 of each probe, label, choice of controls and kind of folds.

    Parameters
    ----------
    features : (n, d), standardised here over all wells
    wells : `well_id, experiment, plate, row, column, control, perturbation`, row for row
    options : default: those of the configuration; `embeddings` is left to :func:`score`

    Returns
    -------
    Table `probe, plate_reading, controls, folds, fold, macro_f1, shuffled_macro_f1, chance_macro_f1, n_wells,
    n_classes, n_left_out`, one row per fold; settings with fewer than two classes have no row. `shuffled` is the same
    probe on permuted labels, `chance` a guess by class frequencies (one over the number of classes).
    """
    options = options or PlateProbeOptions()
    features, wells = in_order_of_ids(np.asarray(features), wells)
    x = StandardScaler().fit_transform(features.astype(np.float64)).astype(np.float32)
    groups = np.where(is_treated(wells), "p:" + wells["perturbation"].astype(str), "w:" + wells["well_id"].astype(str))
    predictors = _predictors(x, options)
    out = []
    for setting in options.controls:
        kept = wells_kept(wells, setting)
        for label in options.plate_readings:
            labels = labels_of(wells, label)
            large, folds = choose_folds(labels[kept], options.n_folds)
            used = np.flatnonzero(kept)[large]
            names, y = np.unique(labels[used], return_inverse=True)
            if folds < 2 or len(names) < 2:
                note(
                    f"plate_probe of {label} is not scored with controls: {setting}: {int(kept.sum()):,} wells leave "
                    f"{len(names) if folds > 1 else 0} classes of two wells or more, two are needed"
                )
                continue
            for folding in options.folds:
                fold = np.full(len(wells), -1)
                fold[used] = assign_folds(y, groups[used], folds, folding, options.seed)
                for probe, predict in predictors.items():
                    real = _fold_scores(predict, y, used, fold)
                    random = _fold_scores(predict, np.random.default_rng(options.seed).permutation(y), used, fold)
                    counts = (len(used), len(names), int(kept.sum()) - len(used))
                    for f, (value, chance) in enumerate(zip(real, random, strict=True)):
                        out.append((probe, label, setting, folding, f, value, chance, 1 / len(names), *counts))
    return pd.DataFrame(out, columns=COLUMNS + COUNTS)


def _predictors(x: np.ndarray, options: PlateProbeOptions) -> dict[str, Predictor]:
    """Of each configured probe the function that predicts classes from the other folds."""
    found: dict[str, Predictor] = {}
    for probe in options.probes:
        if probe not in PROBES:
            raise InputError(f"plate_probe.probes: {probe!r} is not known; known: {', '.join(PROBES)}")
        if probe == "knn":
            found[probe] = NeighbourProbe(x, options.neighbours, threads=options.threads).predict
        elif options.classifier == "logistic":
            found[probe] = partial(logistic_predict, x)
        else:
            found[probe] = LinearProbe(x, threads=options.threads).predict
    return found


def _fold_scores(predict: Predictor, y: np.ndarray, used: np.ndarray, fold: np.ndarray) -> list[float]:
    labels = np.zeros(len(fold), dtype=np.int64)
    labels[used] = y
    predicted = predict(labels, fold)
    return [macro_f1(labels[fold == f], predicted[fold == f]) for f in range(fold.max() + 1)]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation (ddof 1) over folds, with chance and the shuffled-label value, one metric per row:
    `metric, source, plate_reading, controls, fold, value, n`. Also each fold's own value."""
    out = []
    for (probe, label, controls, folds), part in table.groupby(COLUMNS[:4], sort=False):
        where = {
            "source": f"{folds} folds",
            "plate_reading": label,
            "controls": controls,
            "n": int(part.n_wells.iloc[0]),
        }
        name = f"{probe}_macro_f1"
        values = {
            f"{name}_mean": part["macro_f1"].mean(),
            f"{name}_std": part["macro_f1"].std(ddof=1),
            f"{name}_shuffled": part["shuffled_macro_f1"].mean(),
            f"{name}_chance": part["chance_macro_f1"].mean(),
            f"{name}_classes": float(part["n_classes"].iloc[0]),
        }
        out += [{"metric": metric, "fold": None, "value": value, **where} for metric, value in values.items()]
        out += [
            {"metric": name, "fold": str(f), "value": v, **where} for f, v in zip(part.fold, part.macro_f1, strict=True)
        ]
    names = ["metric", "source", "plate_reading", "controls", "fold", "value", "n"]
    return pd.DataFrame(out, columns=names)
