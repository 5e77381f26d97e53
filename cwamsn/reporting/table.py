"""A table as data: columns, rows and cells, without any notion of a file format."""

from collections.abc import Collection
from dataclasses import dataclass, field

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
    """One number: mean and standard deviation measured here, the printed value as text, and its mark.

    `value` is a text in columns that are no numbers. `missing` is set where a score should be and is not.
    """

    value: float | str | None = None
    std: float | None = None
    quoted: str | None = None
    quoted_std: str | None = None
    mark: str = ""

    @property
    def difference(self) -> float | None:
        """Measured minus printed, where both are numbers."""
        printed = number(self.quoted)
        return self.value - printed if isinstance(self.value, float) and printed is not None else None


@dataclass
class Row:
    """A row: measured here (`seeds` > 0 or `gaps` non-empty), or quoted only."""

    name: str
    title: str
    cells: dict[str, Cell] = field(default_factory=dict)
    group: str = ""
    measured: bool = True
    ranked: bool = True  # False for a bound or chance, which is no method and takes no mark
    seeds: int = 0
    gaps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what its jobs said about the result

    @property
    def status(self) -> str:
        return "quoted" if not self.measured else "incomplete" if self.gaps else "measured"


@dataclass
class Table:
    """A table with its notes; `name` is its file name, `title` one line, `run` what the run is called."""

    name: str
    title: str
    columns: list[Column]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    run: str = ""

    @property
    def gaps(self) -> list[str]:
        """What is missing, one line each."""
        return [f"{self.name}: {row.title}: {gap}" for row in self.rows for gap in row.gaps]


def mark(rows: list[Row], column: Column, tied: Collection[tuple[str, frozenset[str]]] = ()) -> None:
    """Mark the best and the second-best measured value of a column, and what is missing in it.

    Only measured rows count, quoted numbers and rows that are not `ranked` never. `tied` holds (column, two rows) whose
    paired interval holds 0: rows tied with the best share its mark, and then the best of the others is second. An empty
    cell is missing where the row lacks a score, else it has no value (a probe with a single plate).
    """
    for row in rows:
        cell = row.cells.get(column.key)
        if row.gaps and not column.text and cell is not None and cell.value is None:
            cell.mark = MISSING
    if column.better is None:
        return
    sign = -1 if column.better == "high" else 1
    entered = [r for r in rows if r.measured and r.ranked]
    entered = [r for r in entered if isinstance(r.cells.get(column.key, Cell()).value, float)]
    entered.sort(key=lambda r: (sign * r.cells[column.key].value, r.name))
    for label in (BEST, SECOND):
        if not entered:
            return
        first = entered[0]
        value = first.cells[column.key].value
        with_first = {name for key, pair in tied if key == column.key and first.name in pair for name in pair}
        share = [r for r in entered if r.cells[column.key].value == value or r.name in with_first]
        for row in share:
            row.cells[column.key].mark = label
        entered = [r for r in entered if r not in share]
