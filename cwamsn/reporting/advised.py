"""What the report says on when alignment across wells pays, and what to take for the screen that was trained on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cwamsn import tables
from cwamsn.advice import advice_of, pays, read_evidence, situation_of
from cwamsn.methods import KINDS
from cwamsn.reporting.context import TableMethod
from cwamsn.reporting.scores import ScoreSelection, select, selected

NOT_IN_SAMPLE = "replicates"
"""Source of a score of replicates whose method was not trained on the screen; others carry a mark."""


def advised(
    config: Mapping[str, Any],
    methods: Sequence[TableMethod],
    scores: pd.DataFrame,
    wells: Mapping[str, str | Path],
) -> list[str]:
    """Where alignment across wells was shown to pay, and for each screen what to take, with the support.

    Parameters
    ----------
    config : of the run, as recorded.
    methods : of the run, in order.
    scores : every score of the run.
    wells : wells table of each screen whose wells are paired in training, by its name; without one, nothing is said.
    """
    evidence, found = read_evidence(), []
    for screen, path in wells.items():
        share, how = active_share(config, methods, scores, screen)
        found.append(advice_of(situation_of(tables.read("wells", path), screen, share, how), evidence))
    return [pays(evidence), *found] if found else []


def active_share(
    config: Mapping[str, Any], methods: Sequence[TableMethod], scores: pd.DataFrame, screen: str
) -> tuple[float | None, str]:
    """Share of a screen's perturbations that act, and how it is known; None where nothing of the run says.

    Of a simulated screen it is what was simulated. Else it is the share whose replicates find each other ahead of
    negative controls (`replicate_map`, corrected p < 0.05), the highest among methods that were not trained on the
    screen. Where replicates share their position, effects of position count as activity.
    """
    spec = config["screens"].get(screen, {})
    if str(spec.get("source", "")).startswith("simulated-") and "phenotype" in spec:
        return 1 - float(spec["phenotype"]["inactive"]), "as simulated"
    if config.get("replicate_map", {}).get("negatives") != "plate_controls":
        return None, ""
    wanted = {"screen": screen, "benchmark": "replicate_map", "metric": "share_retrieved", "source": NOT_IN_SAMPLE}
    of_run = selected(scores, ScoreSelection(alignment=config.get("alignment", {}).get("method")))
    shares = select(of_run, **wanted)
    titles = {m.name: m.title for m in methods if KINDS[m.kind].ranked}
    shares = shares[shares["method"].isin(titles)]
    if shares.empty:
        return None, ""
    best = shares.groupby("method")["value"].mean().sort_values(ascending=False, kind="stable")
    return float(best.iloc[0]), f"replicates of {titles[str(best.index[0])]} find each other"
