"""What to do about a plate that a table of the user's lacks."""

from collections.abc import Iterable

from cwamsn.naming import plate_text
from cwamsn.screen_specs import ListedSpec


def hint(plate: str, spec: ListedSpec, known: Iterable[object]) -> str:
    """What to do about a plate that a table lacks."""
    numbers = {plate_text(p): p for p in spec.plates or [] if isinstance(p, int)}
    names = [str(k) for k in known]
    meant = next((k for k in names if plate in numbers and _yaml_integer(k) == numbers[plate] and k != plate), None)
    if meant:
        return f'; YAML reads {meant} as the number {plate}: quote it in `plates`, "{meant}"'
    close = next((k for k in names if _bare(k) == _bare(plate)), None)
    if close:
        return f"; it has {close}: write the plate in one way"
    more = ", ..." if len(names) > 5 else ""
    return f"; it has {', '.join(names[:5])}{more}: correct `plates`, or add it"


def _yaml_integer(text: str) -> int | None:
    """The integer that YAML 1.1 makes of an unquoted text: `20210727_1` is 202107271, `0121` is 81."""
    digits = text.replace("_", "")
    try:
        if digits.startswith("0") and digits.strip("0"):
            return int(digits, 8) if digits.isdigit() else int(digits, 0)
        return int(digits)
    except ValueError:
        return None


def _bare(plate: str) -> str:
    return "".join(c for c in plate.casefold() if c.isalnum()).lstrip("0")
