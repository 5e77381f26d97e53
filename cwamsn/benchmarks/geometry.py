"""The geometry of an embedding: how many directions it uses, how alike its vectors are, and how much training changed.

A score says what an embedding is good for; these numbers say what it looks like. One that has collapsed to a few
directions, or that orders wells as the same network did before training, shows here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits

from cwamsn.alignment import AlignOptions, align
from cwamsn.benchmarks.scores import Result
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.options import Options
from cwamsn.tables import feature_columns
from cwamsn.vectors import unit_rows
from cwamsn.wells import in_order_of_ids, sample_of

STATES = ("raw", "aligned")
LEAST = 10  # wells that both embeddings must have for their distances to be compared
_BLOCK = 4096  # rows per product


@dataclass(frozen=True, kw_only=True)
class GeometryOptions(Options):
    """The section `geometry` of the configuration."""

    embeddings: Sequence[str] = STATES
    """Before and after the alignment."""
    untrained_twin: bool = True
    """Whether a method's own network is run untrained on a sample of wells, and distances are compared."""
    twins: dict[str, str] | None = None
    """Of a method the other one that is its untrained twin, as for files of embeddings."""
    max_wells: int = 2000
    """Wells whose distances are compared, drawn at random beyond it."""
    seed: int = 0
    """Of that draw."""


def score(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: GeometryOptions,
    alignment: AlignOptions,
    *,
    twin: pd.DataFrame | None = None,
) -> Result:
    """Everything that this benchmark reports of one embedding.

    Parameters
    ----------
    features : (n, d) embeddings as they are
    wells : their wells, row for row
    alignment : by which `embeddings: [aligned]` are aligned
    twin : embeddings (contract `embeddings`) of the untrained twin, of these wells or some of them; None: there is none

    Returns
    -------
    Metrics: those of :func:`describe`, with `alignment` (`none`: the raw embeddings), and with a twin
    `twin_distance_correlation` of the raw ones. The source is `wells`.

    Raises
    ------
    InputError
        Fewer than two wells, an unknown state, or fewer than ten wells in common with the twin.
    """
    unknown = next((state for state in options.embeddings if state not in STATES), None)
    if unknown is not None:
        raise InputError(f"geometry.embeddings: {unknown!r} is not known; known: {', '.join(STATES)}")
    parts = []
    for state in options.embeddings:
        method = alignment.method if state == "aligned" else "none"
        if method == "none" and state == "aligned" and "raw" in options.embeddings:
            continue
        x = features if method == "none" else align(features, wells, options=alignment)
        parts.append(describe(x, wells).assign(alignment=method))
    if twin is not None:
        parts.append(_against(twin, features, wells, options))
    return Result(tuple(part.assign(source="wells") for part in parts))


def describe(features: np.ndarray, wells: pd.DataFrame) -> pd.DataFrame:
    """Numbers of one embedding (n, d): `metric, value, n`.

    `dimensions`: d. `effective_rank`: exponential of the entropy of the singular values of the centred matrix, which
    sum to 1 (Roy and Vetterli 2007), between 1 and d. `participation_ratio`: the squared sum of the variances along the
    principal axes over the sum of their squares. `share_of_first_component`: of the variance. `mean_cosine`: over all
    pairs of wells, not centred; 1 is a single direction, and a vector of zeros counts as at right angles to all.

    A collapsed embedding, all vectors equal, has rank 0 and no share, as a note says.
    """
    x, _ = in_order_of_ids(np.asarray(features), wells)
    n, d = x.shape
    if n < 2:
        raise InputError(f"geometry: {n} wells have an embedding; two are needed")
    variances = principal_variances(x)
    values = {"dimensions": float(d), "mean_cosine": mean_cosine(x)}
    if variances.any():
        shares = variances / variances.sum()
        values |= {
            "effective_rank": effective_rank(np.sqrt(variances)),
            "participation_ratio": float(1 / (shares**2).sum()),
            "share_of_first_component": float(shares.max()),
        }
    else:
        note(f"geometry: all {n} vectors are equal: the embedding has collapsed, and none of its scores says anything")
        values |= {"effective_rank": 0.0, "participation_ratio": 0.0}
    return pd.DataFrame({"metric": list(values), "value": list(values.values()), "n": n})


def principal_variances(features: np.ndarray) -> np.ndarray:
    """Variances along the principal axes of (n, d), ascending; those within the rounding of the largest are 0."""
    n, d = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    gram = np.zeros((min(n, d),) * 2)
    with threadpool_limits(1, "blas"):  # no digit depends on the number of threads
        if n < d:
            centred = features - mean
            gram = centred @ centred.T
        else:
            for start in range(0, n, _BLOCK):
                centred = features[start : start + _BLOCK] - mean
                gram += centred.T @ centred
        found = np.linalg.eigvalsh(gram) / n
    scale = np.square(features, dtype=np.float64).sum() / n  # equal rows differ from their mean by its rounding
    least = max(n, d) * np.finfo(np.float64).eps * max(float(found[-1]), np.finfo(np.float64).eps * scale)
    return np.where(found > least, found, 0.0)


def effective_rank(singular: np.ndarray) -> float:
    """Exponential of the entropy of singular values that are not all 0 (Roy and Vetterli 2007)."""
    shares = singular[singular > 0] / singular.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def mean_cosine(features: np.ndarray) -> float:
    """Mean over all pairs of rows of (n, d), from the sum of the unit vectors: no pair is looked at."""
    unit = unit_rows(features)
    total = unit.sum(axis=0)
    n, own = len(unit), float(np.einsum("ij,ij->", unit, unit))
    return float((total @ total - own) / (n * (n - 1)))


def distance_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman correlation of the Euclidean distances of all pairs of rows: (n, d) and (n, e) to one number.

    1 if both order all pairs alike; NaN where the distances of one are all equal.
    """
    ranks = [rankdata(pdist(np.asarray(x, dtype=np.float64))) for x in (first, second)]
    centred = [rank - rank.mean() for rank in ranks]
    norms = [np.sqrt(np.einsum("i,i->", rank, rank)) for rank in centred]
    if not all(norms):
        return float("nan")
    return float(np.einsum("i,i->", *centred) / (norms[0] * norms[1]))


def _against(twin: pd.DataFrame, features: np.ndarray, wells: pd.DataFrame, options: GeometryOptions) -> pd.DataFrame:
    common = wells[wells["well_id"].isin(twin["well_id"])]
    if len(common) < LEAST:
        raise InputError(
            f"geometry: the untrained twin has {len(common)} of the method's {len(wells)} wells, {LEAST} are needed; "
            "embed the same screen by both"
        )
    chosen = sample_of(common, options.max_wells, options.seed)["well_id"]
    place = pd.Series(np.arange(len(wells)), index=wells["well_id"].to_numpy())
    second = twin.set_index("well_id").loc[chosen, feature_columns(twin.columns)].to_numpy()
    value = distance_correlation(np.asarray(features)[place[chosen].to_numpy()], second)
    row = {"metric": "twin_distance_correlation", "value": value, "n": len(chosen), "alignment": "none"}
    return pd.DataFrame([row])
