"""The errors that the project raises, and the hint that goes with a misspelt word. Standard library only."""

import difflib
from collections.abc import Iterable


class CwamsnError(Exception):
    """Base of the errors below. Anything else that is raised is a fault of the program and keeps its traceback."""


class InputError(CwamsnError, ValueError):
    """Something the user gave is wrong. The message is one line: which file, row or key, and what to do about it."""


class TrainingStopped(InputError):
    """A training that cannot go on: its loss is not finite or its encoder collapsed. The message names the step."""


class FetchError(InputError):
    """A file cannot be had from its host. The message names the URL, never a token."""


def nearest(word: object, known: Iterable[object], *, cutoff: float = 0.5) -> str:
    """The known words nearest to a misspelt one: `nearest: a, b`; `known: a, b, c` where none is near.

    Parameters
    ----------
    word : what was given.
    known : what could have been meant.
    cutoff : similarity between 0 and 1 from which a word counts as near (:func:`difflib.get_close_matches`).
    """
    words = [str(k) for k in known]
    close = difflib.get_close_matches(str(word), words, n=3, cutoff=cutoff)
    return f"nearest: {', '.join(close)}" if close else f"known: {', '.join(words) or 'none'}"
