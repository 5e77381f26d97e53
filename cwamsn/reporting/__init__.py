"""Reporting: scores to tables, figures, provenance and releases."""

from cwamsn.reporting.context import TableContext, TableMethod, methods_in_table, table_methods
from cwamsn.reporting.make import BUILDERS, TableInputs, make_table
from cwamsn.reporting.scores import ScoreSelection, read_scores
from cwamsn.reporting.table import Table
from cwamsn.reporting.write import drop_all_incomplete, write_table

__all__ = [
    "BUILDERS",
    "ScoreSelection",
    "Table",
    "TableContext",
    "TableInputs",
    "TableMethod",
    "drop_all_incomplete",
    "make_table",
    "methods_in_table",
    "read_scores",
    "table_methods",
    "write_table",
]
