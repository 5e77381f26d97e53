"""`config/README.md` from the schemas: every key with its type, default and meaning, and what the default run sets."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

INTRO = """# Configuration

Every key with its type, default and meaning. A key that your file leaves out has this default; together the
defaults are the paper's method.

- **Your file** is a run of its own: `snakemake --configfile my.yaml`. Without `--configfile` the run is
  `config/config.yaml`; where it differs from a default, the table says "the default run sets".
- **To change another run**, name its file: `extends: path/to/config/config.yaml`, relative to your own file.
- **Merging** is key by key; `--config` comes last. Named entries (screens, definitions, embeddings) add up. Lists
  replace, and so does `evaluate`. Another encoder, objective, source or kind starts without the options of the one
  before.
- **Methods.** `methods` lists what the tables hold. Each name is an entry of `definitions` (`config/methods.yaml` and
  your own) or of `embeddings` (files).
- **Screens.** A run evaluates on one screen or several: `evaluate: {screen: [benchmarks]}`.
- **Relative paths** start from the working directory.
- **Targets** (`table1`) come before `--configfile`, which would read them as further files.
- **Numbers** are written `1.0e-3` or `0.001` (`1e-3` is text to YAML). Names that look like a number or a date need
  quotes: `'00121'`, `'20210727_1'`.
- **Mistakes.** An unknown key is refused with the nearest known one, a key of an earlier version with its new name.

This page is made from `config/schemas/` and `config/config.yaml` by `make docs`.

| file | what it is |
|---|---|
"""


def kind(schema: dict[str, Any]) -> str:
    """A key's type in words."""
    if "enum" in schema:
        return " \\| ".join(f"`{json.dumps(v) if v is None else v}`" for v in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "$ref" in schema:
        return f"see {schema['$ref'].rsplit('/', 1)[-1]}"
    types = schema.get("type", "any")
    text = " or ".join(types) if isinstance(types, list) else str(types)
    return f"list of {schema['items'].get('type', 'entries')}" if types == "array" and "items" in schema else text


def rows(prefix: str, properties: dict[str, Any], run: dict[str, Any] | None = None) -> list[str]:
    """Table rows of `properties`, nested keys with dotted names; `run` is what the default run sets of them."""
    out = []
    for name, schema in properties.items():
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
        own = (run or {}).get(name)
        nested = schema.get("properties", {})
        if own is not None and not nested and own != schema.get("default"):
            default += f"{'; ' if default else ''}the default run sets {shown(own)}"
        text = " ".join(str(schema.get("description", "")).split()).replace("|", "\\|")
        out.append(f"| `{prefix}{name}` | {kind(schema)} | {default} | {text} |")
        out += rows(f"{prefix}{name}.", nested, own)
    return out


def shown(value: Any) -> str:
    """A value of the default run; of named entries their names."""
    if isinstance(value, dict) and any(isinstance(v, dict) for v in value.values()):
        return ", ".join(f"`{name}`" for name in value)
    return f"`{json.dumps(value)}`".replace("|", "\\|")


def first_comment(path: Path) -> str:
    """The first comment line of a configuration file, which says what the run is."""
    lines = path.read_text().splitlines()
    return lines[0].lstrip("# ") if lines and lines[0].startswith("#") else ""


def render(folder: Path) -> str:
    """The whole page for the schemas in `folder`."""
    out = [INTRO + "".join(f"| `{p.name}` | {first_comment(p)} |\n" for p in sorted(folder.parent.glob("*.yaml")))]
    run = yaml.safe_load((folder.parent / "config.yaml").read_text())
    header = "\n| key | type | default | meaning |\n|---|---|---|---|"
    for path in sorted(folder.glob("*.yaml")):
        part = yaml.safe_load(path.read_text())
        out.append(f"\n## {path.stem}\n")
        if part.get("properties"):
            out += [header, *rows("", part["properties"], run)]
        for name, schema in part.get("$defs", {}).items():
            if schema.get("properties"):
                out += [f"\n### {name}\n", header, *rows("", schema["properties"])]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render(Path(sys.argv[1])))
