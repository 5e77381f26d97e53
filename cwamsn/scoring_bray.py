"""Embeddings of Bray's wells on what the field asks of that screen: mechanisms, replicates at every level, plates."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from cwamsn.benchmarks.enrichment import EnrichmentOptions
from cwamsn.benchmarks.plate_probe import PlateProbeOptions
from cwamsn.exposure import without_mark
from cwamsn.scoring import Sections
from cwamsn.vocabulary import LEVELS, MECHANISMS

ALIGNMENT = "morphohelm"
"""The main profile of MorphoHELM, so that scores stand beside the published ones."""
PROBES = PlateProbeOptions(plate_readings=("experiment_plate", "row", "column"), controls=("only",))
"""Negative controls alone: a treated well gives its plate away by what was put into it."""
MECHANISMS_OF = EnrichmentOptions(item="treatment", label_item="Metadata_broad_sample", label="Metadata_moa")
"""The columns of `BBBC036_v1_DatasetGroundTruth.csv`."""
PARTS = ("", ", train", ", val", ", test")
PROBED = {"experiment_plate": "plate", "row": "row", "column": "column"}


def bray_sections(labels: str | None, base: Sections | None = None) -> tuple[Sections, list[str]]:
    """Sections of the configuration for Bray, and the benchmarks: those of `config/bray_embeddings.yaml`.

    Parameters
    ----------
    labels : the table of mechanisms of action, `BBBC036_v1_DatasetGroundTruth.csv`; None: mechanisms are not scored
    base : sections that everything else is taken of, such as bootstrap and the least number of cells

    Returns
    -------
    The sections, and `enrichment` (with labels), `retrieval` and `plate_probe`.
    """
    base = base or Sections()
    sections = replace(
        base,
        alignment=replace(base.alignment, method=ALIGNMENT),
        plate_probe=PROBES,
        enrichment=replace(MECHANISMS_OF, labels=labels),
    )
    return sections, [*(["enrichment"] if labels else []), "retrieval", "plate_probe"]


class Row(NamedTuple):
    """One line of :func:`bray_summary`."""

    question: str
    wells: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    chance: float | None
    n: int | None
    said: str | None


def bray_summary(scores: pd.DataFrame, sections: Sections) -> pd.DataFrame:
    """The scores that a reader asks for first, each beside chance.

    Parameters
    ----------
    scores : table of contract `scores`, of one method
    sections : that they were computed with

    Returns
    -------
    `question, wells, value, ci_low, ci_high, chance, n, said`. `wells`: the level of stringency, with the part of a
    split screen that the queries are of, or the wells that a probe sees. `chance`: of an odds ratio and a share of
    compounds what a random ranking gives, of a probe the same probe on shuffled labels, of retrieval the same with
    shuffled labels, if `shuffled_labels.draws` asks for them. `said`: `in-sample`, where the screen was trained on
    (with `?`: nobody has said); `not scored`, where the layout has no such level.
    """
    source, in_sample = without_mark(scores["source"].where(scores["source"].notna(), ""))
    table = scores.assign(source=source, in_sample=in_sample)
    rows = [*_of_mechanisms(table, sections), *_of_replicates(table, sections), *_of_probes(table)]
    return pd.DataFrame(rows, columns=Row._fields)


def _of_mechanisms(table: pd.DataFrame, sections: Sections) -> Iterator[Row]:
    table = table[table["benchmark"] == "enrichment"]
    if table.empty:
        return
    for level in sections.enrichment.levels:
        for part in PARTS:
            found = table[table["source"] == f"{MECHANISMS} {level}{part}"].set_index("metric")
            for metric, question, chance in (
                ("share_significant", "mechanism: share of compounds", "share_of_a_random_ranking"),
                ("geometric_mean_odds_ratio", "mechanism: mean odds ratio", "odds_ratio_of_a_random_ranking"),
            ):
                if metric in found.index:
                    yield _row(question, level + part, found.loc[metric], float(found.at[chance, "value"]))
        if not (table["source"] == f"{MECHANISMS} {level}").any():
            yield _nothing("mechanism", level)


def _of_replicates(table: pd.DataFrame, sections: Sections) -> Iterator[Row]:
    table = table[table["benchmark"] == "retrieval"]
    if table.empty:
        return
    for level in sections.retrieval.levels:
        for part in PARTS:
            found = table[table["source"] == level + part].set_index(["metric", "null"])
            for metric, null, question in (
                ("recall_at_1", "perturbations", "replicates: Recall@1"),
                ("mean_average_precision", "perturbations", "replicates: mAP, other compounds"),
                ("mean_average_precision", "controls", "replicates: mAP, controls"),
            ):
                whole = not part or metric == "recall_at_1"  # of a part of the screen one number is enough
                if whole and (metric, null) in found.index:
                    yield _row(question, level + part, found.loc[(metric, null)], None)
        if not (table["source"] == level).any():
            yield _nothing("replicates", level)


def _of_probes(table: pd.DataFrame) -> Iterator[Row]:
    table = table[table["benchmark"] == "plate_probe"]
    where = ["plate_reading", "alignment", "controls", "source"]
    for metric in [name for name in table["metric"].unique() if name.endswith("_macro_f1_mean")]:
        probe = metric.removesuffix("_macro_f1_mean")
        shuffled = table[table["metric"] == f"{probe}_macro_f1_shuffled"].set_index(where)["value"]
        for _, row in table[table["metric"] == metric].iterrows():
            state = "raw" if row["alignment"] == "none" else "aligned"
            question = f"{PROBED.get(row['plate_reading'], row['plate_reading'])}: {probe} probe, macro-F1"
            chance = float(shuffled[tuple(row[where])])
            wells = f"controls, {state}" if row["controls"] == "only" else state
            yield Row(question, wells, float(row["value"]), None, None, chance, int(row["n"]), None)


def _row(question: str, wells: str, score: pd.Series, chance: float | None) -> Row:
    said = {"yes": "in-sample", "unknown": "in-sample?"}.get(str(score["in_sample"]))
    low, high = score.get("ci_low"), score.get("ci_high")
    chance = score.get("shuffled") if chance is None else chance
    return Row(question, wells, float(score["value"]), low, high, chance, int(score["n"]), said)


def _nothing(question: str, level: str) -> Row:
    return Row(question, level, None, None, None, None, None, f"not scored ({LEVELS[level][1]})")
