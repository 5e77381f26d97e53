"""Names that become files and folders: of runs, screens, rows, plates, shards, stains and a study's points.

A name such as `..` would make a rule's output folder one that holds other results, which Snakemake empties before the
rule runs.
"""

import re
from collections.abc import Iterable

from cwamsn.errors import InputError

LONGEST = 100  # a file name may have 255 bytes, and stages add to the name
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
# Endings that a stage adds to the name of a part or row: `P1` and `P1.skipped` would write one file.
_ENDINGS = (".skipped", ".notes", ".partial", ".parquet", ".json")


def check_name(name: str, label: str, taken: Iterable[str] = ()) -> None:
    """InputError, beginning with `label`, unless `name` can name a file or folder and is none of `taken`."""
    text = str(name)
    if not _NAME.fullmatch(text):
        why = "it begins with a dot" if text.startswith(".") else "use letters, digits, '_', '.' and '-'"
        if re.fullmatch(r"\d([.,]\d+)?[eE]\+\d+", text):
            why = "a spreadsheet has rounded it; write it in full, as text"
        raise InputError(f"{label} {text!r} cannot name a file: {why}")
    if len(text) > LONGEST:
        raise InputError(f"{label} {text[:20] + '...'!r} cannot name a file: it has more than {LONGEST} characters")
    if text.casefold() in taken or text.casefold().endswith(_ENDINGS):
        raise InputError(f"{label} {text!r} is the name of a file of the workflow; choose another")


def check_names(names: Iterable[str], label: str, taken: Iterable[str] = ()) -> None:
    """:func:`check_name` for each; InputError too for two that differ by case only, one file on some file systems."""
    known: dict[str, str] = {}
    for name in map(str, names):
        check_name(name, label, taken)
        other = known.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(f"{label}s {other!r} and {name!r} differ by case only; write one name in one way")


def plate_text(value: object) -> str:
    """A plate id as text: `24,277`, `24277.0` and ` 24277 ` are all `24277`; other ids pass unchanged."""
    text = str(value).strip()
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.0+)?|\d+\.0+", text):
        text = text.replace(",", "").split(".")[0]
    return text
