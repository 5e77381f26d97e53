"""How well technical labels (plate, experiment, position) can be read from embeddings: macro-F1 of two classifiers.

Low is good only beside a biological score: a collapsed embedding hides its plate too. Both classifiers are exact and
deterministic at full size (222,601 wells, 384 features, over 1,500 plates): the linear one is a linear discriminant in
closed form, the five nearest neighbours come from one neighbour list that serves every label and fold.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from cwamsn.errors import InputError

READINGS = ("plate", "experiment_plate", "experiment", "row", "column")
CONTROLS = ("full", "none", "only")
PROBES = ("linear", "knn")
FOLDINGS = ("random", "grouped")
COLUMNS = ["probe", "plate_reading", "controls", "folds", "fold", "macro_f1", "shuffled_macro_f1", "chance_macro_f1"]
COUNTS = ["n_wells", "n_classes", "n_left_out"]


def labels_of(wells: pd.DataFrame, reading: str) -> np.ndarray:
    """The label a probe predicts. `plate` is the published column (48 values on RxRx3-core, shared by experiments),
    `experiment_plate` the physical plate."""
    if reading == "experiment_plate":
        return (wells["experiment"].astype(str) + "/" + wells["plate"].astype(str)).to_numpy(str)
    if reading not in READINGS:
        raise InputError(f"plate_probe.plate_readings: {reading!r} is not known; known: {', '.join(READINGS)}")
    return wells[reading].astype(str).to_numpy(str)


def wells_kept(wells: pd.DataFrame, controls: str) -> np.ndarray:
    """Mask of the wells that take part.

    `full`: all; `none`: without any control; `only`: negative controls alone, whose plates cannot be told by what was
    put into their wells.
    """
    if controls == "full":
        return np.ones(len(wells), dtype=bool)
    if controls == "none":
        return wells["control"].isna().to_numpy()
    if controls == "only":
        return (wells["control"] == "negative").to_numpy()
    raise InputError(f"plate_probe.controls: {controls!r} is not known; known: {', '.join(CONTROLS)}")


def choose_folds(labels: np.ndarray, n_folds: int) -> tuple[np.ndarray, int]:
    """Mask of wells whose class is large enough, and the number of folds, at most the smallest class's size.

    Classes with fewer than `n_folds` wells are left out while they hold at most 5 % of the wells; otherwise, or where
    all are so small, the number of folds shrinks to the smallest class with two wells.
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


