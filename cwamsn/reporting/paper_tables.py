"""Tables 1 to 8 of the paper: one function a table, from scores and the configured rows to a :class:`Table`.

Each function takes the same arguments: `entries`, the rows to print in order (see :class:`Entry`); `scores`, a frame of
:func:`read_scores`; and a :class:`Setting`.
"""

from collections.abc import Callable, Iterable

import pandas as pd

from cwamsn.reporting import published
from cwamsn.reporting.building import (
    Entry,
    Setting,
    closing_notes,
    fill,
    name_gaps,
    new_row,
    printed_row,
    quoted_rows,
    titled,
    wants,
)
from cwamsn.reporting.flops import CONVENTION, Views, ViT, anchor_forward, training_step, vit_forward
from cwamsn.reporting.scores import JOINT, compared, compound_gene, recalls, select, spread, ties
from cwamsn.reporting.table import Cell, Column, Row, Table, mark
from cwamsn.vocabulary import SOURCES

TITLES = {"HuMAP": "hu.MAP"}
PERCENT = 100.0


def _differences(scores: pd.DataFrame, entries: Iterable[Entry], setting: Setting, column: str, what: str) -> list[str]:
    """What the compared rows of a table differ by in `column`, in words that do not depend on who is ahead."""
    titles, found = {e.name: e.title for e in entries}, compared(scores, setting.choice)
    found = found[(found["column"] == column) & found["method"].isin(titles) & found["other"].isin(titles)]
    notes = []
    for (one, other), part in found.groupby(["method", "other"], sort=False):
        text = f"{titles[one]} less {titles[other]}, {what}: {part['value'].mean():+.3f}"
        if len(part) == 1:
            text += f" (95 % interval {part['ci_low'].iloc[0]:+.3f} to {part['ci_high'].iloc[0]:+.3f})"
        else:
            text += f", mean of {len(part)} seeds"
        sign = int(part["sign"].sum())
        verdict = {len(part): "above", -len(part): "below"}.get(sign, "not told apart")
        notes.append(f"{text}: {verdict}.")
    return notes


def _human(value: float | None) -> str | None:
    """22000000 as 22M."""
    for size, letter in ((1e6, "M"), (1e3, "K")):
        if value is not None and value >= size:
            return f"{value / size:,.1f}".removesuffix(".0") + letter
    return None if value is None else f"{value:g}"


def _recall_table(
    number: int, text: str, lead: list[Column], entries, scores, setting: Setting, aliases=None, notes=(), printed=()
) -> Table:
    """A table of gene-gene recalls with `lead` columns before them; `printed` are notes on the paper's numbers."""
    found = recalls(scores, setting.choice)
    measured = [s for s in SOURCES if s in set(found["source"]) or s in set(published.numbers(number)["source"])]
    columns = [*lead, *(Column(s, TITLES.get(s, s), better="high") for s in measured)]

    def lookup(name: str, key: str) -> Cell:
        if key in SOURCES:
            return Cell(quoted=published.value(number, name, "recall", key))
        value = published.value(number, name, key)
        return Cell(quoted=None if value in (None, "-") else value)

    rows, taken = [], set()
    for entry in wants(entries, number):
        beside = printed_row(entry, setting, aliases)
        own = found[found["method"] == entry.name]
        row = new_row(entry)
        name_gaps(row, entry, own, "gene_gene")
        for column in lead:
            row.cells[column.key] = lookup(beside, column.key)
            row.cells[column.key].value = _lead(entry, column, setting)
        for source in measured:
            values = own[own["source"] == source].sort_values("seed")["value"]
            fill(row, source, values, lookup(beside, source))
        taken.add(beside)
        rows.append(row)
    tied = ties(scores, setting.choice)
    for column in columns:
        mark(rows, column, tied)
    rows += quoted_rows(number, taken, columns, lookup, setting)
    low, high = setting.choice.threshold_low, setting.choice.threshold_high
    counts = found.groupby("source")["n"].agg(["min", "max"]).dropna().astype(int)
    text_counts = [
        f"{TITLES.get(s, s)} {low_n:,}" + (f" to {high_n:,}" if high_n != low_n else "")
        for s, low_n, high_n in counts.itertuples()
    ]
    about = [
        f"Share of known relationships among the {low:.0%} most dissimilar and {1 - high:.0%} most similar pairs; "
        f"chance is {low + 1 - high:.2f}.",
        f"Relationships in the map: {', '.join(text_counts)}." if text_counts else "",
    ]
    about += _differences(scores, wants(entries, number), setting, JOINT, "recall over all sources")
    notes = closing_notes(setting, *about, *notes, printed=printed)
    return Table(f"table{number}", titled(f"Table {number}. {text}", setting), columns, rows, notes)


