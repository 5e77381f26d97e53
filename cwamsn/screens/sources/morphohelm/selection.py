"""Which wells MorphoHELM's code scores, by set. Its draws depend on the order of rows, which is kept."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cwamsn.errors import InputError

UNKNOWN = ("JCP2022_999999", "JCP2022_UNKNOWN")
"""Empty wells, and wells of which nobody knows what is in them."""
MOST_WELLS = 200
PER_SOURCE = 2
SEED = 42
LAST_SOURCE = "source_10"


def two_per_source(compounds: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """At most two wells of each compound from each source, at random.

    Parameters
    ----------
    compounds, sources : (N,) text, in the order of the table

    Returns
    -------
    (M,) int64 positions, by compound and source in sorted order. One stream (RandomState(42)) serves all groups.
    """
    state = np.random.RandomState(SEED)
    rows = pd.Series(np.arange(len(compounds)))
    parts = []
    for _, part in rows.groupby([np.asarray(compounds, str), np.asarray(sources, str)], sort=True):
        members = part.to_numpy()
        if len(members) > PER_SOURCE:
            members = members[state.choice(len(members), PER_SOURCE, replace=False)]
        parts.append(members)
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def candidates_of_replicates(wells: pd.DataFrame) -> np.ndarray:
    """(N,) bool: treated wells of known compounds with at most 200 wells, controls and unknown ones left out."""
    known = wells["control"].isna() & ~wells["perturbation"].isin(UNKNOWN)
    sizes = wells.loc[known, "perturbation"].value_counts()
    kept: np.ndarray = (known & ~wells["perturbation"].isin(sizes.index[sizes > MOST_WELLS])).to_numpy(bool)
    return kept


def compounds_at_every_level(wells: pd.DataFrame) -> set[str]:
    """Compounds of which two wells differ in batch, two in source, two in position, and two in both of the latter.

    wells : candidates in table order; two wells of each source are drawn first (:func:`two_per_source`)
    """
    drawn = wells.iloc[two_per_source(wells["perturbation"].to_numpy(), wells["source"].to_numpy())]
    columns = ["experiment", "source", "address"]
    several = drawn.groupby("perturbation")[columns].nunique().min(axis=1) > 1
    some = drawn[drawn["perturbation"].isin(several.index[several])]
    found = set()
    for name, part in some.groupby("perturbation"):
        source, address = (part[column].to_numpy(object) for column in columns[1:])
        if ((source[:, None] != source[None, :]) & (address[:, None] != address[None, :])).any():
            found.add(str(name))
    return found


def select_replicates(
    tables: Mapping[str, pd.DataFrame], sample: int | None = None
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Wells of cpg-compound: two of each source, of compounds that every table has at every level; then the controls.

    Parameters
    ----------
    tables : wells after QC by model, in the order of each table; those of the first are taken
    sample : compounds drawn among those selected; None: all

    Returns
    -------
    Wells in the order in which they are drawn, and what was selected.

    Raises
    ------
    InputError
        No compound has what the levels need.
    """
    selected: set[str] | None = None
    for wells in tables.values():
        found = compounds_at_every_level(wells[candidates_of_replicates(wells)])
        selected = found if selected is None else selected & found
    names = sorted(selected or ())
    if not names:
        raise InputError("no compound has wells in two batches, sources and positions; set published_selection: false")
    if sample is not None and sample < len(names):
        names = sorted(np.random.RandomState(SEED).choice(names, sample, replace=False).tolist())
    first = next(iter(tables.values()))
    wells = first[candidates_of_replicates(first) & first["perturbation"].isin(names).to_numpy()]
    drawn = wells.iloc[two_per_source(wells["perturbation"].to_numpy(), wells["source"].to_numpy())]
    controls = first[(first["control"] == "negative").to_numpy()]
    facts: dict[str, object] = {
        "compounds_selected": len(names),
        "wells_drawn": len(drawn),
        "models_agreeing": len(tables),
    }
    return pd.concat([drawn, controls]), facts


def dense_subset(groups: Sequence[str], sources: Sequence[str], last: str = LAST_SOURCE) -> list[str]:
    """Groups and sources that the published code drops, in order, so that the rest is in most sources.

    Whichever has the lowest share of its row or column goes first: a source only if its share is strictly lower than
    that of every group. It ends with the source `last`.

    Parameters
    ----------
    groups, sources : mechanism and source of each profile, row for row

    Raises
    ------
    InputError
        The table has no such source.
    """
    if last not in set(sources):
        raise InputError(
            f"the published selection of mechanisms ends with {last}, which the table has not; set "
            "published_selection: false"
        )
    present = pd.crosstab(np.asarray(groups, str), np.asarray(sources, str)) > 0
    matrix, rows, columns = present.to_numpy(), list(present.index), list(present.columns)
    dropped: list[str] = []
    while not dropped or dropped[-1] != last:
        if not rows or not columns:
            raise InputError("the published selection drops every mechanism; set published_selection: false")
        by_row, by_column = matrix.mean(axis=1), matrix.mean(axis=0)
        if by_column.min() < by_row.min():
            at = int(by_column.argmin())
            dropped.append(columns.pop(at))
            matrix = np.delete(matrix, at, axis=1)
        else:
            at = int(by_row.argmin())
            dropped.append(rows.pop(at))
            matrix = np.delete(matrix, at, axis=0)
    return dropped


def select_mechanisms(wells: pd.DataFrame, labels: pd.Series) -> tuple[pd.DataFrame, dict[str, object]]:
    """Wells of cpg-moa: labelled compounds of the mechanisms and sources that are kept; and the controls.

    labels : mechanism by compound
    """
    treated = wells["control"].isna().to_numpy()
    mechanism = wells["perturbation"].where(treated).map(labels)
    known = mechanism.notna().to_numpy()
    dropped = set(dense_subset(mechanism[known].tolist(), wells.loc[known, "source"].tolist()))
    kept = known & ~mechanism.isin(dropped).to_numpy() & ~wells["source"].isin(dropped).to_numpy()
    facts: dict[str, object] = {
        "sources_kept": sorted(set(wells.loc[kept, "source"])),
        "mechanisms_kept": int(mechanism[kept].nunique()),
        "compounds_kept": int(wells.loc[kept, "perturbation"].nunique()),
        "dropped": sorted(dropped),
    }
    return wells[kept | (wells["control"] == "negative").to_numpy()], facts


def select_genes(wells: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, object]]:
    """Wells of cpg-crispr with a symbol without a hyphen; and the controls.

    The published code means the hyphens of InChIKeys; it removes genes such as HLA-A too.
    """
    gene = wells["gene"].fillna("").astype(str)
    treated = wells["control"].isna()
    hyphen = treated & gene.str.contains("-", regex=False)
    facts: dict[str, object] = {"symbols_removed": sorted(set(gene[hyphen]))}
    kept = treated & (gene != "") & ~hyphen
    return wells[(kept | (wells["control"] == "negative")).to_numpy()], facts