class LinearProbe:
    """Linear discriminant analysis by sufficient statistics: fitting a fold costs one d x d solve.

    A pooled within-class covariance, shrunk towards a multiple of the identity by Ledoit and Wolf's formula; class
    frequencies as priors. Products run in blocks of rows on one BLAS thread each, so that `threads` changes no digit.
    """

    def __init__(self, features: np.ndarray, threads: int = 1, block: int = 4096):
        self.x = np.ascontiguousarray(features, dtype=np.float32)
        self.threads, self.block = threads, block

    def _blocks(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        return (rows[i : i + self.block] for i in range(0, len(rows), self.block))

    def _map(self, function, items) -> list:
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(function, items))

    def gram(self, rows: np.ndarray) -> np.ndarray:
        """Sum over `rows` of x x^T, (d, d), in double precision."""

        def part(at):
            x = self.x[at].astype(np.float64)
            return x.T @ x

        total = np.zeros((self.x.shape[1], self.x.shape[1]))
        for piece in range(0, len(rows), self.block * 16):  # a few Gram matrices at a time, added in order
            for value in self._map(part, self._blocks(rows[piece : piece + self.block * 16])):
                total += value
        return total

    def predict(self, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """Predicted class (integers 0 .. C - 1, as in `labels`) of each well by the discriminant of the other folds.

        labels, fold : (n,) integers; wells with fold -1 take no part and get class -1.
        """
        out = np.full(len(labels), -1)
        rows = [np.flatnonzero(fold == f) for f in range(fold.max() + 1)]
        grams = [self.gram(r) for r in rows]
        for f, test in enumerate(rows):
            train = np.flatnonzero((fold >= 0) & (fold != f))
            weights, offsets = self._fit(labels, train, sum(g for i, g in enumerate(grams) if i != f))
            parts = self._map(lambda at, w=weights, b=offsets: (self.x[at] @ w + b).argmax(axis=1), self._blocks(test))
            out[test] = np.concatenate(parts)
        return out

    def _fit(self, labels: np.ndarray, train: np.ndarray, gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, d, y = len(train), self.x.shape[1], labels[train]
        counts = np.bincount(y, minlength=labels.max() + 1)
        one_hot = csr_array((np.ones(n), (y, np.arange(n))), shape=(len(counts), n))
        means = np.zeros((len(counts), d))
        fourth = 0.0
        for start in range(0, n, self.block):
            means += one_hot[:, start : start + self.block] @ self.x[train[start : start + self.block]].astype(
                np.float64
            )
        means /= np.maximum(counts, 1)[:, None]
        for at in self._blocks(train):
            residual = self.x[at] - means[labels[at]]
            fourth += float((np.einsum("ij,ij->i", residual, residual) ** 2).sum())
        with threadpool_limits(1, "blas"):
            within = (gram - (means * counts[:, None]).T @ means) / n
            shrinkage = ledoit_wolf(within, fourth, n)
            level = np.trace(within) / d
            covariance = (1 - shrinkage) * within + (shrinkage * level + 1e-9 * max(level, 1e-12)) * np.eye(d)
            weights = np.linalg.solve(covariance, means.T)
        with np.errstate(divide="ignore"):
            offsets = np.log(counts / n) - 0.5 * np.einsum("cd,dc->c", means, weights)
        return weights.astype(np.float32), offsets.astype(np.float32)


def ledoit_wolf(covariance: np.ndarray, fourth: float, n: int) -> float:
    """Shrinkage of an empirical covariance (d, d) of `n` centred rows; `fourth`: sum of their norms to the 4th.

    Ledoit and Wolf 2004, as in `sklearn.covariance.ledoit_wolf_shrinkage`.
    """
    d = len(covariance)
    square, level = float((covariance**2).sum()), np.trace(covariance) / d
    delta = (square - 2 * level * np.trace(covariance) + d * level**2) / d
    beta = min((fourth / n - square) / (d * n), delta)
    return float(np.clip(beta / delta, 0.0, 1.0)) if delta > 0 else 1.0


def logistic_predict(features: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """As :meth:`LinearProbe.predict`, by multinomial logistic regression (scikit-learn, C = 1); for few classes."""
    out = np.full(len(labels), -1)
    for f in range(fold.max() + 1):
        train, test = (fold >= 0) & (fold != f), fold == f
        with threadpool_limits(1, "blas"):
            model = LogisticRegression(max_iter=1000).fit(features[train], labels[train])
            out[test] = model.predict(features[test])
    return out


class NeighbourProbe:
    """k nearest neighbours (Euclidean) by one list of the nearest wells of each well, cut to each fold's training part.

    The list holds many more than k neighbours; where too few of them are in the training part, distances to all of it
    are computed, so that the result equals `sklearn.neighbors.KNeighborsClassifier` fitted on each training part.
    """

    def __init__(self, features: np.ndarray, k: int = 5, listed: int = 50, threads: int = 1):
        self.x, self.k, self.threads = np.ascontiguousarray(features, dtype=np.float32), k, threads
        listed = min(listed, len(self.x) - 1)
        with threadpool_limits(threads):
            search = NearestNeighbors(n_neighbors=listed, algorithm="brute").fit(self.x)
            self.lists = search.kneighbors(return_distance=False)

    def predict(self, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """Majority class of the k nearest wells of other folds, ties to the smaller class; -1 where fold is -1."""
        out = np.full(len(labels), -1)
        rows = np.flatnonzero(fold >= 0)
        usable = (fold[self.lists[rows]] >= 0) & (fold[self.lists[rows]] != fold[rows][:, None])
        rank = np.cumsum(usable, axis=1)
        enough = rank[:, -1] >= self.k
        nearest = np.empty((len(rows), self.k), dtype=np.int64)
        first = usable & (rank <= self.k)
        nearest[enough] = self.lists[rows][enough][first[enough]].reshape(-1, self.k)
        short = rows[~enough]
        for f in np.unique(fold[short]):
            train = np.flatnonzero((fold >= 0) & (fold != f))
            if len(train) < self.k:
                raise InputError(f"plate_probe: {len(train)} wells train a fold; {self.k} neighbours need as many")
            at = ~enough & (fold[rows] == f)
            with threadpool_limits(self.threads):
                search = NearestNeighbors(n_neighbors=self.k, algorithm="brute").fit(self.x[train])
                nearest[at] = train[search.kneighbors(self.x[rows[at]], return_distance=False)]
        out[rows] = majority(labels[nearest])
        return out


def majority(votes: np.ndarray) -> np.ndarray:
    """Most frequent value of each row of `votes` (n, k), the smallest of those that tie: (n,)."""
    votes = np.sort(votes, axis=1)
    counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    return votes[np.arange(len(votes)), counts.argmax(axis=1)]


def probe_plates(
    features: np.ndarray,
    wells: pd.DataFrame,
    readings: Sequence[str] = ("plate", "experiment_plate"),
    controls: Sequence[str] = CONTROLS,
    probes: Sequence[str] = PROBES,
    foldings: Sequence[str] = ("random",),
    n_folds: int = 5,
    neighbours: int = 5,
    classifier: str = "lda",
    seed: int = 0,
    threads: int = 1,
) -> pd.DataFrame:
    """Cross-validated macro-F1 of each probe, reading, control setting and kind of folds.

    Parameters
    ----------
    features : (n, d), standardised here over all wells
    wells : `well_id, experiment, plate, row, column, control, perturbation`, row for row
    classifier : of the linear probe: `lda` (closed form, any size) or `logistic` (few classes)

    Returns
    -------
    Table `probe, plate_reading, controls, folds, fold, macro_f1, shuffled_macro_f1, chance_macro_f1, n_wells,
    n_classes, n_left_out`, one row a fold; settings with fewer than two classes have no row. `shuffled` is the same
    probe on permuted labels, `chance` a guess by class frequencies (one over the number of classes).
    """
    order = np.argsort(wells["well_id"].to_numpy(str), kind="stable")
    wells = wells.iloc[order].reset_index(drop=True)
    x = StandardScaler().fit_transform(np.asarray(features)[order].astype(np.float64)).astype(np.float32)
    treated = wells["control"].isna() & wells["perturbation"].notna()
    groups = np.where(treated, "p:" + wells["perturbation"].astype(str), "w:" + wells["well_id"].astype(str))
    predictors = {}
    for probe in probes:
        if probe not in PROBES:
            raise InputError(f"plate_probe.probes: {probe!r} is not known; known: {', '.join(PROBES)}")
        if probe == "knn":
            predictors[probe] = NeighbourProbe(x, neighbours, threads=threads).predict
        elif classifier == "logistic":
            predictors[probe] = lambda labels, fold: logistic_predict(x, labels, fold)
        else:
            predictors[probe] = LinearProbe(x, threads=threads).predict
    out = []
    for setting in controls:
        kept = wells_kept(wells, setting)
        for reading in readings:
            labels = labels_of(wells, reading)
            large, folds = choose_folds(labels[kept], n_folds)
            used = np.flatnonzero(kept)[large]
            names, y = np.unique(labels[used], return_inverse=True)
            if folds < 2 or len(names) < 2:
                continue
            for folding in foldings:
                fold = np.full(len(wells), -1)
                fold[used] = assign_folds(y, groups[used], folds, folding, seed)
                for probe, predict in predictors.items():
                    real = _fold_scores(predict, y, used, fold)
                    random = _fold_scores(predict, np.random.default_rng(seed).permutation(y), used, fold)
                    counts = (len(used), len(names), int(kept.sum()) - len(used))
                    for f, (value, chance) in enumerate(zip(real, random, strict=True)):
                        out.append((probe, reading, setting, folding, f, value, chance, 1 / len(names), *counts))
    return pd.DataFrame(out, columns=COLUMNS + COUNTS)


def _fold_scores(predict, y: np.ndarray, used: np.ndarray, fold: np.ndarray) -> list[float]:
    labels = np.zeros(len(fold), dtype=np.int64)
    labels[used] = y
    predicted = predict(labels, fold)
    return [macro_f1(labels[fold == f], predicted[fold == f]) for f in range(fold.max() + 1)]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation (ddof 1) over folds, with chance and the shuffled-label value, one metric a row:
    `metric, source, plate_reading, controls, fold, value, n`. Also each fold's own value."""
    out = []
    for (probe, reading, controls, folds), part in table.groupby(COLUMNS[:4], sort=False):
        where = {
            "source": f"{folds} folds",
            "plate_reading": reading,
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
