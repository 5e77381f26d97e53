"""Average precision and area under the ROC curve of many rankings at once, and how far a mean is from chance."""

import numpy as np

METRICS = ("average_precision", "auc_roc")


def average_precision_and_auc(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AP and AUC along the last axis, ties as in scikit-learn (one threshold per distinct score).

    Parameters
    ----------
    labels : (..., k) booleans; at least one true and one false in each row for AUC, else NaN
    scores : (..., k), finite

    Returns
    -------
    Two arrays (...,): sum over thresholds of (recall_i - recall_{i-1}) precision_i, and the Mann-Whitney AUC.
    """
    order = np.argsort(-scores, axis=-1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=-1)
    hits = np.take_along_axis(np.broadcast_to(labels, scores.shape), order, axis=-1)
    k = scores.shape[-1]
    last = np.ones(scores.shape, dtype=bool)  # the last place of each group of equal scores
    last[..., :-1] = ranked[..., :-1] != ranked[..., 1:]
    end = np.minimum.accumulate(np.where(last, np.arange(k), k)[..., ::-1], axis=-1)[..., ::-1]
    found = np.cumsum(hits, axis=-1)
    at_end = np.take_along_axis(found, end, axis=-1)
    positives = found[..., -1]
    negatives = k - positives
    precision = at_end / (end + 1)
    first = np.zeros(scores.shape, dtype=np.int64)  # the first place of each group
    first[..., 1:] = np.maximum.accumulate(np.where(last[..., :-1], np.arange(1, k), 0), axis=-1)
    before = np.where(first > 0, np.take_along_axis(found, np.maximum(first - 1, 0), axis=-1), 0)
    # a positive beats every negative ranked after its group and half of those within it; halves are exact in binary
    lost = (first - before) + (end + 1 - first - (at_end - before)) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        ap = (hits * precision).sum(axis=-1) / positives
        auc = (hits * (negatives[..., None] - lost)).sum(axis=-1) / (positives * negatives)
    return ap, auc


def z_score(model: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """(mean - baseline mean) / sqrt(std^2 + baseline std^2) over the first axis, stds with ddof 1.

    The paper's z, found from its Table 2: all five AUC values and, within rounding, every AP value but one follow.
    """
    spread = np.sqrt(model.var(axis=0, ddof=1) + baseline.var(axis=0, ddof=1))
    return np.divide(
        model.mean(axis=0) - baseline.mean(axis=0), spread, out=np.full(spread.shape, np.nan), where=spread > 0
    )
