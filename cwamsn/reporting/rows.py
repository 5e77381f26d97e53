"""The rows of a table: measured ones, one per method, and published ones below them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from cwamsn.reporting import published
from cwamsn.reporting.context import TableContext, TableMethod
from cwamsn.reporting.scores import mean_and_std
from cwamsn.reporting.table import Cell, Column, Row

QUOTED = "Quoted from the paper (on RxRx3-core), not run here"


def measured_rows(
    methods: Iterable[TableMethod],
    scores: pd.DataFrame,
    benchmark: str,
    cells: Callable[[TableMethod, pd.DataFrame], dict[str, Cell]],
) -> list[Row]:
    """One row per method with the cells that `cells` makes of the method and its `scores`, sorted by seed.

    Seeds without a score are named as gaps.
    """
    rows = []
    for method in methods:
        own = scores[scores["method"] == method.name].sort_values("seed", kind="stable")
        present = set(own["seed"].astype(int))
        gaps = [f"no {benchmark} score of seed {s} (method {method.name})" for s in method.seeds if s not in present]
        row = Row(method.name, method.title, cells(method, own), method.group, ranked=method.ranked)
        rows.append(replace(row, seeds=len(present), gaps=gaps))
    return rows


def measured(values: pd.Series, beside: Cell | None = None, scale: float = 1.0) -> Cell:
    """Mean and standard deviation of `values` times `scale`, in the cell of the published number `beside` it."""
    mean, std = mean_and_std(values)
    value, std = (None if number is None else number * scale for number in (mean, std))
    return replace(beside or Cell(), value=value, std=std)


@dataclass
class PublishedRows:
    """The published rows of one table: beside measured ones first, then those that were not used below them."""

    table: int | str
    context: TableContext
    cell: Callable[[str, str], Cell]
    """Cell of a published row and a column key, its number or none."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names that this table prints rows under."""
    used: set[str] = field(default_factory=set)

    def beside(self, method: TableMethod) -> Callable[[str], Cell]:
        """Cells by column key of the row beside a method, which is then not listed again."""
        return self.named(self.context.published_row(method))

    def named(self, row: str | None) -> Callable[[str], Cell]:
        """Cells by column key of a published row, which is then not listed again; None: empty cells."""
        if row is None:
            return lambda key: Cell()
        name = self.aliases.get(row, row)
        self.used.add(name)
        return lambda key: self.cell(name, key)

    def others(self, columns: Sequence[Column]) -> list[Row]:
        """Rows of those that do not appear beside a measured one, where the run lists them."""
        names = [n for n in published.rows(self.table) if n not in self.used] if self.context.lists_published else []
        return [
            Row(f"quoted:{name}", name, {c.key: self.cell(name, c.key) for c in columns}, QUOTED, measured=False)
            for name in names
        ]


def counts(scores: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """How many relationships or perturbations each source's numbers rest on: `CORUM 1,209, hu.MAP 940 to 958`."""
    found = scores.groupby("source")["n"].agg(["min", "max"]).dropna().astype(int)
    texts = (
        f"{titles.get(source, source)} {low:,}" + (f" to {high:,}" if high != low else "")
        for source, low, high in found.itertuples()
    )
    return ", ".join(texts)
