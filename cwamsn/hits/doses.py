"""The hit list: one row per perturbation, its doses taken together."""

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, spearmanr

TREND_DOSES = 4  # a rank correlation over fewer says nothing


def hit_list(table: pd.DataFrame, level: float = 0.05) -> pd.DataFrame:
    """Perturbations that differ from their controls at some dose, and at which.

    The p-value of a perturbation is the smallest of its D tested doses times D (Bonferroni); it is active where that is
    at most `level` after Benjamini and Hochberg's correction over perturbations. Of R active ones among m, the active
    doses are those that the same correction within the perturbation leaves at `level` R / m (Benjamini and Bogomolov
    2014), which keeps the false discovery rate of doses, averaged over the perturbations that are listed.

    Parameters
    ----------
    table : of :func:`cwamsn.hits.activity`
    level : false discovery rate

    Returns
    -------
    `perturbation_type, perturbation, active, p_value, corrected_p_value, n_doses` tested, `active_concentrations` (µM,
    separated by blanks), `lowest_active_concentration, best_concentration` (smallest p-value, then largest mAP),
    `mean_average_precision, replicate_similarity, n_wells` of that dose, `dose_trend` (Spearman's correlation of dose
    and mAP, from four doses on), `reason` why it is not tested. Active ones first, by p-value, then by mAP.
    """
    rows = [
        _perturbation(kind, name, part)
        for (kind, name), part in table.groupby(["perturbation_type", "perturbation"], sort=True)
    ]
    out = pd.DataFrame(rows)
    tested = out["p_value"].notna().to_numpy()
    out["corrected_p_value"] = np.nan
    if tested.any():
        out.loc[tested, "corrected_p_value"] = false_discovery_control(out.loc[tested, "p_value"])
    out["active"] = (out["corrected_p_value"] <= level).to_numpy()
    within = level * out["active"].sum() / max(1, tested.sum())
    for place in np.flatnonzero(out["active"]):
        key = out.loc[place, ["perturbation_type", "perturbation"]]
        part = table[(table["perturbation_type"] == key.iloc[0]) & (table["perturbation"] == key.iloc[1])]
        part = part[part["p_value"].notna()]
        found = part["concentration"].to_numpy(dtype=float)[false_discovery_control(part["p_value"]) <= within]
        found = np.sort(found[np.isfinite(found)])
        out.loc[place, "active_concentrations"] = " ".join(f"{dose:g}" for dose in found)
        out.loc[place, "lowest_active_concentration"] = found[0] if len(found) else np.nan
    order = ["active", "p_value", "mean_average_precision", "perturbation"]
    out = out.sort_values(order, ascending=[False, True, False, True], kind="stable", ignore_index=True)
    names = [
        *("perturbation_type", "perturbation", "active", "p_value", "corrected_p_value", "n_doses"),
        *("active_concentrations", "lowest_active_concentration", "best_concentration", "mean_average_precision"),
        *("replicate_similarity", "n_wells", "dose_trend", "reason"),
    ]
    return out[names]


def _perturbation(kind: str, name: str, part: pd.DataFrame) -> dict[str, object]:
    """A row before anything is corrected."""
    tested = part[part["p_value"].notna()].sort_values(
        ["p_value", "mean_average_precision"], ascending=[True, False], kind="stable"
    )
    best = (tested if len(tested) else part).iloc[0]
    dosed = tested[tested["concentration"].notna()]
    trend = np.nan
    if len(dosed) >= TREND_DOSES and dosed["mean_average_precision"].nunique() > 1:
        trend = float(spearmanr(dosed["concentration"], dosed["mean_average_precision"])[0])
    return {
        "perturbation_type": kind,
        "perturbation": name,
        "p_value": min(1.0, best["p_value"] * len(tested)) if len(tested) else np.nan,
        "n_doses": len(tested),
        "active_concentrations": "",
        "lowest_active_concentration": np.nan,
        "best_concentration": best["concentration"],
        "mean_average_precision": best["mean_average_precision"],
        "replicate_similarity": best["replicate_similarity"],
        "n_wells": best["n_wells"],
        "dose_trend": trend,
        "reason": "" if len(tested) else best["reason"],
    }
