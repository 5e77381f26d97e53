"""Pages from templates: what a template prints is escaped, and what it does not know is an error."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cwamsn.pages.theme import style_sheet

LONG_LABEL = 15
TEMPLATES = Path(__file__).with_name("templates")


@cache
def _environment(folder: Path) -> Environment:
    made = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals["theme"] = style_sheet
    made.filters |= {
        "base64": _base64,
        "lines": _lines,
        "long_labels": _long_labels,
        "long_frame": _long_frame,
        "shown": shown,
    }
    return made


def renderer(folder: Path) -> Callable[..., str]:
    """A function `render(template, **values)` for the templates in `folder` and those that all pages share.

    Parameters
    ----------
    folder : templates of one package; a template there hides a shared one of the same name.
    """

    def render(template: str, **values: object) -> str:
        return _environment(folder).get_template(template).render(**values)

    return render


def script_json(value: object) -> str:
    """JSON that can stand inside a script element, whatever names it holds: `<!--` would begin a comment there."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def shown(value: object) -> str:
    """A value of a grid as text: numbers with thousands separators, reals with one decimal, NaN as nothing."""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)


def _lines(frame: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    return frame.itertuples(index=False, name=None)


def _long_labels(labels: Sequence[str]) -> str:
    """Class of a table whose labels leave no room for a second one beside them on a narrow screen."""
    return " long" if max(map(len, labels), default=0) > LONG_LABEL else ""


def _long_frame(frame: pd.DataFrame) -> str:
    """The same of a frame, whose values may be long too."""
    texts = [shown(value) for column in frame.columns[1:] for value in frame[column]]
    return " long" if max(map(len, texts), default=0) > LONG_LABEL else _long_labels(list(frame.columns[1:]))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
