"""Text tables as hosts, laboratories and spreadsheets write them, as data frames."""

from pathlib import Path

import pandas as pd

from cwamsn.screen_specs.text import NOTHING, read_rows, require_columns

__all__ = ["NOTHING", "read_text_table", "require_columns"]


def read_text_table(path: Path, label: str, separator: str = ",") -> pd.DataFrame:
    """Every cell as text, empty cells as ''; the index numbers the rows of the file from 0.

    Parameters and errors are those of :func:`cwamsn.screen_specs.text.read_rows`.
    """
    table = read_rows(path, label, separator)
    return pd.DataFrame(list(table.rows.values()), index=list(table.rows), columns=table.columns, dtype=object)