def _lead(entry: Entry, column: Column, setting: Setting) -> float | str | None:
    key = column.key
    if key == "gpu_hours":
        return setting.training_hours.get(entry.name)
    if key == "training_dataset":
        return entry.training_data
    value = getattr(entry, key)
    if column.text:
        return _human(value)
    return value / 1e6 if key == "parameters" and value is not None else value


def table1(entries, scores: pd.DataFrame, setting: Setting) -> Table:
    """Gene-gene recall of every row."""
    lead = [
        Column("training_dataset", "Training data", text=True),
        Column("images", "Images", text=True),
        Column("parameters", "Parameters", text=True),
    ]
    return _recall_table(1, "Recall of known gene-gene relationships", lead, entries, scores, setting)


def table2(entries, scores: pd.DataFrame, setting: Setting) -> Table:
    """Compound-gene average precision and AUC at the maximum over doses, with z-scores against random scores."""
    found = compound_gene(scores, setting.choice)
    found = found[found["concentration"] == "max"]
    names = {"ap": "AP", "auc": "AUC-ROC"}
    columns = [
        Column(f"{metric}_{part}", part if part != "z" else "z-score", digits, better, names[metric])
        for metric in names
        for part, digits, better in (("mean", 3, "high"), ("std", 3, None), ("z", 2, "high"))
    ]

    def lookup(name: str, key: str) -> Cell:
        value = published.value(2, name, key)
        return Cell(quoted=None if value == "-" else value)

    rows, taken = [], set()
    for entry in wants(entries, 2):
        # The printed row Random holds random scores, which are a row of their own here; Gaussian vectors are another.
        beside = printed_row(entry, setting) if entry.paper_row != "Random" else ""
        own = found[found["method"] == entry.name].sort_values("seed")
        row = new_row(entry)
        name_gaps(row, entry, own, "compound_gene")
        for column in columns:
            metric, part = column.key.split("_")
            fill(row, column.key, own[own["metric"] == metric][part], lookup(beside, column.key))
        taken.add(beside)
        rows.append(row)
    tied = ties(scores, setting.choice)
    for column in columns:
        mark(rows, column, tied)
    chance = Row("random-scores", "Random scores", measured=True)
    beside = "Random" if setting.on_rxrx3_core else ""
    for column in columns:
        metric, part = column.key.split("_")
        own = found[found["metric"] == metric]
        cell = lookup(beside, column.key)
        if len(own):
            cell.value = 0.0 if part == "z" else float(own[f"baseline_{part}"].mean())
        chance.cells[column.key] = cell
    if len(found):
        chance.group = "Chance"
        rows.append(chance)
        taken.add(beside)
    rows += quoted_rows(2, taken, columns, lookup, setting)
    notes = closing_notes(
        setting,
        "Score of a pair: the largest absolute cosine over doses ('max'), not the 10 µM row.",
        "mean and std over draws of negatives; z = (mean − random mean) / √(std² + random std²).",
        *_differences(scores, wants(entries, 2), setting, "ap_mean", "AP"),
        printed=[
            "The printed z-score 3.89 of OpenPhenom does not follow from its printed mean and std, which give 3.48."
        ],
    )
    title = titled("Table 2. Known compound-gene relationships at the maximum concentration", setting)
    return Table("table2", title, columns, rows, notes)


def table3(entries, scores: pd.DataFrame, setting: Setting) -> Table:
    """Gene-gene recall of single-well and cross-well alignment."""
    return _recall_table(3, "Single-well and cross-well alignment", [], entries, scores, setting)


def table4(entries, scores: pd.DataFrame, setting: Setting) -> Table:
    """Gene-gene recall of masked siamese network and masked autoencoder, with the training time."""
    lead = [Column("gpu_hours", "Training time (device hours)", 3, timed=True)]
    devices = sorted(
        {e.device or "a device not recorded" for e in wants(entries, 4) if e.name in setting.training_hours}
    )
    notes = [
        f"Training time: wall-clock hours of the training job, on {', '.join(devices)}." if devices else "",
    ]
    printed = ["The printed hours are of an NVIDIA TITAN RTX; hours of different devices do not compare."]
    text = "Masked siamese network and masked autoencoder"
    return _recall_table(4, text, lead, entries, scores, setting, notes=notes, printed=printed)


def table5(entries, scores: pd.DataFrame, setting: Setting) -> Table:
    """Gene-gene recall by number of prototypes."""
    aliases = {"CWA-MSN": "1024"}
    return _recall_table(5, "Number of prototypes", [], entries, scores, setting, aliases)


