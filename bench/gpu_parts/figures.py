"""One measured number, what is wanted of it, and how both are printed."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A number or a word with its name; `at_most` and `at_least` are what is wanted of a number."""

    name: str
    value: float | str
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    equality: bool = False
    """Whether two ways to compute the same thing are compared: the exit status tells if one of them fails."""

    @property
    def holds(self) -> bool | None:
        """Whether the number is as wanted (NaN never is); None where nothing is wanted."""
        if isinstance(self.value, str) or (self.at_most is None and self.at_least is None):
            return None
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"holds": self.holds}


class Skipped(Exception):
    """A part that this machine cannot take, with the reason."""


def lines(figures: Iterable[Figure], small: bool = False) -> list[str]:
    """The figures as lines of a table: figure, measured, wanted.

    small : of a network that is too small for its speed to mean anything: only equalities are judged.
    """
    return [
        f"  {f.name:64} {_number(f.value):>12} {f.unit:9} {_wanted(f, f.equality or not small)}".rstrip()
        for f in figures
    ]


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if value != 0 and abs(value) < 0.01:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _wanted(figure: Figure, judged: bool) -> str:
    limits = [
        f"{sign} {limit:g}" for sign, limit in (("≤", figure.at_most), ("≥", figure.at_least)) if limit is not None
    ]
    if not limits:
        return ""
    verdict = "" if figure.holds or not judged else "   NOT HELD" if figure.equality else "   missed"
    return " and ".join(limits) + verdict
