"""Each benchmark's main scores, and beside each what the same method has with shuffled labels."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from cwamsn.exposure import without_mark
from cwamsn.products import Product
from cwamsn.reporting.context import TableContext, TableMethod
from cwamsn.reporting.further import further_rows, further_table
from cwamsn.reporting.scores import JOINT, at_thresholds, select, selected
from cwamsn.reporting.table import Column, Table
from cwamsn.vocabulary import MECHANISMS, PATHWAYS


class Shown(NamedTuple):
    """A score that the table shows: where it stands in the scores, and what it is called."""

    benchmark: str
    metric: str
    title: str
    wanted: dict[str, str]
    """Values of further columns."""


SHOWN = (
    Shown("gene_gene", "recall", "recall, joint", {"source": JOINT}),
    Shown("compound_gene", "average_precision_mean", "compound-gene AP", {"concentration": "max"}),
    Shown("replicate_map", "mean_normalized_average_precision", "replicates, normalised mAP", {"source": "replicates"}),
    Shown("retrieval", "recall_at_1", "Recall@1", {"null": "perturbations"}),
    Shown("retrieval", "mean_average_precision", "mAP", {"null": "perturbations"}),
    Shown("enrichment", "share_significant", "share enriched", {}),
    Shown("matching", "mean_normalized_average_precision", "shared targets, normalised mAP", {}),
    Shown("signal", "consistency_share", "share consistent", {}),
    Shown("latent_probe", "phenotype_r2", "R² of the phenotype", {}),
    Shown("plate_probe", "linear_macro_f1_mean", "plate, linear", {"controls": "full", "plate_reading": "plate"}),
    Shown("plate_probe", "knn_macro_f1_mean", "plate, kNN", {"controls": "full", "plate_reading": "plate"}),
)


def shuffled_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Main scores, each with the mean that shuffled labels give; the controls carry no mark."""
    parts, columns = [], []
    for shown in SHOWN:
        for source, own in _by_source(shown, scores, context):
            key = "_".join([shown.benchmark, *([source] if source else []), shown.metric])
            better = "low" if shown.benchmark == "plate_probe" else "high"
            heading = f"{source}, {shown.title}:" if source else f"{shown.title}:"
            columns += [
                Column(key, "as labelled", 3, better, heading),
                Column(f"{key}_shuffled", "shuffled", 3, None, heading),
            ]
            parts += [own.assign(key=key), own.assign(key=f"{key}_shuffled", value=own["shuffled"])]
    found = pd.concat(parts) if parts else scores.iloc[:0].assign(key="")
    draws = sorted({int(count) for count in found["shuffled_draws"].dropna()}) if parts else []
    notes = [
        "Shuffled: the same benchmark of the same vectors, mean over "
        f"{' or '.join(map(str, draws)) or 'no'} shuffles of the labels (section shuffled_labels). It is a control and "
        "no score: what is left of a score there, labels have not given."
        if draws or not parts
        else "",
        "" if parts else "No score has a control: set shuffled_labels.draws and compute the scores again.",
    ]
    return further_table(product, columns, further_rows(methods, found, "shuffled", columns), context, notes)


def _by_source(shown: Shown, scores: pd.DataFrame, context: TableContext) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of a score that have a control, by their source where it says more than the score's title."""
    found = select(scores, benchmark=shown.benchmark, metric=shown.metric, **shown.wanted)
    if shown.benchmark == "gene_gene":
        found = selected(found, context.selection)
        found = found[at_thresholds(found, context.selection)]
    elif shown.benchmark == "plate_probe":
        found = _of_its_own(found, scores)
    elif shown.benchmark != "latent_probe":
        found = selected(found, replace(context.selection, null=None))
    found = found.assign(source=without_mark(found["source"].fillna("").astype(str))[0])
    found = found[found["shuffled"].notna()]
    if shown.benchmark == "enrichment":  # databases one by one stand in the scores
        found = found[found["source"].str.startswith((MECHANISMS, PATHWAYS))]
    for source in sorted(set(found["source"])):
        yield ("" if "source" in shown.wanted else source), found[found["source"] == source]


def _of_its_own(found: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Rows of the plate probe, which shuffles its labels always, with what it found then."""
    keys = ["method", "seed", "source", "alignment", "controls", "plate_reading"]
    found = select(found, alignment="none", source="random folds")
    name = str(found["metric"].iloc[0]).removesuffix("_mean") if len(found) else ""
    own = select(scores, benchmark="plate_probe", metric=f"{name}_shuffled")[[*keys, "value"]]
    merged = found.drop(columns="shuffled").merge(own.rename(columns={"value": "shuffled"}), on=keys, how="left")
    return merged.assign(source="")
