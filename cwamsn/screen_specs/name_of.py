"""A screen's name where the user gives none: from its path."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cwamsn.naming import LONGEST
from cwamsn.screen_specs.configured import configured_screen


def screen_name(argument: str | Path) -> str:
    """Of `my.yaml` the screen that it configures; `plates/load_data.csv` is `plates`, all else goes by its own name."""
    text = str(argument).rstrip("/")
    if found := configured_screen(text):
        return found.name
    remote = "://" in text
    path = Path(unquote(urlsplit(text).path)) if remote else Path(text).resolve()
    usual = re.fullmatch(
        r"(load_data|samplesheet|sample_sheet|samples)(_with_illum)?\.(csv|tsv)(\.gz)?", path.name.lower()
    )
    chosen = path.parent.name if usual else path.name if path.is_dir() else path.name.split(".")[0]
    clean = re.sub(r"[^A-Za-z0-9_.-]+", "-", chosen).strip(".-")[: LONGEST // 2]
    return clean if clean and clean.lower() != "cache" else "screen"
