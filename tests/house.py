"""What the source says about its own structure: imports, function widths, words. `python -m tests.house` prints it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import griffe

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cwamsn"


class Import(NamedTuple):
    """`module` imports `target`, both dotted names of modules of the package."""

    module: str
    target: str
    line: int
    top: bool  # at module level: executed when the module is imported


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def deferred(tree: ast.Module) -> set[int]:
    """Ids of nodes that importing the module does not execute: bodies of functions, and TYPE_CHECKING blocks."""
    found: set[int] = set()
    for node in ast.walk(tree):
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if function or typing:
            found |= {id(inner) for inner in ast.walk(node) if inner is not node}
    return found


def imports(module: str) -> Iterator[Import]:
    """Imports of our own modules; `from package import module` counts as one of the module."""
    tree = ast.parse(MODULES[module].read_text())
    later = deferred(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}:{node.lineno}: relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            targets = [name if name in MODULES else str(node.module) for name in inner]
        else:
            continue
        for target in dict.fromkeys(targets):
            if target.split(".")[0] == "cwamsn":
                yield Import(module, target, node.lineno, id(node) not in later)


IMPORTS = [found for module in MODULES for found in imports(module)]


def circles() -> list[list[str]]:
    """Groups of modules that import each other at module level, by way of the packages that hold them."""
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for found in IMPORTS:
        if found.top and found.target in MODULES and found.target != found.module:
            graph[found.module].add(found.target)
    return strongly_connected(graph)


def strongly_connected(graph: dict[str, set[str]]) -> list[list[str]]:
    """Tarjan's components of more than one node."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    out: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            at = stack.index(node)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                out.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return out


# From the ground up; a module imports from its own line and the lines above. Modules not named here are ground floor.
LAYERS = [
    ["(ground floor)"],
    [
        *("config", "config_files", "config_docs", "methods", "products", "plan", "recipes", "screens_in_use"),
        *("screen_specs.argument", "screen_specs.configured", "screen_specs.name_of", "workplace"),
    ],
    ["pages"],
    ["screens", "simulate"],
    ["crops"],
    ["pictures"],
    ["chain"],
    ["models"],
    ["loading"],
    ["training"],
    ["embeddings"],
    ["export"],
    ["alignment"],
    ["profiles"],
    ["profiling"],
    ["benchmarks"],
    ["hits"],
    ["heads"],
    ["scoring", "scoring_bray"],
    ["atlas"],
    ["advice"],
    ["studies"],
    ["reporting"],
    ["plates"],
    ["checks"],
    [
        "needs",
        "head_needs",
        "study_needs",
        "report_needs",
        "jobs",
        "where",
        "clean",
        "cli",
        "__main__",
    ],  # what a Snakefile and a command line use
]
PLACE = {name: number for number, names in enumerate(LAYERS) for name in names}


def layer(module: str) -> int:
    parts = module.split(".")
    return PLACE.get(".".join(parts[1:3]), PLACE.get(parts[1], 0)) if len(parts) > 1 else 0


def upward() -> list[str]:
    """Imports of a later stage."""
    return [
        f"{found.module}:{found.line} imports {found.target}"
        for found in IMPORTS
        if layer(found.target) > layer(found.module)
    ]


def local() -> list[str]:
    """Imports of our own modules within a function."""
    return [
        f"{found.module}:{found.line} imports {found.target}"
        for found in IMPORTS
        if not found.top and not in_type_checking(found)
    ]


def in_type_checking(found: Import) -> bool:
    tree = ast.parse(MODULES[found.module].read_text())
    blocks = [x for x in ast.walk(tree) if isinstance(x, ast.If) and "TYPE_CHECKING" in ast.unparse(x.test)]
    return any(x.lineno <= found.line <= (x.end_lineno or 0) for x in blocks)


def widths() -> list[tuple[int, str]]:
    """Parameters of each function that are not keyword-only, widest first; Triton, which knows no others, apart."""
    found = []
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if "triton.jit" in map(ast.unparse, node.decorator_list):
                    continue
                names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
                count = len([name for name in names if name not in ("self", "cls")])
                found.append((count, f"{module}:{node.lineno} {node.name}"))
    return sorted(found, key=lambda x: (-x[0], x[1]))


def untyped() -> dict[str, int]:
    """How often each file says `dict[str, Any]`."""
    counts = {module: path.read_text().count("dict[str, Any]") for module, path in MODULES.items()}
    return {module: count for module, count in counts.items() if count}


def parse_docstrings() -> int:
    """Parse every docstring as the documentation's API page does, which logs what it stumbles over; how many."""

    def parsed(parent: griffe.Object) -> int:
        members = [m for m in parent.members.values() if not m.is_alias]
        for member in members:
            if member.docstring:
                member.docstring.parse("numpy")
        return len(members) + sum(parsed(m) for m in members if m.is_module or m.is_class)

    return parsed(griffe.load(PACKAGE.name, search_paths=[ROOT], allow_inspection=False))


def matching(pattern: str, *folders: str, ext: str = "py") -> dict[str, list[str]]:
    """Lines that match in the Python files of `folders`, by file."""
    out: dict[str, list[str]] = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob(f"*.{ext}")):
            lines = [f"{n}: {line.strip()}" for n, line in enumerate(path.read_text().splitlines(), 1)]
            if hits := [line for line in lines if re.search(pattern, line)]:
                out[str(path.relative_to(ROOT))] = hits
    return out


NAMES = "trained|encoder|pretrained|released|handcrafted|latent|random|published|quoted"
# A kind of method compared as a string: `kind == "trained"`, `entry["kind"] in ("latent", "random")`.
KINDS = rf"""kind["')\]]*\s*(==|!=|in|not in)\s*[\[({{]?\s*["']({NAMES})["']|["']({NAMES})["']\s*(==|!=)"""
# A path below the results folder of a run, written out.
RESULTS = r"results\}/[a-z]|\.scores\.parquet"


if __name__ == "__main__":
    print("circles:", *circles() or ["none"], sep="\n  ")
    print("upward:", *upward() or ["none"], sep="\n  ")
    print("local:", *local() or ["none"], sep="\n  ")
    print("widest:", *[w for w in widths() if w[0] > 6], sep="\n  ")
    print("dict[str, Any]:", sum(untyped().values()), *sorted(untyped().items(), key=lambda x: -x[1]), sep="\n  ")
    for title, pattern in (("kinds", KINDS), ("results", RESULTS)):
        print(
            f"{title}:",
            *[f"{f}: {h}" for f, hits in matching(pattern, "cwamsn", "workflow_scripts").items() for h in hits],
            sep="\n  ",
        )
        print(
            f"{title} in rules:",
            *[f"{f}: {h}" for f, hits in matching(pattern, "rules", ext="smk").items() for h in hits],
            sep="\n  ",
        )
    print("lazy:", *matching("cwamsn.lazy", "cwamsn"))
