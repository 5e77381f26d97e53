"""Commands in the documentation do what they say: a target after `--configfile FILE` is read as a second file."""

import re

import pytest

PAGES = ["README.md", "CONTRIBUTING.md", "config/README.md", "Makefile"]


def pages(root):
    return [*(root / name for name in PAGES), *(root / "docs").glob("*.md"), *(root / "config").glob("*.yaml")]


@pytest.fixture(scope="module")
def commands(root):
    """Snakemake commands of every page, continued lines joined: page, words."""
    found = []
    for page in pages(root):
        text = page.read_text().replace("\\\n", " ")
        for command in re.findall(r"snakemake ([^`|\n#;]*--configfile [^`|\n#;]*)", text):
            found.append((page.name, re.sub(r"\s{2,}.*", "", command).split()))
    return found


def test_targets_stand_before_the_configuration_file(commands):
    assert len(commands) >= 10
    for page, words in commands:
        after = words[words.index("--configfile") + 1 :]
        files = after[: next((i for i, word in enumerate(after) if word.startswith("-")), len(after))]
        assert files and all(re.fullmatch(r"\S+\.yaml[.,)]*|FILE|\.\.\.", word) for word in files), (page, words)
