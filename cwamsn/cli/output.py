"""What a command answers: text for a reader, or one JSON object for a program. Everything else goes to stderr."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any


@dataclass(frozen=True)
class Answer:
    """What a command found.

    Parameters
    ----------
    value : the answer as a JSON object; numpy numbers and arrays, paths and missing values are allowed.
    lines : the same in words, one line each.
    failed : the command worked, and what it looked at is not in order: exit code 1.
    """

    value: Mapping[str, Any]
    lines: Sequence[str] = ()
    failed: bool = False


def write(answer: Answer, stream: IO[str], *, as_json: bool) -> None:
    """Write an answer to `stream`."""
    text = json.dumps(plain(answer.value), ensure_ascii=False, allow_nan=False) if as_json else "\n".join(answer.lines)
    if text:
        stream.write(text + "\n")
    stream.flush()


def plain(value: Any) -> Any:
    """`value` as JSON knows it: numbers that are not finite become null, paths text, arrays lists."""
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas' missing values
        return None
    return str(value)
