"""A screen's name where the user gives none: from its path."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cwamsn.naming import LONGEST


def screen_name(argument: str | Path) -> str:
    """`plates/load_data.csv` is `plates`, `my.yaml:lab` is `lab`, a folder or another table goes by its own name."""
    text = str(argument).rstrip("/")
    if found := re.fullmatch(r".+\.ya?ml:([^/\\:]+)", text):
        return found[1]
    remote = "://" in text
    path = Path(unquote(urlsplit(text).path)) if remote else Path(text).resolve()
    usual = re.fullmatch(
        r"(load_data|samplesheet|sample_sheet|samples)(_with_illum)?\.(csv|tsv)(\.gz)?", path.name.lower()
    )
    chosen = path.parent.name if usual else path.name if path.is_dir() else path.name.split(".")[0]
    clean = re.sub(r"[^A-Za-z0-9_.-]+", "-", chosen).strip(".-")[: LONGEST // 2]
    return clean if clean and clean.lower() != "cache" else "screen"
