"""Which items are partners: those with the same label, or those that a table of pairs names."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from cwamsn.errors import InputError
from cwamsn.notes import note

MATCHES = ("whole", "any")


def of_labels(items: Sequence[str], labels: pd.Series, match: str = "whole") -> sparse.csr_array:
    """(I, I) bool: whether two items share a label.

    Parameters
    ----------
    items : names, in the order of the result
    labels : label of an item, by its name; several are joined by `|`. Case and blanks at the ends do not matter
    match : `whole`: the whole text is one label, as published; `any`: items share any one of them

    Raises
    ------
    InputError
        For an unknown match, an item with several rows, or no item with a label.
    """
    if match not in MATCHES:
        raise InputError(f"match: {match!r} is not known; known: {', '.join(MATCHES)}")
    if labels.index.has_duplicates:
        name = labels.index[labels.index.duplicated()][0]
        raise InputError(f"labels: {name!r} has several rows; keep one, several labels are joined by '|'")
    texts = labels.reindex(list(items)).fillna("").astype(str).map(plain)
    if not (texts != "").any():
        raise InputError(f"labels: none of the {len(texts)} items has a label (the first is {list(items)[:1]})")
    lists = texts.map(_parts)
    if match == "whole":
        lists = lists.map(lambda parts: ["|".join(parts)] if parts else [])
    missing = int((texts == "").sum())
    if missing:
        note(f"enrichment: {missing} of {len(texts)} items have no label; they stay candidates")
    flat = lists.reset_index(drop=True).explode().dropna()
    codes, names = pd.factorize(flat)
    member = sparse.csr_array(
        (np.ones(len(flat), dtype=np.int32), (flat.index.to_numpy(), codes)), shape=(len(texts), max(1, len(names)))
    )
    return _relation(member @ member.T)


def plain(label: str) -> str:
    """A label, or several joined by `|`, without what does not matter: case, and blanks around each."""
    return "|".join(_parts(label.casefold()))


def _parts(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split("|") if part.strip()))


def of_pairs(items: Sequence[str], pairs: pd.DataFrame) -> sparse.csr_array:
    """(I, I) bool: whether a table names two items as a pair, in either order.

    pairs : two columns of names; rows with an item that is not there are left out.
    """
    place = pd.Index(list(items))
    first, second = place.get_indexer(pairs.iloc[:, 0]), place.get_indexer(pairs.iloc[:, 1])
    known = (first >= 0) & (second >= 0)
    first, second = first[known], second[known]
    size = (len(place), len(place))
    return _relation(sparse.csr_array((np.ones(2 * len(first)), (np.r_[first, second], np.r_[second, first])), size))


def _relation(counts: sparse.csr_array) -> sparse.csr_array:
    """Where a matrix is not 0, but for its diagonal."""
    found = sparse.csr_array(counts > 0)
    found.setdiag(False)
    found.eliminate_zeros()
    return sparse.csr_array(found)
