"""Whether replicates of perturbations that were not trained on find each other across plates."""

import numpy as np

from cwamsn.vectors import unit_rows

MOST = 4000  # wells; more say the same and take longer


def precision_across(vectors: np.ndarray, groups: np.ndarray, plates: np.ndarray) -> float:
    """Mean average precision of replicate retrieval among wells of other plates.

    Every well is a query; candidates are the wells on other plates, positives those of its own group. A candidate as
    similar as a positive counts half.

    Parameters
    ----------
    vectors : (N, D)
    groups, plates : (N,) what each well holds, and where it lies

    Returns
    -------
    float
        Mean over the queries that have a positive; NaN where none has.
    """
    unit = unit_rows(vectors)
    similar = unit @ unit.T
    found = []
    for query in range(len(unit)):
        other = plates != plates[query]
        hit = other & (groups == groups[query])
        if not hit.any():
            continue
        values, wanted = similar[query, other], np.sort(similar[query, hit])[::-1]
        distractors = np.sort(similar[query, other & ~hit])
        above = (
            len(distractors)
            - (np.searchsorted(distractors, wanted, "left") + np.searchsorted(distractors, wanted, "right")) / 2
        )
        own = np.arange(1, len(wanted) + 1)
        assert len(values) == len(distractors) + len(wanted)
        found.append(float(np.mean(own / (own + above))))
    return float(np.mean(found)) if found else float("nan")


def chosen_rows(rows: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """At most :data:`MOST` of the rows, whole groups in a drawn order."""
    names = np.random.default_rng(seed).permutation(np.unique(groups[rows]))
    out: list[np.ndarray] = []
    count = 0
    for name in names:
        own = rows[groups[rows] == name]
        if out and count + len(own) > MOST:
            break
        out.append(own)
        count += len(own)
    return np.sort(np.concatenate(out)) if out else rows[:0]
