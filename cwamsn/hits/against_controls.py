"""Which perturbations differ from their controls: mean average precision with p-values against permuted labels.

The null: a perturbation's labels are put on controls, as many on each plate as it has wells there, and its wells become
controls in their place. AP and mAP are copairs'; so are its p-values with `p_values: copairs`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control
from threadpoolctl import threadpool_limits

from cwamsn.alignment.pooling import KEYS, column, group_codes
from cwamsn.errors import InputError
from cwamsn.files import progress
from cwamsn.hits.agreement import replicate_similarity
from cwamsn.hits.draws import Layout, blocks
from cwamsn.hits.options import STRATA, ActivityOptions
from cwamsn.hits.precision import Ranking, average_precisions, expected_precision, over_queries, ranking
from cwamsn.notes import note
from cwamsn.vectors import unit_rows
from cwamsn.vocabulary import NEGATIVE
from cwamsn.wells import in_order_of_ids, is_negative

P_VALUES = ("permutation", "copairs")
EQUAL = 1e-12  # mean average precisions that differ by less are equal but for rounding
DRAWN = 1000  # permutations after which one that is clearly not active is left
SAME_PLATE = "same plate"
ACROSS = "across plates"


@dataclass(frozen=True, eq=False)
class _Screen:
    """Wells as codes, in the order of well_id."""

    unit: np.ndarray  # (N, D)
    code: np.ndarray  # (N,) perturbation and dose; -1: none
    control: np.ndarray  # (N,) bool: a negative
    stratum: np.ndarray  # (N,) plate or batch
    plate: np.ndarray  # (N,)


def activity(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: ActivityOptions | None = None,
    *,
    negatives: np.ndarray | None = None,
) -> pd.DataFrame:
    """How well the replicates of each perturbation and dose are told from negative controls.

    Parameters
    ----------
    features : (N, D) aligned vectors
    wells : wells table, row for row
    options : default: those of the configuration
    negatives : (N,) bool, the controls that serve as negatives; default: all negative controls. Controls that the
        alignment was fitted on are no fair negatives, see :mod:`cwamsn.hits.held_out`

    Returns
    -------
    A row per perturbation and dose, sorted: `perturbation_type, perturbation, concentration, n_wells, n_plates,
    n_queries` (wells with a replicate and a control), `replicates` (`across plates`, or `same plate` where it has no
    other), `controls` (mean per query), `mean_average_precision, mean_normalized_average_precision,
    replicate_similarity, p_value, corrected_p_value` (Benjamini-Hochberg over all rows that are tested),
    `least_p_value` (the smallest that its layout allows), `reason` why it is not tested, else empty.

    Raises
    ------
    InputError
        No negative control, or none that shares a plate (or batch) with a perturbation.
    """
    options = options or ActivityOptions()
    _check(options)
    if negatives is not None:
        wells = wells.assign(_negative=np.asarray(negatives, dtype=bool))
    features, wells = in_order_of_ids(np.asarray(features, dtype=np.float64), wells)
    control = is_negative(wells) if negatives is None else wells["_negative"].to_numpy()
    if not control.any():
        raise InputError(
            "hits: no well is a negative control, so nothing can differ from it; mark them in the plate map "
            "(docs/hits.md)"
        )
    screen, keys = _grouped(features, wells, control, options)
    with threadpool_limits(1, "blas"):
        groups = progress(_members(screen.code, len(keys)), "activity", len(keys), "perturbation")
        scored = [_score(screen, members, options, code) for code, members in groups]
        agreement = replicate_similarity(screen.unit, screen.code, screen.plate)[0]
    table = pd.concat([keys, pd.DataFrame([row for row, _ in scored])], axis=1)
    table.insert(table.columns.get_loc("p_value"), "replicate_similarity", agreement)
    if (table["reason"] != "").all():
        why = table["reason"].value_counts().index[0]
        raise InputError(f"hits: none of {len(table)} perturbations can be tested ({why}); {_remedy(why)}")
    if options.p_values == "copairs":
        table["p_value"] = _copairs_p([queries for _, queries in scored], options)
    tested = table["p_value"].notna().to_numpy()
    table["corrected_p_value"] = np.nan
    table.loc[tested, "corrected_p_value"] = false_discovery_control(table.loc[tested, "p_value"])
    _say(table, options)
    order = [c for c in table if c not in ("corrected_p_value", "least_p_value", "reason")]
    return table[[*order, "corrected_p_value", "least_p_value", "reason"]]


def _check(options: ActivityOptions) -> None:
    for key, value, known in (("within", options.within, STRATA), ("p_values", options.p_values, P_VALUES)):
        if value not in known:
            raise InputError(f"hits.{key}: {value!r} is not known; known: {', '.join(known)}")


def _grouped(
    features: np.ndarray, wells: pd.DataFrame, control: np.ndarray, options: ActivityOptions
) -> tuple[_Screen, pd.DataFrame]:
    rows = np.flatnonzero(wells["perturbation"].notna() & (wells["control"] != NEGATIVE))
    if not len(rows):
        raise InputError("hits: no well has a perturbation that is no negative control; give a plate map")
    table = pd.DataFrame({key: column(wells, key).to_numpy()[rows] for key in KEYS})
    table["concentration"] = table["concentration"].astype(float)
    group, keys = group_codes(table)
    code = np.full(len(wells), -1)
    code[rows] = group
    batch = wells["experiment"].astype(str)
    plate = pd.factorize(batch + "/" + wells["plate"].astype(str))[0]
    keys["n_wells"] = np.bincount(group, minlength=len(keys))
    keys["n_plates"] = pd.Series(plate[rows]).groupby(group).nunique().to_numpy()
    code, control = _limited(code, control, plate if options.within == "plate" else pd.factorize(batch)[0], options)
    stratum = plate if options.within == "plate" else pd.factorize(batch)[0]
    return _Screen(unit_rows(features), code, control, stratum, plate), keys


def _limited(
    code: np.ndarray, control: np.ndarray, stratum: np.ndarray, options: ActivityOptions
) -> tuple[np.ndarray, np.ndarray]:
    """At most `max_wells` wells per perturbation and `max_controls` controls per stratum, chosen at random."""
    shuffled = np.random.default_rng([options.seed, 1]).permutation(len(code))

    def place(label: np.ndarray) -> np.ndarray:
        return pd.Series(label[shuffled]).groupby(label[shuffled]).cumcount().to_numpy()[np.argsort(shuffled)]

    many = (code >= 0) & (place(code) >= options.max_wells)
    much = control & (place(np.where(control, stratum, -1)) >= options.max_controls)
    if many.any():
        note(
            f"hits: {len(np.unique(code[many]))} perturbations have more than {options.max_wells} wells, of which so "
            "many are taken at random (hits.max_wells)"
        )
    return np.where(many, -1, code), control & ~much


def _members(code: np.ndarray, count: int) -> Iterator[tuple[int, np.ndarray]]:
    order = np.argsort(code, kind="stable")
    bounds = np.searchsorted(code[order], np.arange(count + 1))
    for group in range(count):
        yield group, np.sort(order[bounds[group] : bounds[group + 1]])


def _score(
    screen: _Screen, members: np.ndarray, options: ActivityOptions, code: int
) -> tuple[dict[str, object], pd.DataFrame]:
    """The columns of one perturbation, and its queries as copairs knows them."""
    none = pd.DataFrame(columns=["average_precision", "normalized_average_precision", "n_pos_pairs", "n_total_pairs"])
    row: dict[str, object] = {
        "n_queries": 0, "replicates": "", "controls": 0.0, "mean_average_precision": np.nan,
        "mean_normalized_average_precision": np.nan, "p_value": np.nan, "least_p_value": np.nan, "reason": "",
    }  # fmt: skip
    if len(members) < max(2, options.min_wells):
        return row | {"reason": "one well" if len(members) == 1 else f"{len(members)} wells"}, none
    strata = np.unique(screen.stratum[members])
    here = np.flatnonzero(screen.control & np.isin(screen.stratum, strata))
    rows = np.concatenate([members, here])
    across = len(np.unique(screen.plate[members])) > 1
    local = ranking(
        screen.unit[rows], _codes(screen.stratum[rows]), screen.plate[rows] if across else np.arange(len(rows))
    )
    own = np.arange(len(members))[np.argsort(local.stratum[: len(members)], kind="stable")]
    precision, positives, negatives = (values[0] for values in average_precisions(local, own[None]))
    scored = np.isfinite(precision)
    if not scored.any():
        return row | {"reason": f"no control in its {options.within}"}, none
    expected = expected_precision(positives[scored], negatives[scored])
    normal = (precision[scored] - expected) / (1 - expected)
    value = float(precision[scored].mean())
    layout = _layout(local, len(members))
    permuted = options.p_values == "permutation"
    queries = pd.DataFrame(
        {
            "average_precision": precision[scored], "normalized_average_precision": normal,
            "n_pos_pairs": positives[scored], "n_total_pairs": positives[scored] + negatives[scored],
        }
    )  # fmt: skip
    return row | {
        "n_queries": int(scored.sum()),
        "replicates": ACROSS if across else SAME_PLATE,
        "controls": float(negatives[scored].mean()),
        "mean_average_precision": value,
        "mean_normalized_average_precision": float(normal.mean()),
        "p_value": _permutation_p(local, layout, value, options, code) if permuted else np.nan,
        "least_p_value": max(1 / layout.distinct, 1 / (1 + options.null_size)),
    }, queries


def _codes(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1]


def _layout(local: Ranking, members: int) -> Layout:
    """Where labels may fall: in each stratum, on the perturbation's wells and the controls."""
    strata, taken = np.unique(local.stratum[:members], return_counts=True)
    return Layout([np.flatnonzero(local.stratum == s) for s in strata], taken.tolist())


