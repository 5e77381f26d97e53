"""Text tables as hosts and laboratories write them."""

from pathlib import Path

import pandas as pd

from cwamsn.tables import InputError


def read_text_table(path: Path, label: str, separator: str = ",") -> pd.DataFrame:
    """Every cell as text, empty cells as ''. `label` names the file in errors."""
    try:
        frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors, a UnicodeDecodeError too
        raise InputError(f"{label}: not a readable table ({str(error).splitlines()[0]})") from None
    return frame.rename(columns=lambda name: str(name).strip())


def require_columns(frame: pd.DataFrame, columns: tuple[str, ...], label: str) -> None:
    """InputError naming `label` and the columns it lacks."""
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise InputError(
            f"{label}: lacks column {', '.join(missing)}; it has {', '.join(map(str, frame.columns[:12]))}"
        )
