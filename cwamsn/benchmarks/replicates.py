"""Replicate retrieval: mean average precision with p-values, by the copairs package.

A well is a query; its replicates (same perturbation and dose) are to rank above negatives by cosine.
"""

from dataclasses import dataclass
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from copairs.map import average_precision, mean_average_precision, multilabel

from cwamsn.benchmarks.compound_gene import ACTIVE
from cwamsn.benchmarks.scores import Result
from cwamsn.errors import InputError
from cwamsn.exposure import marked
from cwamsn.options import Options
from cwamsn.tables import feature_columns
from cwamsn.wells import in_order_of_ids, is_negative, is_treated

NEGATIVES = ("plate_controls", "other_perturbations")


@dataclass(frozen=True, kw_only=True)
class ReplicateOptions(Options):
    """The section `replicate_map` of the configuration."""

    negatives: str = "plate_controls"
    """`plate_controls`, the negative controls on the query's plate (phenotypic activity); `other_perturbations`,
    treated wells of any other perturbation on the same plate."""
    across_plates: bool = True
    """Whether replicates on the query's own plate are not counted as positives."""
    max_wells: int = 32
    """Wells per perturbation and dose, chosen at random beyond it; pairs grow with the square."""
    null_size: int = 10000
    """Permutations of the null distribution of copairs' p-value."""
    seed: int = 0
    """Of choice and null."""


def score(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: ReplicateOptions,
    *,
    in_sample: bool | None,
    targets: tuple[pd.DataFrame, pd.DataFrame] | None = None,
) -> Result:
    """Everything that this benchmark reports of one method's aligned wells.

    Parameters
    ----------
    features : (n, d) aligned vectors
    wells : their wells, row for row
    in_sample : whether the method was trained on the screen that it is scored on, as the source says; None: unknown
    targets : map and truth table, for the retrieval of targets; None: not reported

    Returns
    -------
    Its own table is that of :func:`replicate_map`. Metrics: those of :func:`summary`.
    """
    table = replicate_map(features, wells, options)
    parts = [summary(table, in_sample)]
    if targets is not None:
        parts.append(summary(target_map(*targets, options.null_size, options.seed), in_sample, "targets"))
    return Result(tuple(parts), table)


def replicate_map(features: np.ndarray, wells: pd.DataFrame, options: ReplicateOptions | None = None) -> pd.DataFrame:
    """Mean average precision of each perturbation's replicates.

    Parameters
    ----------
    features : (n, d) vectors of wells
    wells : `well_id, experiment, plate, perturbation, control` and, where there are doses, `concentration`
    options : default: those of the configuration

    Returns
    -------
    Table `perturbation, concentration, n_wells, mean_average_precision, mean_normalized_average_precision, p_value,
    corrected_p_value` (Benjamini-Hochberg), sorted.
    """
    options = options or ReplicateOptions()
    negatives = options.negatives
    if negatives not in NEGATIVES:
        raise InputError(f"replicate_map.negatives: {negatives!r} is not known; known: {', '.join(NEGATIVES)}")
    features, wells = in_order_of_ids(np.asarray(features, dtype=np.float64), wells)
    dose = wells["concentration"] if "concentration" in wells else pd.Series(np.nan, index=wells.index)
    meta = pd.DataFrame(
        {
            "perturbation": wells["perturbation"].fillna("").astype(str),
            "concentration": dose.map(lambda v: "" if pd.isna(v) else str(float(v))),
            "plate": wells["experiment"].astype(str) + "/" + wells["plate"].astype(str),
        }
    )
    control, treated = is_negative(wells), is_treated(wells)
    shuffled = np.random.default_rng(options.seed).permutation(len(meta))
    place = meta.iloc[shuffled].groupby(["perturbation", "concentration"]).cumcount().sort_index().to_numpy()
    treated &= place < options.max_wells
    keep = treated | control if negatives == "plate_controls" else treated
    meta, features = meta[keep].reset_index(drop=True), features[keep]
    # copairs' reference index: -1 for treated wells, a number of its own for each control, so that a treated well's
    # negatives are controls and controls never count as replicates.
    meta["reference"] = np.where(treated[keep], -1, np.arange(len(meta)))
    differ = ["perturbation", "reference"] if negatives == "plate_controls" else ["perturbation"]
    same = ["perturbation", "concentration", "reference"]
    try:
        scores = average_precision(
            meta, features, same, ["plate"] if options.across_plates else [], ["plate"], differ, progress_bar=False
        )
    except Exception as error:
        if type(error).__name__ != "UnpairedException":
            raise
        raise InputError(f"{error} Set replicate_map.across_plates or .negatives otherwise") from None
    scores = scores[scores["average_precision"].notna() & (scores["reference"] == -1)]
    if scores.empty:
        raise InputError("no well has both a replicate and a negative; set replicate_map.negatives otherwise")
    group = ["perturbation", "concentration"]
    table = _mean_average_precision(scores, group, options.null_size, options.seed)
    sizes = scores.groupby(group).size().rename("n_wells").reset_index()
    table = table.merge(sizes, on=group)
    names = ["mean_average_precision", "mean_normalized_average_precision", "p_value", "corrected_p_value"]
    return table[[*group, "n_wells", *names]].sort_values(group, ignore_index=True)


