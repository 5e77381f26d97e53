"""`config/README.md` from the schemas: every key with its type, default and meaning."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

INTRO = """# Configuration

`config/config.yaml` is the default run. A file given with `--configfile` overrides it key by key: named entries
(screens, models, embeddings) add up, lists replace. Unknown keys are refused with the nearest known one. Relative paths
resolve against the working directory. This page is made from `config/schemas/` by `make docs`.

| file | run |
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


def rows(prefix: str, properties: dict[str, Any]) -> list[str]:
    """Table rows of `properties`, nested keys with dotted names."""
    out = []
    for name, schema in properties.items():
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
        text = " ".join(str(schema.get("description", "")).split()).replace("|", "\\|")
        out.append(f"| `{prefix}{name}` | {kind(schema)} | {default} | {text} |")
        out += rows(f"{prefix}{name}.", schema.get("properties", {}))
    return out


def first_comment(path: Path) -> str:
    """The first comment line of a configuration file, which says what the run is."""
    lines = path.read_text().splitlines()
    return lines[0].lstrip("# ") if lines and lines[0].startswith("#") else ""


def render(folder: Path) -> str:
    """The whole page for the schemas in `folder`."""
    out = [INTRO + "".join(f"| `{p.name}` | {first_comment(p)} |\n" for p in sorted(folder.parent.glob("*.yaml")))]
    header = "\n| key | type | default | meaning |\n|---|---|---|---|"
    for path in sorted(folder.glob("*.yaml")):
        part = yaml.safe_load(path.read_text())
        out.append(f"\n## {path.stem}\n")
        if part.get("properties"):
            out += [header, *rows("", part["properties"])]
        for name, schema in part.get("$defs", {}).items():
            if schema.get("properties"):
                out += [f"\n### {name}\n", header, *rows("", schema["properties"])]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render(Path(sys.argv[1])))