def _permutation_p(local: Ranking, layout: Layout, value: float, options: ActivityOptions, code: int) -> float:
    """(1 + permuted perturbations with at least this mAP) / (1 + permuted ones).

    Permutations stop after the first thousand where a tenth of them reach the value: more digits of a large p-value
    help nobody (Besag and Clifford 1991).
    """
    rng, reached, counted = np.random.default_rng([options.seed, 2, code]), 0, 0
    for part in blocks(options.null_size, DRAWN):
        values = over_queries(average_precisions(local, layout.draw(part.stop - part.start, rng))[0])
        values = values[np.isfinite(values)]
        reached += int((values >= value - EQUAL).sum())
        counted += len(values)
        if reached >= DRAWN // 10:
            break
    return (1 + reached) / (1 + counted)


def _copairs_p(queries: list[pd.DataFrame], options: ActivityOptions) -> pd.Series:
    """p-value of each perturbation by copairs: random ranks, and only larger values count."""
    from copairs.map import mean_average_precision

    frame = pd.concat(
        [found.assign(perturbation=i) for i, found in enumerate(queries) if len(found)], ignore_index=True
    )
    frame = frame.astype({"n_pos_pairs": np.int64, "n_total_pairs": np.int64})
    with TemporaryDirectory() as cache:  # the package's own cache gives other digits after other runs
        found = mean_average_precision(
            frame, ["perturbation"], options.null_size, options.level, options.seed,
            progress_bar=False, max_workers=1, cache_dir=cache,
        )  # fmt: skip
    return found.set_index("perturbation")["p_value"].astype(float).reindex(range(len(queries))).reset_index(drop=True)


def _remedy(why: str) -> str:
    if why.startswith("no control"):
        return "set hits.within: batch, or mark the plates' negative controls in the plate map"
    return "profiles of several wells per perturbation are needed"


def _say(table: pd.DataFrame, options: ActivityOptions) -> None:
    """Note what was not tested, and what cannot be found."""
    out = table[table["reason"] != ""]
    if len(out):
        why = ", ".join(f"{reason}: {n}" for reason, n in out["reason"].value_counts().items())
        note(f"hits: {len(out)} of {len(table)} perturbations are listed without a p-value ({why})")
    tested = table[table["p_value"].notna()]
    same = int((tested["replicates"] == SAME_PLATE).sum())
    if same:
        note(
            f"hits: {same} of {len(tested)} perturbations have replicates on one plate only, which share its effects "
            "of position and handling"
        )
    weak = int((tested["least_p_value"] > options.level).sum())
    if weak and options.p_values == "permutation":
        note(
            f"hits: {weak} of {len(tested)} perturbations cannot reach p <= {options.level:g} whatever they do: too "
            "few wells and controls; give more, or set hits.held_out lower"
        )