def _mean_average_precision(scores: pd.DataFrame, group: list[str], null_size: int, seed: int) -> pd.DataFrame:
    """copairs' mean per group with p-values, from null distributions of its own.

    By default copairs keeps null distributions in the home folder, and which random numbers one holds depends on what
    else was scored with it: p-values of a run would depend on those before it.
    """
    with TemporaryDirectory() as cache:
        return mean_average_precision(
            scores, group, null_size, 0.05, seed, progress_bar=False, max_workers=1, cache_dir=cache
        )


def target_map(
    perturbation_map: pd.DataFrame, truth: pd.DataFrame, null_size: int = 10000, seed: int = 0
) -> pd.DataFrame:
    """Mean average precision of each target: do compounds that share it resemble each other more than other compounds?

    Each compound of the truth table with a target of at most 1,000 nM is taken at its highest dose in the map; a
    compound with several targets is a replicate of each (copairs' multilabel retrieval).

    Returns
    -------
    Table `target, n_compounds, mean_average_precision, mean_normalized_average_precision, p_value,
    corrected_p_value`, sorted; empty where no two compounds share a target.
    """
    compounds = perturbation_map[perturbation_map["perturbation_type"] == "COMPOUND"]
    last = compounds.sort_values(["perturbation", "concentration"]).drop_duplicates("perturbation", keep="last")
    active = truth[truth["nM_value"] <= ACTIVE]
    targets = active.groupby("treatment")["gene_symbol"].agg(lambda genes: sorted(set(genes)))
    meta = last[last["perturbation"].isin(targets.index)].reset_index(drop=True)
    names = ["mean_average_precision", "mean_normalized_average_precision", "p_value", "corrected_p_value"]
    empty = pd.DataFrame(columns=["target", "n_compounds", *names])
    listed = targets.loc[meta["perturbation"]]
    if len(meta) < 3 or not listed.explode().duplicated().any():
        return empty
    frame = pd.DataFrame({"perturbation": meta["perturbation"], "target": listed.to_numpy()})
    features = meta[feature_columns(meta.columns)].to_numpy(dtype=np.float64)
    scores = multilabel.average_precision(
        frame, features, ["target"], [], [], ["target"], multilabel_col="target", progress_bar=False
    )
    scores = scores[scores["average_precision"].notna()]
    table = _mean_average_precision(scores, ["target"], null_size, seed)
    sizes = scores.groupby("target").size().rename("n_compounds").reset_index()
    return table.merge(sizes, on="target")[["target", "n_compounds", *names]].sort_values("target", ignore_index=True)


def summary(table: pd.DataFrame, in_sample: bool | None, source: str = "replicates") -> pd.DataFrame:
    """`metric, source, value, n`: mean over perturbations (or targets), share retrieved at corrected p < 0.05.

    in_sample : whether the method was trained on the screen that it is scored on, as the source says; None: unknown.
    """
    if table.empty:
        return pd.DataFrame(columns=["metric", "source", "value", "n"])
    source = marked(source, in_sample)
    values = {
        "mean_average_precision": table["mean_average_precision"].mean(),
        "mean_normalized_average_precision": table["mean_normalized_average_precision"].mean(),
        "share_retrieved": (table["corrected_p_value"] < 0.05).mean(),
    }
    return pd.DataFrame([{"metric": m, "source": source, "value": v, "n": len(table)} for m, v in values.items()])
