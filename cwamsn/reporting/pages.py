"""Pages from the templates in `templates/`: each needs nothing beside itself, no script, no network."""

import base64
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cwamsn.palette import PAGE

TEMPLATES = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals["colours"] = PAGE
    made.filters |= {"base64": _base64, "lines": _lines, "shown": shown}
    return made


def render(template: str, **values: object) -> str:
    """Text of a template; what it prints is escaped."""
    return _environment().get_template(template).render(**values)


def shown(value: object) -> str:
    """A value of a grid as text: numbers with thousands separators, reals with one decimal, NaN as nothing."""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)


def _lines(frame: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    return frame.itertuples(index=False, name=None)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
