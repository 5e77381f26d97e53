"""Perturbation signal: are a perturbation's wells alike (consistency) and unlike the controls (magnitude)?

The statistics are EFAAR's (efaar-benchmarking 1.0: `pert_signal_consistency_metric`, `pert_signal_magnitude_metric`).
Its null is a list of unexpressed genes, which no public screen here has: here the null is random sets of the same size,
of wells of any perturbation for the consistency, of negative controls for the magnitude.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist, pdist
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.scores import Result
from cwamsn.errors import InputError
from cwamsn.options import Options
from cwamsn.wells import in_order_of_ids, is_negative, is_treated

MIN_MAGNITUDE_WELLS = 5


@dataclass(frozen=True, kw_only=True)
class SignalOptions(Options):
    """The section `signal` of the configuration."""

    null_size: int = 1000
    """Random sets per set size and perturbation type."""
    max_controls: int = 1000
    """Control wells used, chosen at random beyond it."""
    max_wells: int = 200
    """Wells used per perturbation, chosen at random beyond it."""
    seed: int = 0
    """Of choice and null."""


def score(features: np.ndarray, wells: pd.DataFrame, options: SignalOptions) -> Result:
    """Everything that this benchmark reports of aligned vectors (n, d) and their wells, row for row.

    Its own table is that of :func:`perturbation_signal`; metrics are those of :func:`summary`.
    """
    table = perturbation_signal(features, wells, options)
    found = summary(table)
    if found.empty:
        raise InputError(
            "signal: no perturbation has two wells or more at one dose; give replicates, or leave signal out"
        )
    return Result((found,), table)


def consistency(features: np.ndarray) -> float:
    """Mean cosine over pairs of the rows of `features` (n, d); NaN below two rows."""
    n = len(features)
    if n < 2:
        return float("nan")
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return float(((unit.sum(axis=0) ** 2).sum() - n) / (n * (n - 1)))


def energy_distance(first: np.ndarray, second: np.ndarray, within: float | None = None) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'| with each row's distance to itself counted: twice geomloss' energy loss.

    within : E|y - y'|, where it is known.
    """
    within = _mean_distance(second) if within is None else within
    return float(2 * cdist(first, second).mean() - _mean_distance(first) - within)


def _mean_distance(rows: np.ndarray) -> float:
    return 2 * pdist(rows).sum() / len(rows) ** 2


def perturbation_signal(
    features: np.ndarray, wells: pd.DataFrame, options: SignalOptions | None = None
) -> pd.DataFrame:
    """Consistency and magnitude of each perturbation (x dose) with p-values.

    Parameters
    ----------
    features : (n, d) aligned vectors of wells
    wells : `well_id, perturbation_type, perturbation, control` and, where there are doses, `concentration`
    options : default: those of the configuration

    Returns
    -------
    Table `perturbation_type, perturbation, concentration, n_wells, consistency, consistency_p, magnitude, magnitude_p`;
    NaN where wells are too few (two; five for the magnitude).
    p = (1 + null values at least as large) / (1 + null_size).
    """
    options = options or SignalOptions()
    x, wells = in_order_of_ids(np.asarray(features, dtype=np.float64), wells)
    rng = np.random.default_rng(options.seed)
    controls = np.flatnonzero(is_negative(wells))
    if len(controls) < MIN_MAGNITUDE_WELLS:
        raise InputError(f"{len(controls)} negative control wells; {MIN_MAGNITUDE_WELLS} are needed")
    # Null and reference use different controls: a well's distance to itself would make every null value small.
    shuffled = rng.permutation(controls)
    n_reference = min(options.max_controls, (len(controls) + 1) // 2)
    reference, spare = np.sort(shuffled[:n_reference]), np.sort(shuffled[n_reference:])
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    unit = x / np.where(norms > 0, norms, 1.0)
    treated = is_treated(wells)
    table = wells.assign(concentration=wells.get("concentration", np.nan))[treated]
    keys = ["perturbation_type", "perturbation", "concentration"]
    groups = table.groupby(keys, sort=True, dropna=False).indices
    pools = table.groupby("perturbation_type").indices
    positions, rows = np.flatnonzero(treated), []
    consistencies: dict[tuple[str, int], np.ndarray] = {}  # null values by perturbation type and size of the set
    magnitudes: dict[int, np.ndarray] = {}
    with threadpool_limits(1, "blas"):
        own = _mean_distance(x[reference])
        for key in sorted(groups, key=lambda k: (k[0], k[1], -1.0 if pd.isna(k[2]) else k[2])):
            members = positions[groups[key]]
            if len(members) > options.max_wells:
                members = np.sort(rng.permutation(members)[: options.max_wells])
            size, kind = len(members), key[0]
            if (kind, size) not in consistencies:
                pool = unit[positions[pools[kind]]]
                consistencies[kind, size] = _null_consistency(pool, size, options.null_size, rng)
            if size not in magnitudes:
                sets = _random_sets(spare, size, min(options.null_size, 200), rng)
                magnitudes[size] = np.array([_magnitude(x, chosen, reference, own) for chosen in sets])
            alike, far = consistency(unit[members]), _magnitude(x, members, reference, own)
            p_values = _p_value(alike, consistencies[kind, size]), _p_value(far, magnitudes[size])
            rows.append((*key, size, alike, p_values[0], far, p_values[1]))
    names = [*keys, "n_wells", "consistency", "consistency_p", "magnitude", "magnitude_p"]
    return pd.DataFrame(rows, columns=names)


def _magnitude(x: np.ndarray, members: np.ndarray, reference: np.ndarray, own: float) -> float:
    if len(members) < MIN_MAGNITUDE_WELLS:
        return float("nan")
    return energy_distance(x[members], x[reference], own)


def _null_consistency(unit: np.ndarray, size: int, null_size: int, rng: np.random.Generator) -> np.ndarray:
    if size < 2 or size > len(unit):
        return np.empty(0)
    picks = (rng.choice(len(unit), size, replace=False) for _ in range(null_size))
    return np.array([((unit[p].sum(axis=0) ** 2).sum() - size) / (size * (size - 1)) for p in picks])


def _random_sets(spare: np.ndarray, size: int, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Random sets of controls whose magnitudes form the null; none where controls or members are too few."""
    if size < MIN_MAGNITUDE_WELLS or size > len(spare):
        return []
    return [rng.choice(spare, size, replace=False) for _ in range(count)]


def _p_value(value: float, null: np.ndarray) -> float:
    if np.isnan(value) or not len(null):
        return float("nan")
    return float((1 + (null >= value).sum()) / (1 + len(null)))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """`metric, source, value, n`: median and share with p < 0.05 of each statistic; sources are perturbation types."""
    out = []
    for kind, part in table.groupby("perturbation_type", sort=True):
        for name in ("consistency", "magnitude"):
            known = part[part[name].notna()]
            tested = known[known[f"{name}_p"].notna()]
            values = {f"{name}_median": (known[name].median(), len(known))}
            values[f"{name}_share"] = ((tested[f"{name}_p"] < 0.05).mean(), len(tested))
            out += [{"metric": m, "source": kind, "value": v, "n": n} for m, (v, n) in values.items() if n]
    return pd.DataFrame(out, columns=["metric", "source", "value", "n"])
