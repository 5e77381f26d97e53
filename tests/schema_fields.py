"""Holds an options class to the schema of its section: the same names, the same defaults."""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from cwamsn.config import load_schema
from cwamsn.options import Options, nested

_SCHEMAS = Path(__file__).resolve().parents[1] / "config" / "schemas"


def assert_fields_match(cls: type[Options], *keys: str, besides: Collection[str] = ()) -> None:
    """Fail unless the fields of `cls` are the properties of a section, with its defaults.

    Parameters
    ----------
    cls : the options class. Nested options classes are held to the nested section.
    keys : where the section stands: names of properties (`crops`, `qc`), or `$defs` and the name of a definition.
    besides : properties or fields that are on one side only, since they belong to someone else.
    """
    schema = load_schema(_SCHEMAS)
    section: Mapping[str, Any] = schema
    for key in keys:
        section = section["$defs"] if key == "$defs" else section.get("properties", section)[key]
    _compare(cls, section, schema["$defs"], set(besides), ".".join(keys))


def _compare(cls: type[Options], section: Mapping[str, Any], defs: Mapping[str, Any], besides: set, label: str) -> None:
    section = _resolved(section, defs)
    described, held = section["properties"], {f.name: f for f in fields(cls)}
    assert set(described) - besides == set(held) - besides, f"{label}: {cls.__name__}"
    for name in set(held) - besides:
        entry, kind = _resolved(described[name], defs), nested(held[name])
        if kind is not None:
            _compare(kind, entry, defs, set(), f"{label}.{name}")
        elif "default" in entry:
            assert _default(held[name]) == _as_tuple(entry["default"]), f"{label}.{name}"


def _resolved(entry: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = entry.get("$ref")
    return {**defs[reference.rsplit("/", 1)[1]], **entry} if reference else entry


def _default(field: Field) -> object:
    if field.default_factory is not MISSING:
        return _as_tuple(field.default_factory())
    return _as_tuple(field.default)


def _as_tuple(value: object) -> object:
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value
