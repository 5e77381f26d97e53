"""Nearest perturbations of one, with p-values against permuted labels.

The similarity is the cosine of two profiles, each the mean of its wells. The null of a candidate c: the query's labels
are put on other treated wells, as many on each plate as the query has there, and the cosine of their mean with c is
taken. Wells of c itself are no part of its null. Plate effects that query and candidate share are in the null too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control
from threadpoolctl import threadpool_limits

from cwamsn.alignment.pooling import KEYS, column, group_codes, group_means
from cwamsn.errors import InputError, nearest
from cwamsn.files import progress
from cwamsn.hits.agreement import other_similarity, replicate_similarity
from cwamsn.hits.draws import Layout, blocks, layout_of
from cwamsn.hits.options import STRATA, NeighbourOptions
from cwamsn.vectors import unit_rows
from cwamsn.vocabulary import NEGATIVE
from cwamsn.wells import in_order_of_ids, is_treated

ROWS = 2048  # permuted queries at once
EQUAL = 1e-6  # cosines that differ by less are equal but for rounding of float32
REFINED = 0.01  # candidates with a p-value of at most this are refined,
REFINED_CANDIDATES = 1000  # at most so many, nearest first
GATHERED = 2_000_000  # wells that refining reads at most


@dataclass(frozen=True, eq=False)
class Perturbations:
    """Wells of a screen, and the perturbations (and doses) that they hold."""

    wells: pd.DataFrame
    """N wells, sorted by well_id."""
    vectors: np.ndarray
    """(N, D) float32."""
    unit: np.ndarray
    """(N, D), of length 1."""
    code: np.ndarray
    """(N,) perturbation of each well; -1: none, or a negative control."""
    keys: pd.DataFrame
    """P rows `perturbation_type, perturbation, concentration`."""
    profiles: np.ndarray
    """(P, D) means of wells, of length 1."""
    plate: np.ndarray
    """(N,) code of each well's plate."""
    batch: np.ndarray
    """(N,) code of each well's batch."""
    agreement: np.ndarray
    """(P,) mean cosine of the wells of a perturbation on different plates."""


def find(keys: pd.DataFrame, name: str, concentration: float | None = None) -> np.ndarray:
    """Positions of a perturbation among `keys`, one per dose; raises InputError where there is none."""
    names = keys["perturbation"].astype(str)
    found = np.flatnonzero(names == name)
    if not len(found):
        raise InputError(f"neighbours: no perturbation {name!r} in the profiles; {nearest(name, sorted(set(names)))}")
    if concentration is None:
        return found
    doses = keys["concentration"].to_numpy(dtype=float)[found]
    kept = found[np.isclose(doses, concentration, rtol=1e-6, atol=0)]
    if not len(kept):
        known = ", ".join("no dose" if np.isnan(d) else f"{d:g}" for d in doses)
        raise InputError(f"neighbours: {name} has no profile at {concentration:g} µM; its doses: {known}")
    return kept


