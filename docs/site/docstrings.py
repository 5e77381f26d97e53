"""Docstrings as this project writes them, for the API page.

Types stand in signatures, so the text after `name :` describes the parameter; reST roles become code.
"""

import re

import griffe

ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")


class Docstrings(griffe.Extension):
    """Rewrite each docstring before it is parsed."""

    def on_object(self, *, obj, **_):
        if obj.docstring:
            obj.docstring.value = described(ROLE.sub(r"`\1`", obj.docstring.value))


def described(text):
    """`name : words` of a numpydoc section becomes `name` with the words below it, where they are not a type."""
    out, section = [], False
    lines = text.splitlines()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if following and set(following) == {"-"}:
            section = line in ("Parameters", "Attributes", "Other Parameters")
        found = re.match(r"(\*{0,2}\w[\w, *]*) : (.* .*|.*\.)$", line) if section else None
        out += [found[1], f"    {found[2]}"] if found else [line]
    return "\n".join(out)
