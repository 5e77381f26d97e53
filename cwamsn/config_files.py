"""A user's configuration files as text: what YAML reads otherwise than it was meant is refused, with the line.

The rest of the configuration (:mod:`cwamsn.config`) sees values only, in which `00121` is 81 already.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cwamsn.config import load_schema, merge, resolve
from cwamsn.errors import InputError
from cwamsn.paths import NO_SCREEN, evaluated

PLAIN = {
    "int": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    "float": re.compile(r"[-+]?([0-9]*\.[0-9]*([eE][-+][0-9]+)?|\.(inf|Inf|INF)|\.(nan|NaN|NAN))"),
}


def check_text(path: str | Path) -> None:
    """Raise :class:`InputError` for a number in another notation than the decimal, a date, a key that is no text and a
    key that is given twice. Quoted text is never touched."""
    try:
        root = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return  # Snakemake has read it by now, as something else than YAML
    if root is not None:
        _check(root, Path(path).name, "")


def _check(node: yaml.Node, name: str, where: str) -> None:
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _check(item, name, f"{where}[{i}]")
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            full = f"{where}.{key.value}".lstrip(".")
            if key.value in seen:
                raise InputError(f"{name}: line {line}: {full} is given twice (line {seen[key.value]} too); keep one")
            if key.value != "<<":
                seen[key.value] = line
                _check_key(key, f"{name}: line {line}: {full}")
            _check(value, name, full)
    else:
        _check_value(node, f"{name}: line {node.start_mark.line + 1}: {where}")


def _check_key(node: yaml.Node, where: str) -> None:
    if not node.tag.endswith(":str"):
        raise InputError(
            f"{where}: YAML reads the key {node.value} as {_read(node)!r}; put it in quotes: '{node.value}'"
        )


def _check_value(node: yaml.Node, where: str) -> None:
    kind = node.tag.rsplit(":", 1)[-1]
    if getattr(node, "style", None) is not None or kind not in (*PLAIN, "timestamp"):
        return
    if kind == "timestamp" or not PLAIN[kind].fullmatch(node.value):
        meant = "" if kind == "timestamp" else f", or write the number: {_read(node)}"
        raise InputError(f"{where}: YAML reads {node.value} as {_read(node)}; put it in quotes: '{node.value}'{meant}")


def _read(node: yaml.Node) -> Any:
    return yaml.safe_load(node.value)


def configuration(
    root: Path, own: Sequence[Path], command_line: Mapping[str, Any], load: Callable[[str], Mapping[str, Any]]
) -> dict[str, Any]:
    """The resolved configuration of a run; raises :class:`InputError` with one line for the first fault.

    Laid over each other by :func:`cwamsn.config.merge`: the known methods (`config/methods.yaml`), the user's files or,
    without any, the default run (`config/config.yaml`), and what the command line sets.

    Parameters
    ----------
    root : the repository.
    own : the user's configuration files, in the order of the command line.
    command_line : values of `--config`.
    load : reads one file, as Snakemake does.
    """
    files = own or [root / "config" / "config.yaml"]
    for path in files:
        check_text(path)
    layers = [*read_layers([root / "config" / "methods.yaml", *files], load), command_line]
    found: Mapping[str, Any] = functools.reduce(merge, layers)
    resolved = resolve(found, load_schema(root / "config" / "schemas"))
    if "run" not in found:
        raise InputError(
            "run: is missing; a configuration file is a run of its own: name it, or change the default run by adding "
            "`extends: path/to/config/config.yaml`"
        )
    return resolved | {"title": own_title(resolved)}


def read_layers(paths: Iterable[Path], load: Callable[[str], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Contents of configuration files, each after the file that its key `extends` names (relative to the file itself).

    A file that two others extend comes once, before the first of them.

    Parameters
    ----------
    paths : files in the order in which they are laid over each other.
    load : reads one file, as Snakemake does.
    """
    found: dict[Path, dict[str, Any]] = {}
    for path in paths:
        _add(Path(path), load, found, ())
    return list(found.values())


def _add(
    path: Path, load: Callable[[str], Mapping[str, Any]], found: dict[Path, dict], above: tuple[Path, ...]
) -> None:
    """Put the file at `path` into `found`, after what it extends; `above` are the files that extend it."""
    if path.resolve() in found:
        return
    try:
        content = dict(load(str(path)) or {})
    except Exception as error:  # Snakemake's own, which does not say in which file
        raise InputError(f"{path.name}: {error}") from None
    base = content.pop("extends", None)
    if base is not None:
        if not isinstance(base, str):
            raise InputError(f"{path.name}: extends: {base!r} is not the name of a file; name one")
        below, above = path.parent / base, (*above, path.resolve())
        if not below.is_file():
            raise InputError(f"{path.name}: extends: no file {below}; name a file, relative to {path.name}")
        if below.resolve() in above:
            raise InputError(f"{path.name}: extends: {base} extends {path.name} itself; take one of them out")
        check_text(below)
        _add(below, load, found, above)
    found[path.resolve()] = content


def own_title(config: Mapping[str, Any]) -> str:
    """A run's title: as given, else its name, beside which it says so where every screen of the run is simulated."""
    if config["title"]:
        return config["title"]
    names = {config["training_screen"], *evaluated(config)} - {None, NO_SCREEN}
    screens = [config["screens"][name] for name in names]
    simulated = screens and all(screen["source"].startswith("simulated-") for screen in screens)
    return f"Simulated screens ({config['run']})" if simulated else config["run"]


_SCHEMAS = Path(__file__).resolve().parents[1] / "config" / "schemas"
_ARGUMENT = re.compile(r"(?P<path>.+\.ya?ml)(:(?P<screen>[^/\\:]+))?")


def sections_of(argument: str | Path, names: Sequence[str]) -> Mapping[str, Any]:
    """Sections of the configuration file that `argument` names (`my.yaml` or `my.yaml:screen`); none for anything else.

    Outside a checkout there are no schemas: a section then holds what the file says, without the defaults.
    """
    found = _ARGUMENT.fullmatch(str(argument))
    if not found or not Path(found["path"]).is_file():
        return {}
    check_text(found["path"])
    layers = read_layers([Path(found["path"])], lambda name: yaml.safe_load(Path(name).read_text(encoding="utf-8")))
    merged: Mapping[str, Any] = functools.reduce(merge, layers)
    own = {key: merged[key] for key in names if key in merged}
    if not _SCHEMAS.is_dir():
        return own
    plain = {key: own.pop(key) for key in ("run", "evaluate") if key in own}  # what they name is not among `names`
    resolved = resolve(own, load_schema(_SCHEMAS))
    return {key: value for key, value in resolved.items() if key in names} | plain
