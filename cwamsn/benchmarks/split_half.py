"""The noise ceiling of the gene-gene recall: how well a gene finds itself by one half of its guides."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cwamsn.benchmarks.similarity import THRESHOLDS, cosines, is_recalled
from cwamsn.notes import note
from cwamsn.wells import in_order_of_ids


def split_half_by_guide(
    features: np.ndarray,
    wells: pd.DataFrame,
    thresholds: Sequence[Sequence[float]] = THRESHOLDS,
    repeats: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """How well a gene finds itself when its guides are split into two halves: the noise ceiling of the recall.

    Parameters
    ----------
    features : (n, d) aligned vectors of wells
    wells : their `well_id`, `perturbation` and, where there are any, `gene` and `guide`, row for row. Without `gene`
        a knockout's perturbation is its gene; without `guide` nothing can be split: the table is empty, as a note says
    repeats : random splits, drawn from `seed`

    Returns
    -------
    Table `repeat, threshold_low, threshold_high, recall, top1, n_genes`: share of genes whose two half vectors lie in
    the tails of the cosines of all pairs (half one of a gene, half two of another); share of genes whose nearest
    half-two vector is their own.
    """
    features, wells = in_order_of_ids(np.asarray(features, dtype=np.float64), wells)
    guides = _guides(wells).groupby(["gene", "guide"], sort=True, observed=True).indices
    names = [name for name in guides if all(isinstance(part, str) for part in name)]
    means = np.stack([features[guides[name]].mean(axis=0) for name in names]) if names else np.empty((0, 1))
    genes = np.array([gene for gene, _ in names], dtype=str)
    members = [np.flatnonzero(genes == gene) for gene in np.unique(genes)]
    members = [rows for rows in members if len(rows) >= 2]
    columns = ["repeat", "threshold_low", "threshold_high", "recall", "top1", "n_genes"]
    if len(members) < 2:
        note(f"split_half_recall: {len(members)} genes have two guides or more, two are needed: no noise ceiling")
        return pd.DataFrame(columns=columns)
    rng, rows = np.random.default_rng(seed), []
    for repeat in range(repeats):
        halves = [np.array_split(rng.permutation(m), 2) for m in members]
        first, second = (np.stack([means[np.sort(h[i])].mean(axis=0) for h in halves]) for i in (0, 1))
        matrix = cosines(first, second)
        own = np.diag(matrix)
        null = np.sort(matrix[~np.eye(len(matrix), dtype=bool)])
        top1 = float((matrix.argmax(axis=1) == np.arange(len(matrix))).mean())
        for low, high in thresholds:
            hits = is_recalled(null, own, low, high)
            rows.append((repeat, float(low), float(high), float(hits.mean()), top1, len(own)))
    return pd.DataFrame(rows, columns=columns)


def _guides(wells: pd.DataFrame) -> pd.DataFrame:
    """Columns `gene` and `guide` of the wells contract, both of which a screen may lack."""
    empty = pd.Series(None, index=wells.index, dtype=object)
    if "gene" in wells:
        gene = wells["gene"]
    else:
        gene = wells["perturbation"].where((wells["perturbation_type"] == "CRISPR") & wells["control"].isna(), None)
    return pd.DataFrame({"gene": gene, "guide": wells.get("guide", empty)})


def split_half_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the repeats of :func:`split_half_by_guide`: metrics `split_half_recall` and `split_half_top1`."""
    rows = []
    for (low, high), part in table.groupby(["threshold_low", "threshold_high"], sort=False):
        for metric, column in (("split_half_recall", "recall"), ("split_half_top1", "top1")):
            rows.append((metric, "genes", low, high, part[column].mean(), int(part["n_genes"].iloc[0])))
    return pd.DataFrame(rows, columns=["metric", "source", "threshold_low", "threshold_high", "value", "n"])
