"""Tables of what MorphoHELM asks for: retrieval and gene-gene recall at levels of stringency, and enrichment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from cwamsn.exposure import without_mark
from cwamsn.products import Product
from cwamsn.reporting.context import TableContext, TableMethod
from cwamsn.reporting.further import further_rows, further_table, in_sample_column, in_sample_note
from cwamsn.reporting.scores import JOINT, select, selected
from cwamsn.reporting.table import Column, Table
from cwamsn.vocabulary import LEVELS, MATCHING_TASKS, MECHANISMS, PATHWAYS

RETRIEVAL = {
    ("recall_at_1", "perturbations"): "Recall@1",
    ("mean_average_precision", "perturbations"): "mAP",
    ("mean_average_precision", "controls"): "mAP against controls",
}
ENRICHMENT = {"share_significant": "share significant", "geometric_mean_odds_ratio": "odds ratio"}
CHANCE = {"share_of_a_random_ranking": "share significant", "odds_ratio_of_a_random_ranking": "odds ratio"}


def retrieval_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Recall@1 and mean average precision at each level that the screen can have."""
    found = selected(select(scores, benchmark="retrieval"), replace(context.selection, null=None))
    found, seen = _without_mark(found)
    found = found.assign(key=found["source"] + "_" + found["metric"] + "_" + found["null"].astype(str))
    columns = [
        Column(f"{level}_{metric}_{kind}", text, 3, "high", f"{level},")
        for level in LEVELS
        for (metric, kind), text in RETRIEVAL.items()
    ]
    columns = [column for column in columns if column.key in set(found["key"])]
    levels = [name for name in LEVELS if name in set(found["source"])]
    notes = [
        "Every treated well is a query; it is to find the wells of its perturbation and dose. Recall@1: share of wells "
        "whose nearest admitted well is one; mAP: ranked before wells of other perturbations, or before negative "
        "controls. Mean over wells, aligned embeddings.",
        "Levels: " + "; ".join(f"{name} {LEVELS[name][1]}" for name in levels) + "." if levels else "",
        in_sample_note(seen),
    ]
    rows = further_rows(methods, found, "retrieval", columns)
    return further_table(product, [in_sample_column(rows, seen), *columns], rows, context, notes)


def enrichment_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Share of compounds or genes that are enriched, and their odds ratios, with what a random ranking would have."""
    found = selected(select(scores, benchmark="enrichment"), replace(context.selection, null=None))
    found, seen = _without_mark(found)
    found = found.assign(key=found["source"] + "_" + found["metric"])
    there = set(found["source"])
    names = (f"{relation} {level}" for relation in (MECHANISMS, PATHWAYS) for level in LEVELS)
    sources = [name for name in names if name in there]
    columns = [
        Column(f"{source}_{metric}", text, 3 if metric.startswith("share") else 2, "high", f"{source},")
        for source in sources
        for metric, text in ENRICHMENT.items()
    ]
    notes = [
        "Share of compounds (or genes) among whose nearest hundredth partners are enriched (Fisher's exact test, p "
        "below .05), and geometric mean of the odds ratios, .5 added where a count is 0. Pathways: mean over the "
        "databases of known pairs, which the scores hold one by one.",
        _chance(found, sources),
        in_sample_note(seen),
    ]
    rows = further_rows(methods, found, "enrichment", columns)
    return further_table(product, [in_sample_column(rows, seen), *columns], rows, context, notes)


GENES = {"recall_at_level": "joint", "recall_right_tail": "joint, right tail"}


def gene_levels_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Recall of the known pairs of all sources at each level that was scored, by both tails and by the right one."""
    found = selected(select(scores, benchmark="gene_gene"), replace(context.selection, null=None))
    high = found["threshold_high"]
    wanted = high.isna() | (abs(high - context.selection.threshold_high) < 1e-9)
    named = found["source"].astype(str).str.split(" ", n=1)
    found = found.assign(pairs=named.str[0].astype(object), level=named.str[1].astype(object))
    found = found[wanted & (found["pairs"] == JOINT) & found["level"].isin(list(LEVELS))]
    found = found.assign(key=found["level"] + "_" + found["metric"])
    levels = [name for name in LEVELS if name in set(found["level"])]
    columns = [
        Column(f"{level}_{metric}", text, 3, "high", f"{level},") for level in levels for metric, text in GENES.items()
    ]
    left = found[found["metric"] == "share_of_pairs_left"].drop_duplicates("level").set_index("level")
    sizes = [
        f"{level} {int(left['n'][level]):,} ({left['value'][level]:.0%})" for level in levels if level in left.index
    ]
    low, high_end = context.selection.threshold_low, context.selection.threshold_high
    notes = [
        f"Known pairs of all sources whose cosine is among the lowest {low:.0%} or highest {1 - high_end:.0%} of all "
        f"pairs (chance {low + 1 - high_end:.2f}), or among the highest alone (chance {1 - high_end:.2f}). The scores "
        "hold every source.",
        "Levels: " + "; ".join(f"{name} {LEVELS[name][1]}" for name in levels) + "." if levels else "",
        f"Known pairs that a level leaves: {', '.join(sizes)}." if sizes else "",
    ]
    return further_table(product, columns, further_rows(methods, found, "gene_gene", columns), context, notes)


