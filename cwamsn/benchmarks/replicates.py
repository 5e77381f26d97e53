"""Replicate retrieval: mean average precision with p-values, by the copairs package.

A well is a query; its replicates (same perturbation and dose) are to rank above negatives by cosine.
"""

import numpy as np
import pandas as pd
from copairs.map import average_precision, mean_average_precision, multilabel

from cwamsn.benchmarks.compound_gene import ACTIVE
from cwamsn.errors import InputError
from cwamsn.tables import feature_columns

NEGATIVES = ("plate_controls", "other_perturbations")


def replicate_map(
    features: np.ndarray,
    wells: pd.DataFrame,
    negatives: str = "plate_controls",
    across_plates: bool = True,
    max_wells: int = 32,
    null_size: int = 10000,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean average precision of each perturbation's replicates.

    Parameters
    ----------
    features : (n, d) vectors of wells
    wells : `well_id, experiment, plate, perturbation, control` and, where there are doses, `concentration`
    negatives : `plate_controls`, the negative controls on the query's plate (phenotypic activity);
        `other_perturbations`, treated wells of any other perturbation on the same plate
    across_plates : whether replicates on the query's own plate are no positives
    max_wells : wells a perturbation and dose, at random beyond it; pairs grow with the square
    null_size : permutations of the null distribution of copairs' p-value

    Returns
    -------
    Table `perturbation, concentration, n_wells, mean_average_precision, mean_normalized_average_precision, p_value,
    corrected_p_value` (Benjamini-Hochberg), sorted.
    """
    if negatives not in NEGATIVES:
        raise InputError(f"replicate_map.negatives: {negatives!r} is not known; known: {', '.join(NEGATIVES)}")
    order = np.argsort(wells["well_id"].to_numpy(str), kind="stable")
    features, wells = np.asarray(features, dtype=np.float64)[order], wells.iloc[order].reset_index(drop=True)
    dose = wells["concentration"] if "concentration" in wells else pd.Series(np.nan, index=wells.index)
    meta = pd.DataFrame(
        {
            "perturbation": wells["perturbation"].fillna("").astype(str),
            "concentration": dose.map(lambda v: "" if pd.isna(v) else str(float(v))),
            "plate": wells["experiment"].astype(str) + "/" + wells["plate"].astype(str),
        }
    )
    control = (wells["control"] == "negative").to_numpy()
    treated = (wells["control"].isna() & wells["perturbation"].notna()).to_numpy()
    shuffled = np.random.default_rng(seed).permutation(len(meta))
    place = meta.iloc[shuffled].groupby(["perturbation", "concentration"]).cumcount().sort_index().to_numpy()
    treated &= place < max_wells
    keep = treated | control if negatives == "plate_controls" else treated
    meta, features = meta[keep].reset_index(drop=True), features[keep]
    # copairs' reference index: -1 for treated wells, a number of its own for each control, so that a treated well's
    # negatives are controls and a control is nobody's replicate.
    meta["reference"] = np.where(treated[keep], -1, np.arange(len(meta)))
    differ = ["perturbation", "reference"] if negatives == "plate_controls" else ["perturbation"]
    same = ["perturbation", "concentration", "reference"]
    try:
        scores = average_precision(
            meta, features, same, ["plate"] if across_plates else [], ["plate"], differ, progress_bar=False
        )
    except Exception as error:
        if type(error).__name__ != "UnpairedException":
            raise
        raise InputError(f"replicate_map: {error} Set replicate_map.across_plates or .negatives otherwise") from None
    scores = scores[scores["average_precision"].notna() & (scores["reference"] == -1)]
    if scores.empty:
        raise InputError(
            "replicate_map: no well has both a replicate and a negative; set replicate_map.negatives otherwise"
        )
    group = ["perturbation", "concentration"]
    table = mean_average_precision(scores, group, null_size, 0.05, seed, progress_bar=False, max_workers=1)
    sizes = scores.groupby(group).size().rename("n_wells").reset_index()
    table = table.merge(sizes, on=group)
    names = ["mean_average_precision", "mean_normalized_average_precision", "p_value", "corrected_p_value"]
    return table[[*group, "n_wells", *names]].sort_values(group, ignore_index=True)


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
    table = mean_average_precision(scores, ["target"], null_size, 0.05, seed, progress_bar=False, max_workers=1)
    sizes = scores.groupby("target").size().rename("n_compounds").reset_index()
    return table.merge(sizes, on="target")[["target", "n_compounds", *names]].sort_values("target", ignore_index=True)


def summary(table: pd.DataFrame, in_sample: bool, source: str = "replicates") -> pd.DataFrame:
    """`metric, source, value, n`: mean over perturbations (or targets), share retrieved at corrected p < 0.05.

    in_sample : whether the model was trained on the screen that it is scored on, which the source then says.
    """
    if table.empty:
        return pd.DataFrame(columns=["metric", "source", "value", "n"])
    source = f"{source} (in-sample)" if in_sample else source
    values = {
        "mean_average_precision": table["mean_average_precision"].mean(),
        "mean_normalized_average_precision": table["mean_normalized_average_precision"].mean(),
        "share_retrieved": (table["corrected_p_value"] < 0.05).mean(),
    }
    return pd.DataFrame([{"metric": m, "source": source, "value": v, "n": len(table)} for m, v in values.items()])
