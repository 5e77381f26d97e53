"""Commands in the documentation do what they say: a target after `--configfile FILE` is read as a second file."""

import re

import pytest
from snakemake.common.configfile import load_configfile

from cwamsn.config_files import configuration

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


RUNS = [("README.md", "run: my-run"), ("docs/simulation.md", "latent_probe]"), ("docs/simulation.md", "run: my-study")]


@pytest.mark.parametrize(("page", "words"), RUNS)
def test_configurations_of_the_pages_are_accepted(root, tmp_path, page, words):
    blocks = re.findall(r"```yaml\n(.*?)```", (root / page).read_text(), re.S)
    (text,) = [block for block in blocks if words in block]
    (tmp_path / "mine.yaml").write_text(text.replace("extends: config/", f"extends: {root}/config/"))
    found = configuration(root, [tmp_path / "mine.yaml"], {}, load_configfile)
    assert found["methods"] and (found["evaluate"] or found["study"])
    if "study" in text:
        assert found["training_screen"], "a study needs one"
