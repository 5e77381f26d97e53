"""What a benchmark gives, and every benchmark's numbers in one contract: `scores`, what tables and figures read."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.files import atomic_path
from cwamsn.tables import CONTRACTS, read, write

SORT = ["benchmark", "metric", "source", "alignment", "null", "threshold_low", "concentration", "plate_reading"]


@dataclass(frozen=True)
class Result:
    """What one benchmark found on one subject."""

    parts: tuple[pd.DataFrame, ...]
    """Tables with `metric`, `value` and any further columns of the contract `scores`."""
    table: pd.DataFrame | None = None
    """The benchmark's own table, where it has one."""

    def beside(self, *parts: pd.DataFrame) -> "Result":
        """The same with further rows of scores."""
        return replace(self, parts=(*self.parts, *parts))

    def scores(self, **fixed: object) -> pd.DataFrame:
        """All parts as rows of the contract `scores`, see :func:`as_scores`."""
        return as_scores(self.parts, **fixed)

    def write(self, scores: str | Path, table: str | Path | None = None, **fixed: object) -> None:
        """Write the rows of the contract `scores` and, where a path is given, the benchmark's own table (Parquet)."""
        if table and self.table is not None:
            with atomic_path(table) as path:
                self.table.to_parquet(path, index=False)
        write(self.scores(**fixed), "scores", scores)


def as_scores(parts: Iterable[pd.DataFrame], **fixed: object) -> pd.DataFrame:
    """Rows of the `scores` contract from tables that have `metric`, `value` and any of its other columns.

    `fixed` (run, screen, method, seed, benchmark, alignment, ...) fills the columns that a table lacks. Rows without
    a value (NaN) are left out: nothing was measured.
    """
    contract = CONTRACTS["scores"]
    names = [*contract.required, *contract.nullable, *contract.optional]
    tables = [part.assign(**{k: v for k, v in fixed.items() if k not in part.columns}) for part in parts if len(part)]
    columns: dict[str, list[object]] = {name: [] for name in names}
    for table in tables:
        for name in names:
            columns[name] += list(table[name]) if name in table.columns else [None] * len(table)
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    frame["value"] = frame["value"].astype(float)
    for name in ("threshold_low", "threshold_high", "ci_low", "ci_high", "shuffled", "shuffled_low", "shuffled_high"):
        frame[name] = frame[name].astype(float)
    for name in ("seed", "draw", "n", "shuffled_draws"):
        frame[name] = frame[name].astype("Int64")
    frame = frame[np.isfinite(frame["value"])]
    return frame.dropna(axis=1, how="all").reindex(
        columns=[n for n in names if n not in contract.optional or frame[n].notna().any()]
    )


def gather(paths: Iterable[str | Path], order: Iterable[str] = ()) -> pd.DataFrame:
    """All score files as one table, methods in the order given, then by screen, seed and benchmark."""
    parts = [read("scores", path) for path in paths]
    optional = CONTRACTS["scores"].optional
    names = [*CONTRACTS["scores"].required, *CONTRACTS["scores"].nullable]
    names += [n for n in optional if any(n in part.columns for part in parts)]
    frame = pd.concat([p.reindex(columns=names) for p in parts]) if parts else pd.DataFrame(columns=names)
    rank = {method: i for i, method in enumerate(order)}
    keys = ["_method", "screen", "seed", *(n for n in (*SORT, "controls", "fold", "draw") if n in frame.columns)]
    frame["_method"] = frame["method"].map(lambda m: rank.get(m, len(rank)))
    return frame.sort_values(keys, kind="stable", ignore_index=True)[names]
