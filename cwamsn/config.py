"""Configuration as resolved: defaults filled in, unknown keys refused with the nearest known one.

The schemas in `config/schemas/` are JSON Schema with a description and, where there is one, a default and a unit for
every key; `config/README.md` is made from them. This module takes dictionaries and a schema folder; it reads no
configuration file.
"""

import copy
import datetime
import fnmatch
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from cwamsn.alignment_names import check_recipes, steps_of
from cwamsn.errors import InputError, nearest
from cwamsn.merging import merge
from cwamsn.naming import check_name, check_names
from cwamsn.paths import INCOMPLETE, NO_SCREEN, evaluated

# Keys and values of earlier versions, refused with what is written now; `*` is any name.
RENAMED = {
    "rows": "methods: [names]",
    "evaluation_screen": "evaluate: {screen: [benchmarks]}",
    "benchmarks": "evaluate: {screen: [benchmarks]}",
    "reporting.quoted_rows": "reporting.published_methods",
    "models": "definitions: {name: {kind: ...}}",
    "definitions.*.kind: quoted": "kind: published",
}

# Folders of `paths.data` that belong to no screen.
SHARED_FOLDERS = ("cache", "study")


def load_schema(folder: str | Path) -> dict[str, Any]:
    """Compose the stage schemas (`<stage>.yaml`) into one: their `properties` and `$defs` are merged."""
    merged: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}, "$defs": {}}
    for path in sorted(Path(folder).glob("*.yaml")):
        part = yaml.safe_load(path.read_text())
        merged["properties"] |= part.get("properties", {})
        merged["$defs"] |= part.get("$defs", {})
    return merged


def resolve(given: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `given` with every default of `schema` filled in. Raises :class:`InputError` on the first fault."""
    config = _apply(copy.deepcopy(dict(given)), schema, schema["$defs"], "")
    for name, value in config.get("screens", {}).items():
        if name in (config.get("training_screen"), *config.get("evaluate", ())) and not value:
            raise InputError(f"screens.{name}: is empty; give it a source")
    for name, spec in config.get("screens", {}).items():
        if spec and spec.get("crops"):
            whole = merge(config.get("crops", {}), spec["crops"])
            checked = _apply(whole, schema["properties"]["crops"], schema["$defs"], f"screens.{name}.crops")
            spec["crops"] = _chosen(checked, spec["crops"])
    used = [("training_screen", name) for name in (config.get("training_screen"),) if name is not None]
    used += [("evaluate", name) for name in evaluated(config)] if isinstance(config.get("evaluate"), Mapping) else []
    for key, name in used:
        if name not in config.get("screens", {}):
            raise InputError(f"{key}: no screen is called {name!r}; {nearest(name, config.get('screens', {}))}")
    known = {**config.get("definitions", {}), **config.get("embeddings", {})}
    named = [("methods", method) for method in config.get("methods", [])]
    named += [("comparisons", method) for pair in config.get("comparisons", []) for method in pair]
    for key, method in named:
        if method not in known:
            raise InputError(f"{key}: no method is called {method!r}; {nearest(method, known)}")
    _check_names(config)
    _check_alignments(config.get("alignment", {}))
    return config


def _chosen(whole: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `whole` holds under the keys of `own`."""
    out = {}
    for key, value in own.items():
        deeper = isinstance(value, Mapping) and isinstance(whole[key], Mapping)
        out[key] = _chosen(whole[key], value) if deeper else whole[key]
    return out


def crops_of_screen(config: Mapping[str, Any], screen: str) -> Mapping[str, Any]:
    """The section `crops` as it holds for a screen: with the screen's own key `crops` laid over it."""
    return merge(config["crops"], config["screens"][screen].get("crops") or {})


def _check_names(config: dict[str, Any]) -> None:
    """InputError for a name that would be another file or folder than one of its own."""
    if "run" in config:
        check_name(config["run"], "run: the name")
    check_names(config.get("screens", {}), "screens: the name", (*SHARED_FOLDERS, NO_SCREEN, INCOMPLETE))
    check_names([*config.get("definitions", {}), *config.get("embeddings", {})], "methods: the name")
    check_names(config.get("study", {}).get("points", {}), "study.points: the name")


def _check_alignments(section: Mapping[str, Any]) -> None:
    """InputError for an alignment that is not known, before anything is computed."""
    recipes = section.get("recipes", {})
    check_names(recipes, "alignment.recipes: the name")
    check_recipes(recipes)
    for key, name in [("method", section.get("method")), *(("also", name) for name in section.get("also", []))]:
        if name is None:
            continue
        try:
            steps_of(name, recipes)
        except InputError as error:
            raise InputError(f"alignment.{key}: {error}") from None


# keys of the section `embedding` that say how a job is run, not what it computes
EMBEDDING_RUN_KEYS = ("threads", "loader_threads", "loader_depth", "gpus", "runtime_minutes")


def embedding_of_method(section: Mapping[str, Any], name: str, own: Mapping[str, Any] | None) -> dict[str, Any]:
    """How a method's images are embedded: the section `embedding` with the method's own keys laid over it.

    `own` is `definitions.<name>.embedding`. Keys that say how a job is run are left out. Raises InputError for a key
    that the section does not have.
    """
    shared = {key: value for key, value in section.items() if key not in EMBEDDING_RUN_KEYS}
    for key in own or {}:
        where = f"definitions.{name}.embedding.{key}"
        if key in EMBEDDING_RUN_KEYS:
            raise InputError(f"{where}: holds for every method; set it in `embedding`")
        if key not in shared:
            raise InputError(f"{where}: unknown key; {nearest(key, shared)}")
    return merge(shared, own or {})


def _apply(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any], where: str) -> Any:
    """Validate `value` against `schema` at key path `where`, filling defaults.

    Beside plain JSON Schema it knows `discriminator: {key, variants}`: the object's `key` names the `$defs` entry
    (`<prefix>-<value>`) that describes it, so that a screen's keys depend on its source and a method's on its kind.
    """
    if "$ref" in schema:
        schema = defs[schema["$ref"].rsplit("/", 1)[-1]]
    if value is None and _nullable(schema):
        return None
    if "discriminator" in schema:
        key, prefix = schema["discriminator"]["key"], schema["discriminator"]["prefix"]
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected keys below it, found {value!r}")
        choice = value.get(key, schema["discriminator"].get("default"))
        if choice is None:
            raise InputError(f"{where}.{key}: is missing")
        known = [d.removeprefix(f"{prefix}-") for d in defs if d.startswith(f"{prefix}-")]
        if choice not in known and (now := _renamed(f"{where}.{key}: {choice}")):
            raise InputError(f"{where}.{key}: {choice} has a new name; write {now}")
        if choice not in known:
            raise InputError(f"{where}.{key}: {choice!r} is not known; {nearest(choice, known)}")
        value.setdefault(key, choice)
        schema = defs[f"{prefix}-{choice}"]
    if schema.get("type") == "object" or (isinstance(schema.get("type"), list) and isinstance(value, dict)):
        return _object(value, schema, defs, where)
    if schema.get("type") == "array" and isinstance(value, list) and "items" in schema:
        value = [_apply(item, schema["items"], defs, f"{where}[{i}]") for i, item in enumerate(value)]
        schema = {key: part for key, part in schema.items() if key != "items"}
    if schema.get("uniqueItems") and isinstance(value, list):
        repeated = next((item for i, item in enumerate(value) if item in value[:i]), None)
        if repeated is not None:
            raise InputError(f"{where}: {repeated!r} is listed twice; list it once")
    if schema.get("type") == "boolean" and value in ("true", "false"):
        value = value == "true"  # as YAML spells it; Snakemake's --config hands it on as text
    # Not jsonschema.validate: it would check the whole schema against its own once for every value, seconds in all.
    error = best_match(Draft202012Validator({**schema, "$defs": defs}).iter_errors(value))
    if error:
        raise InputError(f"{where}: {error.message}{_yaml_advice(value, schema)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: {value} is not a finite number")
    kinds = _types(schema)
    if isinstance(value, float) and value.is_integer() and "integer" in kinds and "number" not in kinds:
        return int(value)  # JSON Schema takes 400.0 for an integer, range() does not
    return value


