"""Numbers published in the paper, kept as text in `published.csv` with table, row, metric and page.

`page` counts pages of the review copy, inferred from the line numbers in its margin. `row` is the name of the row
without footnote marks and without "(Ours)".
"""

import re
from functools import cache
from pathlib import Path

import pandas as pd

FILE = Path(__file__).with_name("published.csv")
MULTIPLES = {"K": 1e3, "M": 1e6, "B": 1e9}


@cache
def _all() -> pd.DataFrame:
    return pd.read_csv(FILE, dtype=str, keep_default_na=False)


def numbers(table: int | str) -> pd.DataFrame:
    """Published numbers of one table (or of "text") in the paper's order: `row, source, metric, value, page, note`."""
    frame = _all()
    return frame[frame["table"] == str(table)].drop(columns="table").reset_index(drop=True)


def value(table: int | str, row: str, metric: str, source: str = "") -> str | None:
    """One published value as text; None where there is none."""
    frame = numbers(table)
    found = frame[(frame["row"] == row) & (frame["metric"] == metric) & (frame["source"] == source)]
    return None if found.empty else str(found["value"].iloc[0])


def value_or_none(table: int | str, row: str, metric: str) -> str | None:
    """As :func:`value`; None too where the paper prints a dash."""
    text = value(table, row, metric)
    return None if text == "-" else text


def rows(table: int | str) -> list[str]:
    """Published rows of a table in the paper's order, without the row of relationship counts."""
    names = dict.fromkeys(numbers(table)["row"])
    return [name for name in names if name != "# relationships"]


def number(text: str | None) -> float | None:
    """A published value as a number: `.386`, `1,209`, `22M`, `>10M`, `~4M`, `<9`; None for `-` and `N.A.`."""
    found = re.fullmatch(r"[<>~]?([\d,]*\.?\d+)([KMB]?)", (text or "").strip())
    return float(found[1].replace(",", "")) * MULTIPLES.get(found[2], 1.0) if found else None
