"""Tables that the paper has not: what the benchmarks `replicate_map`, `signal` and `latent_probe` measured.

Each function takes what those of :mod:`cwamsn.reporting.paper_tables` take, and prints every entry.
"""

from collections.abc import Callable

import pandas as pd

from cwamsn.reporting.building import MARKS, SPREAD, Entry, Setting, fill, name_gaps, new_row, titled
from cwamsn.reporting.scores import chosen, select
from cwamsn.reporting.table import Cell, Column, Row, Table, mark

IN_SAMPLE = " (in-sample)"
SOURCES = {"replicates": "Replicates,", "targets": "Shared targets,"}
RETRIEVAL = {
    "mean_average_precision": "mAP",
    "mean_normalized_average_precision": "normalised mAP",
    "share_retrieved": "share retrieved",
}


def _rows(entries, found: pd.DataFrame, benchmark: str, columns: list[Column]) -> list[Row]:
    """One row an entry, its cells from `found` (`method, seed, key, value`), marked column by column."""
    rows = []
    for entry in entries:
        own = found[found["method"] == entry.name].sort_values("seed")
        row = new_row(entry)
        name_gaps(row, entry, own, benchmark)
        for column in columns:
            fill(row, column.key, own[own["key"] == column.key]["value"], Cell())
        rows.append(row)
    for column in columns:
        mark(rows, column)
    return rows


def _sizes(found: pd.DataFrame, what: str, sources: dict[str, str]) -> str:
    """How many perturbations each source's numbers are of: `Perturbations: CRISPR 40, COMPOUND 12 to 14.`"""
    counts = found.groupby("source")["n"].agg(["min", "max"]).astype(int)
    texts = [
        f"{sources[source]} {low:,}" + (f" to {high:,}" if high != low else "")
        for source, low, high in counts.itertuples()
    ]
    return f"{what}: {', '.join(texts)}." if texts else ""


def _table(name: str, title: str, columns: list[Column], rows: list[Row], setting: Setting, *notes: str) -> Table:
    closing = [n for n in (*notes, MARKS, SPREAD) if n] + list(setting.versions)
    return Table(name, titled(title, setting), columns, rows, closing)


def replicates(entries: list[Entry], scores: pd.DataFrame, setting: Setting) -> Table:
    """Mean average precision of replicate retrieval, and of compounds that share a target where targets are known."""
    found = chosen(select(scores, benchmark="replicate_map", metric=tuple(RETRIEVAL)), setting.choice)
    seen = found["source"].astype(str).str.endswith(IN_SAMPLE)
    found = found.assign(source=found["source"].astype(str).str.removesuffix(IN_SAMPLE))
    found = found.assign(key=found["source"] + "_" + found["metric"])
    sources = [s for s in SOURCES if s == "replicates" or s in set(found["source"])]
    columns = [
        Column(f"{source}_{metric}", text, 3, "high", SOURCES[source])
        for source in sources
        for metric, text in RETRIEVAL.items()
    ]
    rows = _rows(entries, found, "replicate_map", columns)
    in_sample = set(found[seen]["method"])
    columns.insert(0, Column("in_sample", "In-sample", text=True))
    for row in rows:
        row.cells["in_sample"] = Cell("yes" if row.name in in_sample else "no" if row.seeds else None)
    return _table(
        "replicates",
        "Replicate retrieval",
        columns,
        rows,
        setting,
        "Average precision of a perturbation's wells (same dose, aligned embeddings) ranked against negatives, mean "
        "over perturbations; normalised: 0 is a random ranking, 1 a perfect one. Share retrieved: corrected p below "
        "0.05.",
        _sizes(found, "Perturbations and targets", {"replicates": "replicates", "targets": "shared targets"}),
        "In-sample: the row was trained on the very wells that it is scored on, so that its numbers say nothing about "
        "perturbations it has not seen."
        if in_sample
        else "",
    )


SIGNAL = {
    "consistency_median": ("consistency, median", None),
    "consistency_share": ("share consistent", "high"),
    "magnitude_median": ("magnitude, median", None),
    "magnitude_share": ("share off the controls", "high"),
}
TYPES = {"CRISPR": "Knockouts,", "COMPOUND": "Compounds,"}


def signal(entries: list[Entry], scores: pd.DataFrame, setting: Setting) -> Table:
    """Consistency of a perturbation's wells and their distance from the controls, by type of perturbation."""
    found = chosen(select(scores, benchmark="signal", metric=tuple(SIGNAL)), setting.choice)
    found = found.assign(key=found["source"].astype(str) + "_" + found["metric"])
    columns = [
        Column(f"{kind}_{metric}", text, 3, better, TYPES[kind])
        for kind in TYPES
        for metric, (text, better) in SIGNAL.items()
    ]
    columns = [c for c in columns if found.empty or c.key in set(found["key"])]  # few wells have no magnitude
    return _table(
        "signal",
        "Perturbation signal",
        columns,
        _rows(entries, found, "signal", columns),
        setting,
        "Consistency: mean cosine among a perturbation's aligned wells; magnitude: their energy distance to the "
        "negative controls. Medians depend on the number of dimensions and do not compare between rows; the shares "
        "do (p below 0.05 against random sets of wells of the same size).",
        _sizes(found, "Perturbations", {"CRISPR": "knockouts", "COMPOUND": "compounds"}),
    )


def latent(entries: list[Entry], scores: pd.DataFrame, setting: Setting) -> Table:
    """Shares of a simulated screen's phenotype and nuisance that can be read linearly from an embedding."""
    found = select(scores, benchmark="latent_probe")
    found = found.assign(key=found["metric"])
    columns = [
        Column("phenotype_r2", "R² of the phenotype", 3, "high"),
        Column("nuisance_r2", "R² of the nuisance", 3, "low"),
    ]
    return _table(
        "latent",
        "What an embedding holds of what the screen was drawn from",
        columns,
        _rows(entries, found, "latent_probe", columns),
        setting,
        "Share of variance that ridge regression predicts from embeddings before alignment, on perturbations it was "
        "not fitted on: 1 is all, 0 what the mean predicts, below 0 the fit misleads.",
        "Little nuisance alone is no merit, a collapsed embedding has none: read it with the phenotype.",
    )


TABLES: dict[str, Callable[..., Table]] = {"replicates": replicates, "signal": signal, "latent": latent}