def _renamed(key: str) -> str | None:
    """What is written now in place of a key of an earlier version; None for any other key."""
    return next((now for old, now in RENAMED.items() if fnmatch.fnmatchcase(key, old)), None)


def _all_renamed(value: Iterable[str], properties: Iterable[str], where: str) -> list[str]:
    """What is written now in place of each key of an earlier version among those of `value`."""
    keys = [f"{where}.{key}" if where else str(key) for key in value if key not in properties]
    return [f"{key}: has a new name; write {now}" for key in keys if (now := _renamed(key))]


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _yaml_advice(value: Any, schema: Mapping[str, Any]) -> str:
    """What to write instead where YAML has read something else than was meant; empty where that is not the fault."""
    kinds = _types(schema)
    if isinstance(value, bool) and "boolean" not in kinds:
        return "; YAML reads yes, no, on and off as true and false: put text in quotes" if "string" in kinds else ""
    if isinstance(value, datetime.date):
        return f"; YAML reads it as a date: put it in quotes: '{value}'"
    if not isinstance(value, str) or not {"number", "integer"} & set(kinds):
        return ""
    try:
        number = float(value.replace(",", ".").replace("_", ""))
    except ValueError:
        return ""
    whole = "number" not in kinds and number.is_integer()
    return f" but text to YAML; write {int(number) if whole else _plain(value, number)}"


def _plain(text: str, number: float) -> str:
    """`number` as YAML 1.1 reads it as one: with a point and with the exponent's sign; in the digits of `text`."""
    mantissa, mark, exponent = text.strip().lower().replace(",", ".").replace("_", "").partition("e")
    mantissa = mantissa if "." in mantissa or not mark else f"{mantissa}.0"
    plain = mantissa + (f"e{int(exponent):+d}" if mark else "")
    found = yaml.safe_load(plain)
    return plain if isinstance(found, int | float) and found == number else repr(number)


def _nullable(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "null" or (isinstance(kind, list) and "null" in kind)


def _object(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where or 'configuration'}: expected keys below it, found {value!r}")
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties", False)
    for key in value:
        if not isinstance(key, str):
            raise InputError(f"{where or 'configuration'}: the key {key!r} is no text; put it in quotes")
        if key not in properties and extra is False:
            full = f"{where}.{key}" if where else str(key)
            if _renamed(full):
                raise InputError(f"{'; '.join(_all_renamed(value, properties, where))} (CHANGELOG.md)")
            raise InputError(f"{full}: unknown configuration key; {nearest(key, properties)}")
    for key, part in properties.items():
        target = defs[part["$ref"].rsplit("/", 1)[-1]] if "$ref" in part else part
        if key not in value and "default" in part:
            value[key] = copy.deepcopy(part["default"])
        elif key not in value and target.get("type") == "object" and "properties" in target:
            value[key] = {}
        if key in value:
            value[key] = _apply(value[key], part, defs, f"{where}.{key}" if where else key)
        elif key in schema.get("required", []):
            raise InputError(f"{where}.{key}: is missing".lstrip("."))
    if isinstance(extra, dict):
        for key in value:
            if key not in properties:
                value[key] = _apply(value[key], extra, defs, f"{where}.{key}" if where else str(key))
    return value
