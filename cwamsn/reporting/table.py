"""A table as data: columns, rows and cells, without any notion of a file format."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from cwamsn.reporting.published import number

BEST, SECOND, MISSING = "best", "second", "missing"


@dataclass(frozen=True)
class Column:
    """A column of a table. `better` says which end is good: high, low, or None for columns that carry no mark."""

    key: str
    title: str
    decimals: int = 3
    better: str | None = None
    group: str = ""
    text: bool = False
    timed: bool = False  # measured on a machine: left out of the CSV, which is the same wherever it was made


@dataclass
class Cell:
    """One number: mean and standard deviation measured here, the published value as text, and its mark.

    `value` is text in text columns. The mark `missing` is set where a score should be and is not.
    """

    value: float | str | None = None
    std: float | None = None
    published: str | None = None
    published_std: str | None = None
    mark: str = ""

    @property
    def difference(self) -> float | None:
        """Measured minus published, where both are numbers."""
        published = number(self.published)
        return self.value - published if isinstance(self.value, float) and published is not None else None

    def with_value(self, value: float | str | None) -> "Cell":
        """The same cell with a measured value."""
        return replace(self, value=value)


@dataclass
class Row:
    """A row: a method measured here (`seeds` > 0 or `gaps` non-empty), or published numbers only."""

    name: str
    title: str
    cells: dict[str, Cell] = field(default_factory=dict)
    group: str = ""
    measured: bool = True
    ranked: bool = True  # False for a bound and for chance, which receive no mark
    seeds: int = 0
    gaps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what its jobs noted about the result

    @property
    def status(self) -> str:
        """`measured`, `incomplete` where a seed has no score, or `quoted` for published numbers."""
        return "quoted" if not self.measured else "incomplete" if self.gaps else "measured"


@dataclass
class Table:
    """A table with its notes; `name` is its file name, `title` one line, `run` the title of the run."""

    name: str
    title: str
    columns: list[Column]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    run: str = ""
    screen: str = ""
    """Screen that it is of, where the run evaluates several."""
    published_in: str = "published in the paper"
    """What stands at the published numbers below a measured row."""

    @property
    def anchor(self) -> str:
        """What other texts refer to it by."""
        return f"{self.name}-{self.screen}" if self.screen else self.name

    @property
    def gaps(self) -> list[str]:
        """What is missing, one line each."""
        return [f"{self.anchor}: {row.title}: {gap}" for row in self.rows for gap in row.gaps]


def mark(rows: list[Row], column: Column, tied: Collection[tuple[str, frozenset[str]]] = ()) -> None:
    """Mark the best and the second-best measured value of a column, and what is missing in it.

    Only measured, ranked rows receive a mark. `tied` holds (column, two rows) whose paired interval includes 0: rows
    tied with the best share its mark, and the best of the others is second. An empty cell is missing where the row
    lacks a score; otherwise there is no value to have (a probe with a single plate).
    """
    for row in rows:
        cell = row.cells.get(column.key)
        if row.gaps and not column.text and cell is not None and cell.value is None:
            cell.mark = MISSING
    if column.better is None:
        return
    sign = -1 if column.better == "high" else 1
    values = {r.name: r.cells[column.key].value for r in rows if r.measured and r.ranked and column.key in r.cells}
    ordered = sorted((sign * value, name) for name, value in values.items() if isinstance(value, float))
    cells = {row.name: row.cells[column.key] for row in rows if row.name in values}
    for label in (BEST, SECOND):
        if not ordered:
            return
        best, first = ordered[0]
        with_first = {name for key, pair in tied if key == column.key and first in pair for name in pair}
        share = [(value, name) for value, name in ordered if value == best or name in with_first]
        for _, name in share:
            cells[name].mark = label
        ordered = [entry for entry in ordered if entry not in share]
