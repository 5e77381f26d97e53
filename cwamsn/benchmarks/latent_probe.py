"""How much of a simulated screen's phenotype, and of its nuisance, can be read linearly from an embedding.

The direct score behind all others, possible only where the truth is known: recalls and precisions say what a
representation is good for on one list of relationships, this says what is in it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.scores import Result
from cwamsn.embeddings import PARTS, latent_columns
from cwamsn.errors import InputError
from cwamsn.wells import in_order_of_ids, is_treated, order_of_ids

PENALTIES = tuple(10.0**k for k in range(-1, 6))


def score(features: np.ndarray, wells: pd.DataFrame, truth: pd.DataFrame) -> Result:
    """:func:`latent_probe` of a simulated screen's phenotype and nuisance, from embeddings before any alignment."""
    columns = {part: latent_columns(truth, part) for part in PARTS}
    return Result((latent_probe(features, wells, truth, columns).assign(alignment="none"),))


def latent_probe(
    features: np.ndarray, wells: pd.DataFrame, truth: pd.DataFrame, columns: Mapping[str, Sequence[str]], folds: int = 5
) -> pd.DataFrame:
    """Share of the variance of each part of the truth that ridge regression predicts on wells it was not fitted on.

    Parameters
    ----------
    features : (n, d) embeddings
    wells : n wells, in the same order: well_id, perturbation, control
    truth : ground truth of the screen: well_id and the columns named in `columns`
    columns : for each part (`phenotype`, `nuisance`) its columns, each of which varies
    folds : all wells of a perturbation lie in one fold, so recognising a perturbation seen in training does not help;
        at most as many as there are perturbations and wells without one

    Returns
    -------
    Table `metric` (`phenotype_r2`, `nuisance_r2`), `value`, `n` (wells): 1 - squared error / variance, both summed over
    the part's standardised columns. 0 is what the mean predicts; below 0 the fit misleads. The penalty is chosen on the
    fitting wells alone, by their leave-one-out error. Wells without a perturbation are assigned to folds one by one.

    Raises
    ------
    InputError
        A well is not in the ground truth, or all wells are of one perturbation.
    """
    known = truth.set_index("well_id").reindex(wells["well_id"])
    used = [c for names in columns.values() for c in names]
    if known[used].isna().any(axis=None):
        missing = known.index[known[used].isna().any(axis=1)][0]
        raise InputError(f"well {missing} is not in the ground truth; recompute the screen")
    known = known.iloc[order_of_ids(wells)]
    x, wells = in_order_of_ids(np.asarray(features, dtype=np.float64), wells)
    groups = np.where(is_treated(wells), wells["perturbation"].astype(str), wells["well_id"].astype(str))
    folds = min(folds, len(np.unique(groups)))
    if folds < 2:
        raise InputError(f"{len(x)} wells of one perturbation; two perturbations are needed to hold one out")
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12)
    rows = []
    for part, names in columns.items():
        y = known[list(names)].to_numpy(dtype=np.float64)
        y = (y - y.mean(axis=0)) / y.std(axis=0)
        predicted = np.empty_like(y)
        with threadpool_limits(1, "blas"):
            for fit, test in GroupKFold(folds).split(x, groups=groups):
                predicted[test] = RidgeCV(PENALTIES).fit(x[fit], y[fit]).predict(x[test]).reshape(len(test), -1)
        value = 1 - float(((y - predicted) ** 2).sum() / (y**2).sum())
        rows.append({"metric": f"{part}_r2", "value": value, "n": len(y)})
    return pd.DataFrame(rows)