MATCHED = {"mean_average_precision": "mAP", "share_retrieved": "share retrieved"}


def matching_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Mean average precision of shared targets and the share of them that is retrieved, by task and level."""
    found = selected(select(scores, benchmark="matching"), replace(context.selection, null=None))
    found, seen = _without_mark(found)
    found = found.assign(key=found["source"] + "_" + found["metric"])
    at = found["source"].astype(str).str.split(" ", n=1)
    tasks = [name for name in MATCHING_TASKS if name in set(at.str[0])]
    tasks += sorted(set(at.str[0]) - set(tasks))
    sources = [f"{task} {level}" for task in tasks for level in LEVELS if f"{task} {level}" in set(found["source"])]
    columns = [
        Column(f"{source}_{metric}", text, 3, "high", f"{source},")
        for source in sources
        for metric, text in MATCHED.items()
    ]
    chance = found[found["metric"] == "mean_average_precision_of_a_random_ranking"].groupby("source")["value"].mean()
    levels = [f"{name} {text}" for name, (_, text) in LEVELS.items() if any(s.endswith(f" {name}") for s in sources)]
    notes = [
        "mAP: mean over targets; a profile is to find those of its target before profiles that share none. Share "
        "retrieved: targets with a corrected p below .05. "
        + "; ".join(f"{task}: {MATCHING_TASKS[task]}" for task in tasks if task in MATCHING_TASKS)
        + ".",
        f"Levels: {'; '.join(levels)}." if levels else "",
        f"mAP expected of a random ranking: {', '.join(f'{s} {chance[s]:.3f}' for s in sources if s in chance)}."
        if len(chance)
        else "",
        in_sample_note(seen),
    ]
    rows = further_rows(methods, found, "matching", columns)
    return further_table(product, [in_sample_column(rows, seen), *columns], rows, context, notes)


def _without_mark(found: pd.DataFrame) -> tuple[pd.DataFrame, Mapping[str, str]]:
    """Scores without what their source says of in-sample methods, and what it says, by method."""
    source, seen = without_mark(found["source"])
    return found.assign(source=source), dict(zip(found["method"].astype(str), seen))


def _chance(found: pd.DataFrame, sources: Sequence[str]) -> str:
    """What a random ranking would have; it is the same for every method of a screen."""
    values = found[found["metric"].isin(CHANCE)].groupby(["source", "metric"], sort=False)["value"].mean()
    texts = [
        f"{source} {values[source, 'share_of_a_random_ranking']:.3f} and "
        f"{values[source, 'odds_ratio_of_a_random_ranking']:.2f}"
        for source in sources
        if (source, "share_of_a_random_ranking") in values
    ]
    return f"A random ranking is expected to have, as share and odds ratio: {', '.join(texts)}." if texts else ""
