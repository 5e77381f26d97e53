"""Marks."""

from cwamsn.reporting.table import Cell, Column, Row, mark


def test_ties_within_the_paired_interval_share_the_mark():
    column = Column("a", "a", better="high")
    rows = [Row(n, n, {"a": Cell(v)}) for n, v in (("x", 0.5), ("y", 0.49), ("z", 0.4), ("w", 0.1))]
    rows.append(Row("q", "q", {"a": Cell(published=".9")}, measured=False))
    mark(rows, column, {("a", frozenset(("x", "y"))), ("b", frozenset(("x", "z")))})
    assert [r.cells["a"].mark for r in rows] == ["best", "best", "second", "", ""]
    low = [Row(n, n, {"a": Cell(v)}) for n, v in (("x", 0.5), ("y", 0.49))]
    mark(low, Column("a", "a", better="low"))
    assert [r.cells["a"].mark for r in low] == ["second", "best"]
