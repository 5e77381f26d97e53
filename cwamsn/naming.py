"""Names that become files and folders: of runs, screens, rows, plates, shards, stains and a study's points.

A name such as `..` would make a rule's output folder one that holds other results, which Snakemake empties before the
rule runs.
"""

import re
import unicodedata
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


def plate_name(value: object) -> str:
    """The plate id of :func:`plate_text` as it names files: blanks, slashes and other signs become `_`, é becomes e.

    What a spreadsheet has rounded stays as it is, and so does a dot at its start: :func:`check_name` refuses both.
    """
    text = plate_text(value)
    if _NAME.fullmatch(text) or re.fullmatch(r"\d([.,]\d+)?[eE]\+\d+", text):
        return text
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", plain)


def plate_names(barcodes: Iterable[object]) -> dict[str, str]:
    """Name in files → barcode of each plate, in order. InputError for two barcodes of one name."""
    found: dict[str, str] = {}
    for text in map(plate_text, barcodes):
        other = found.setdefault(plate_name(text), text)
        if other != text:
            raise InputError(
                f"plates {other!r} and {text!r} would both be called {plate_name(text)} in file names; rename one"
            )
    return found