def perturbations(features: np.ndarray, wells: pd.DataFrame) -> Perturbations:
    """Group the wells of a screen by perturbation and dose; negative controls are of none.

    Parameters
    ----------
    features : (N, D) aligned vectors
    wells : wells table, row for row
    """
    features, wells = in_order_of_ids(np.asarray(features, dtype=np.float32), wells)
    rows = np.flatnonzero(wells["perturbation"].notna() & (wells["control"] != NEGATIVE))
    if not len(rows):
        raise InputError("neighbours: no well has a perturbation that is no negative control; give a plate map")
    table = pd.DataFrame({key: column(wells, key).to_numpy()[rows] for key in KEYS})
    table["concentration"] = table["concentration"].astype(float)
    group, keys = group_codes(table)
    code = np.full(len(wells), -1)
    code[rows] = group
    plate = pd.factorize(wells["experiment"].astype(str) + "/" + wells["plate"].astype(str))[0]
    unit = unit_rows(features)
    means = unit_rows(group_means(features.astype(np.float64), rows, group, len(keys)))
    keys = keys.assign(
        n_wells=np.bincount(group, minlength=len(keys)),
        n_plates=pd.Series(plate[rows]).groupby(group).nunique().to_numpy(),
    )
    return Perturbations(
        wells, features, unit, code, keys, means, plate, pd.factorize(wells["experiment"].astype(str))[0],
        replicate_similarity(unit, code, plate)[0],
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest perturbations of one."""

    query: pd.DataFrame
    """One row: `perturbation_type, perturbation, concentration, n_wells, n_plates, replicate_similarity`,
    `other_similarity` (mean cosine with wells of other perturbations on other plates), `replicate_p_value`,
    `candidates` tested, `null_size`, `least_p_value` that the layout allows."""
    table: pd.DataFrame
    """A row per neighbour, nearest first: `rank, perturbation_type, perturbation, concentration, n_wells, n_plates,
    similarity, p_value, corrected_p_value` (Benjamini-Hochberg over all candidates), `reverse_rank` (that of the query
    among the neighbour's own neighbours), `replicate_similarity` (of the neighbour)."""


def neighbours_of(screen: Perturbations, query: int, options: NeighbourOptions | None = None) -> Neighbours:
    """The `options.k` nearest perturbations of one, other doses of its own left out.

    Parameters
    ----------
    screen : wells and perturbations
    query : position among `screen.keys`
    options : default: those of the configuration

    Returns
    -------
    Digits depend on values alone: draws are seeded, and products run on one thread.
    """
    options = options or NeighbourOptions()
    _check(options)
    name = screen.keys["perturbation"].iloc[query]
    candidates = np.flatnonzero((screen.keys["perturbation"] != name).to_numpy())
    if not len(candidates):
        raise InputError(f"neighbours: {name} is the only perturbation of the profiles; nothing can be near it")
    members = np.flatnonzero(screen.code == query)
    layout = layout_of(members, is_treated(screen.wells), screen.plate if options.within == "plate" else screen.batch)
    rng = np.random.default_rng([options.seed, query])
    with threadpool_limits(1, "blas"):
        similarity = screen.profiles[candidates] @ screen.profiles[query]
        nearest_first = np.argsort(-similarity, kind="stable")
        sets = layout.draw(options.null_size, rng)
        p_value = permutation_p(screen, sets, candidates, similarity)
        refined = [i for i in nearest_first if p_value[i] <= REFINED][:REFINED_CANDIDATES]
        more = int(min(options.refined_null_size, GATHERED // layout.size))
        if refined and more > options.null_size:
            some = np.array(refined)
            p_value[some] = permutation_p(screen, layout.draw(more, rng), candidates[some], similarity[some])
        listed = nearest_first[: options.k]
        names = pd.factorize(screen.keys["perturbation"])[0]
        reverse = _reverse_ranks(screen.profiles, names, query, candidates[listed])
        agreement = _query_row(screen, query, members, layout, sets)
    table = _listed(screen.keys, candidates, listed, similarity, p_value)
    table["reverse_rank"] = reverse
    table["replicate_similarity"] = screen.agreement[candidates[listed]]
    return Neighbours(agreement.assign(candidates=len(candidates), null_size=options.null_size), table)


def _check(options: NeighbourOptions) -> None:
    if options.within not in STRATA:
        raise InputError(f"neighbours.within: {options.within!r} is not known; known: {', '.join(STRATA)}")


def permutation_p(
    screen: Perturbations, sets: np.ndarray, candidates: np.ndarray, similarity: np.ndarray
) -> np.ndarray:
    """(1 + permuted queries at least as near) / (1 + permuted queries), of each candidate.

    Parameters
    ----------
    screen : wells and perturbations
    sets : (B, n) wells of each permuted query; those that hold a well of a candidate do not count for it
    candidates : (C,) positions among `screen.keys`
    similarity : (C,) of the query
    """
    target = np.ascontiguousarray(screen.profiles[candidates].T, dtype=np.float32)
    limit = (similarity - EQUAL).astype(np.float32)
    place = np.full(len(screen.keys) + 1, -1)  # of a perturbation among the candidates; the last entry serves code -1
    place[candidates] = np.arange(len(candidates))
    reached = np.zeros(len(candidates), dtype=np.int64)
    counted = np.full(len(candidates), len(sets), dtype=np.int64)
    for part in blocks(len(sets), ROWS):
        chosen = sets[part]
        mean = screen.vectors[chosen[:, 0]].copy()
        for slot in range(1, chosen.shape[1]):
            mean += screen.vectors[chosen[:, slot]]
        norm = np.sqrt(np.einsum("ij,ij->i", mean, mean))
        mean /= np.where(norm > 0, norm, 1)[:, None]
        near = mean @ target >= limit
        held = place[screen.code[chosen]]  # (b, n) candidates whose own wells were drawn
        draw, at = np.nonzero(held >= 0)
        pairs = np.unique(np.stack([draw, held[draw, at]]), axis=1)
        near[pairs[0], pairs[1]] = False
        counted -= np.bincount(pairs[1], minlength=len(candidates))
        reached += near.sum(axis=0)
    return (1 + reached) / (1 + counted)


def _reverse_ranks(profiles: np.ndarray, names: np.ndarray, query: int, listed: np.ndarray) -> np.ndarray:
    """Rank of the query among the neighbours of each perturbation of `listed`; other doses of itself do not count."""
    similarity = profiles[listed] @ profiles.T
    others = (names[listed][:, None] != names[None, :]) & (names != names[query])[None, :]
    return np.asarray(1 + ((similarity > similarity[:, query, None]) & others).sum(axis=1))


def _query_row(
    screen: Perturbations, query: int, members: np.ndarray, layout: Layout, sets: np.ndarray
) -> pd.DataFrame:
    """What :attr:`Neighbours.query` says of the query's own wells."""
    row = screen.keys.iloc[[query]].reset_index(drop=True)
    own = float(screen.agreement[query])
    same_name = screen.keys["perturbation"].iloc[query] == screen.keys["perturbation"].to_numpy()
    others = is_treated(screen.wells) & (screen.code >= 0) & ~same_name[screen.code]
    row["replicate_similarity"] = own
    row["other_similarity"] = other_similarity(screen.unit, members, others, screen.plate)
    null = _agreement_of_sets(screen, sets) if np.isfinite(own) else np.empty(0)
    null = null[np.isfinite(null)]
    row["replicate_p_value"] = (1 + (null >= own - EQUAL).sum()) / (1 + len(null)) if len(null) else np.nan
    row["least_p_value"] = 1 / layout.distinct
    return row


def _agreement_of_sets(screen: Perturbations, sets: np.ndarray) -> np.ndarray:
    """(B,) mean cosine over pairs of wells of a set that lie on different plates."""
    unit, (count, n) = screen.unit.astype(np.float32), sets.shape
    out = np.empty(count)
    for part in blocks(count, max(1, (1 << 22) // (n * unit.shape[1]))):
        vectors = unit[sets[part]]
        plate = screen.plate[sets[part]]
        differ = plate[:, :, None] != plate[:, None, :]
        cosine = vectors @ vectors.transpose(0, 2, 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[part] = np.where(differ, cosine, 0).sum(axis=(1, 2)) / differ.sum(axis=(1, 2))
    return out


def neighbours(
    features: np.ndarray,
    wells: pd.DataFrame,
    names: Sequence[str] | None = None,
    options: NeighbourOptions | None = None,
    concentration: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nearest perturbations of several, each dose by itself.

    Parameters
    ----------
    features : (N, D) aligned vectors
    wells : wells table, row for row
    names : perturbations; None: all
    options : default: those of the configuration
    concentration : dose of `names`, µM; None: each of their doses

    Returns
    -------
    Queries and neighbours (:class:`Neighbours`), the latter with the columns `query` and `query_concentration` first.
    """
    screen = perturbations(features, wells)
    asked = _asked(screen.keys, names, concentration)
    return _gathered([neighbours_of(screen, query, options) for query in progress(asked, "neighbours", unit="query")])


def neighbours_without_wells(
    profiles: np.ndarray,
    keys: pd.DataFrame,
    names: Sequence[str] | None = None,
    options: NeighbourOptions | None = None,
    concentration: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """:func:`neighbours` where only the profiles of perturbations are known.

    The labels of whole perturbations are permuted: p is `reverse_rank` over the number of perturbations, the query
    included, that are not the candidate. Replicates' agreement is unknown.

    Parameters
    ----------
    profiles : (P, D) vectors of perturbations
    keys : P rows `perturbation_type, perturbation, concentration`
    """
    options = options or NeighbourOptions()
    unit, labels = unit_rows(profiles), pd.factorize(keys["perturbation"])[0]
    found = []
    for query in _asked(keys, names, concentration):
        candidates = np.flatnonzero(labels != labels[query])
        if not len(candidates):
            raise InputError(f"neighbours: {keys['perturbation'].iloc[query]} is the only perturbation of the profiles")
        with threadpool_limits(1, "blas"):
            similarity = unit[candidates] @ unit[query]
            reverse = np.concatenate(
                [_reverse_ranks(unit, labels, query, candidates[part]) for part in blocks(len(candidates), ROWS)]
            )
        own = np.bincount(labels)
        p_value = reverse / (len(labels) - own[labels[query]] - own[labels[candidates]] + 1)
        row = keys.iloc[[query]].reset_index(drop=True).assign(candidates=len(candidates))
        row = row.assign(least_p_value=1 / (len(labels) - own[labels[query]]))
        order = np.argsort(-similarity, kind="stable")
        table = _listed(keys, candidates, order[: options.k], similarity, p_value)
        found.append(Neighbours(row, table.assign(reverse_rank=reverse[order[: options.k]])))
    return _gathered(found)


def _asked(keys: pd.DataFrame, names: Sequence[str] | None, concentration: float | None) -> list[int]:
    if names is None:
        return list(range(len(keys)))
    return [int(i) for name in names for i in find(keys, name, concentration)]


def _listed(
    keys: pd.DataFrame, candidates: np.ndarray, listed: np.ndarray, similarity: np.ndarray, p_value: np.ndarray
) -> pd.DataFrame:
    """The candidates at the places `listed`, nearest first, with their p-values."""
    table = keys.iloc[candidates[listed]].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    table["similarity"], table["p_value"] = similarity[listed], p_value[listed]
    table["corrected_p_value"] = false_discovery_control(p_value)[listed]
    return table


def _gathered(found: Sequence[Neighbours]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Queries and neighbours of several."""
    tables = [
        x.table.assign(query=x.query["perturbation"].iloc[0], query_concentration=x.query["concentration"].iloc[0])
        for x in found
    ]
    table = pd.concat(tables, ignore_index=True)
    first = ["query", "query_concentration"]
    return pd.concat([x.query for x in found], ignore_index=True), table[first + [c for c in table if c not in first]]