def table6(entries, scores: pd.DataFrame, setting: Setting) -> Table:
    """Gene-gene recall with and without masking."""
    return _recall_table(6, "Masking ratio of the anchor view", [], entries, scores, setting)


def table7(entries, scores: pd.DataFrame, setting: Setting) -> Table:
    """Operations and parameters, counted under one convention, with the gene-gene recall."""
    lead = [
        Column("inference_gflops", "one image", 2, group="GFLOP,"),
        Column("gflops", "anchor views forward", 2, group="GFLOP,"),
        Column("step_gflops", "training step a pair", 2, group="GFLOP,"),
        Column("parameters", "Parameters (M)", 2),
    ]
    notes = [
        f"Counted: {CONVENTION} Parameters of the encoder without projection head.",
        _paper_counts(),
    ]
    printed = [
        "The printed GFLOP follow no single convention: 8.79 and 23.66 lie between a forward pass with and without the "
        "products of attention, 104.68 is below one, 339.17 counts multiply-adds; none holds a backward pass.",
    ]
    return _recall_table(7, "Computation and recall", lead, entries, scores, setting, notes=notes, printed=printed)


def _paper_counts() -> str:
    """The same counts at the sizes of the paper, whatever encoder was measured here."""
    vit, views = ViT(), Views()
    one, anchor, step = vit_forward(vit, 224), anchor_forward(vit, views), training_step(vit, views)
    return (
        "By the same convention at the paper's sizes (ViT-S/16, 5 channels, 224 pixels; one masked and ten small "
        f"views): {one / 1e9:.3f} GFLOP one image, {anchor / 1e9:.3f} anchor views forward, {step / 1e9:.1f} a "
        "training step a pair."
    )


PROBES = {"linear": "Linear", "knn": "kNN"}
CONTROLS = {"full": "all wells", "none": "no controls"}
READINGS = {"plate": "", "experiment_plate": " (experiment, plate)"}


def table8(entries, scores: pd.DataFrame, setting: Setting) -> Table:
    """How well the plate can be predicted from an embedding, with the biological score beside it."""
    found = select(scores, benchmark="plate_probe", source="random folds", alignment="none")
    readings = ["plate", *(r for r in READINGS if r != "plate" and r in set(found["plate_reading"]))]
    what = [(p, c, r) for r in readings for p in PROBES for c in CONTROLS]
    columns = [Column(_probe_key(p, c, r), CONTROLS[c], 2, "low", f"{PROBES[p]}{READINGS[r]},") for p, c, r in what]
    columns.append(Column("recall", "mean recall", 3, "high", "Biology:"))
    biology = recalls(scores, setting.choice)

    def lookup(name: str, key: str) -> Cell:
        return Cell(quoted=published.value(8, name, key), quoted_std=published.value(8, name, f"{key}_std"))

    rows, taken = [], set()
    for entry in wants(entries, 8):
        own = found[found["method"] == entry.name]
        row, beside = new_row(entry), printed_row(entry, setting)
        name_gaps(row, entry, own, "plate_probe")
        for probe, controls, reading in what:
            key = _probe_key(probe, controls, reading)
            part = select(own, controls=controls, plate_reading=reading)
            fill(
                row,
                key,
                select(part, metric=f"{probe}_macro_f1_mean")["value"],
                lookup(beside, key),
                PERCENT,
            )
            row.cells[key].std = spread(select(part, metric=f"{probe}_macro_f1_std")["value"] * PERCENT)[0]
        recall = biology[biology["method"] == entry.name].groupby("seed")["value"].mean()
        if len(recall):
            fill(row, "recall", recall, Cell())
        taken.add(beside)
        rows.append(row)
    for column in columns:
        mark(rows, column)
    rows += quoted_rows(8, taken, columns, lookup, setting)
    notes = closing_notes(
        setting,
        "Macro-F1 in per cent of embeddings before alignment, cross-validated; ± of a probe is over folds.",
        "A low score alone is no merit, a collapsed embedding has one too: read it with the biological score, the mean "
        "gene-gene recall over sources.",
        printed=[
            "The paper does not say whether its plate is the plate column, where it is quoted here, or the plate of an "
            "experiment."
        ],
    )
    return Table("table8", titled("Table 8. Plate identity predicted from embeddings", setting), columns, rows, notes)


def _probe_key(probe: str, controls: str, reading: str) -> str:
    key = f"{probe}_{controls}" if controls == "full" else f"{probe}_no_controls"
    return key if reading == "plate" else f"{key}_{reading}"


TABLES: dict[str, Callable[..., Table]] = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "table4": table4,
    "table5": table5,
    "table6": table6,
    "table7": table7,
    "table8": table8,
}
