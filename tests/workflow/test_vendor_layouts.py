"""docs/vendor_layouts.md: each tree is built, each command run, and it prints what the page shows."""

import re
import shlex
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from cwamsn.cli import main as script
from cwamsn.config import load_schema, resolve
from cwamsn.screen_specs.argument import screen_from_argument
from cwamsn.screen_specs.patterns import PATTERNS

PAGE = "docs/vendor_layouts.md"


def sections(text):
    """(tree, command, what it prints) of each example; a command without a tree of its own has that above it."""
    tree, found = "", []
    for kind, body in re.findall(r"```(\w*)\n(.*?)```", text, re.S):
        if kind == "":
            tree = body
        elif kind == "console":
            command, _, printed = body.partition("\n")
            found.append((tree, command.removeprefix("$ "), printed))
    return found


def build(tree, root):
    """The files of a tree; two blanks per level, folders end with a slash."""
    above = [root]
    for line in tree.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.strip()
        path = above[depth] / name
        if name.endswith("/"):
            path.mkdir()
            above[depth + 1 :] = [path]
        else:
            path.write_bytes(b"")


def picture(path):
    """Pixels of the file's own, so that no image is another's."""
    pixels = np.random.default_rng(zlib.crc32("/".join(path.parts[-4:]).encode())).gamma(2, 300, (96, 96))
    tifffile.imwrite(path, pixels.astype(np.uint16))


SECTIONS = sections((Path(__file__).resolve().parents[2] / PAGE).read_text())
EXAMPLES = [example for example in SECTIONS if "cwamsn check" not in example[1]]
# each with the command before it, which writes my.yaml
CHECKED = [(a[1], *b) for a, b in pairwise(SECTIONS) if "cwamsn check" in b[1]]


@pytest.mark.parametrize(("tree", "command", "printed"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_each_example_prints_what_the_page_shows(tmp_path, monkeypatch, capsys, tree, command, printed):
    monkeypatch.chdir(tmp_path)
    build(tree, tmp_path)
    code = script.main(shlex.split(command)[1:])
    said = capsys.readouterr()
    assert (said.out or said.err) == printed and code == (0 if said.out else 1)
    if code == 0:
        assert screen_from_argument("my.yaml").units()


@pytest.mark.parametrize(("init", "tree", "command", "printed"), CHECKED, ids=range(len(CHECKED)))
def test_check_says_the_lines_of_the_page(tmp_path, monkeypatch, capsys, init, tree, command, printed):
    monkeypatch.chdir(tmp_path)
    build(tree, tmp_path)
    for path in (tmp_path / "plates").rglob("*.tif*"):
        picture(path)
    assert script.main(shlex.split(init)[1:]) == 0
    capsys.readouterr()
    assert script.main(shlex.split(command)[1:]) == 0
    said = " ".join(capsys.readouterr().out.replace(f"{tmp_path}/", "").split())  # lines are broken by their length
    assert all(" ".join(line.split()) in said for line in printed.splitlines()), said


def test_each_layout_is_checked():
    """All but those that show what is refused."""
    written = [command for _, command, printed in EXAMPLES if "next: " in printed]
    assert [init for init, *_ in CHECKED] == written and len(written) >= len(PATTERNS)


def test_every_pattern_has_an_example(root):
    text = (root / PAGE).read_text()
    assert all(f"| `{name}` |" in text and f"pattern: {name}, " in text for name in PATTERNS)


def test_the_configuration_is_accepted(root):
    (text,) = re.findall(r"```yaml\n(.*?)```", (root / PAGE).read_text(), re.S)
    resolve(yaml.safe_load(text), load_schema(root / "config" / "schemas"))
