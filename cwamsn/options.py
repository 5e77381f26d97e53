"""Sections of the configuration as types: the base of every options class. Standard library only.

A subclass is a frozen dataclass whose fields have the names and defaults of a section of `config/schemas/`; a test
holds the two together. The schema checks what users write; behind it the library passes these objects.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Options:
    """A section of the configuration."""

    @classmethod
    def from_config(cls, section: Mapping[str, Any]) -> Self:
        """The section as resolved. Keys that are no fields belong to others and are left out.

        A field whose default is another options class is read from the mapping of its name, null being its defaults.
        """
        return cls(**{f.name: _value(f, section[f.name]) for f in fields(cls) if f.name in section})


def _value(field: Field[Any], value: Any) -> Any:
    kind = nested(field)
    if kind is None or isinstance(value, kind):
        return value
    return kind() if value is None else kind.from_config(value)


def nested(field: Field[Any]) -> type[Options] | None:
    """The options class that a field holds, None for a plain value."""
    kind = field.default_factory
    return kind if kind is not MISSING and isinstance(kind, type) and issubclass(kind, Options) else None
