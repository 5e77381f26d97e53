"""What a rule's script imports is what the rule's environment has: `envs/` gives each rule its dependencies only."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires

import pytest
import yaml
from packaging.requirements import Requirement

from tests.workflow.chain import ROOT
from tests.workflow.test_environments import CONDA_TO_PIP, environment_files, normal

# Runs the imports of `scripts`; an import of a package in `absent` fails.
PROGRAM = """
import builtins, re, sys
from pathlib import Path

original = builtins.__import__

def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    if level == 0 and name.partition(".")[0] in absent:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return original(name, globals, locals, fromlist, level)

builtins.__import__ = guarded
for script in scripts:
    for line in re.findall(r"(?m)^ +((?:from|import) .+)", Path(script).read_text()):
        try:
            exec(line)
        except ModuleNotFoundError as error:
            sys.exit(f"{script}: {line}: {error}")
"""


def scripts_by_environment():
    found = {}
    for path in sorted((ROOT / "rules").glob("*.smk")):
        script = None
        for block in re.split(r"(?m)^(?=rule |use rule )", path.read_text())[1:]:
            own = re.search(r'script:\s*"\.\./(workflow_scripts/\w+\.py)"', block)
            script = own.group(1) if own else script  # of the rule that `use rule` builds on
            environment = re.search(r'conda:\s*"\.\./envs/([\w.-]+)"', block)
            if environment and script:
                found.setdefault(environment.group(1), set()).add(script)
    return found


def with_dependencies(names):
    """Distributions and what they require, as far as they are installed here."""
    found, new = set(), {normal(name) for name in names}
    while new:
        found |= new
        listed = [Requirement(line) for name in new for line in _requires(name)]
        new = {normal(r.name) for r in listed if not r.marker or r.marker.evaluate({"extra": ""})} - found
    return found


def _requires(name):
    try:
        return requires(name) or []
    except ModuleNotFoundError:
        return []


def packages_of(path):
    entries = yaml.safe_load(path.read_text())["dependencies"]
    pins = [pin for entry in entries for pin in (entry["pip"] if isinstance(entry, dict) else [entry])]
    names = [re.split(r"=+", pin.strip(), maxsplit=1)[0] for pin in pins]
    return [CONDA_TO_PIP.get(name, name) for name in names]


@pytest.mark.parametrize("path", environment_files(ROOT), ids=lambda path: path.stem)
def test_an_environment_has_what_the_scripts_of_its_rules_import(path):
    present = with_dependencies(packages_of(path))
    absent = {
        package
        for package, owners in packages_distributions().items()
        if not {normal(owner) for owner in owners} & (present | {"cwamsn", "setuptools", "pip"})
    }
    scripts = sorted(scripts_by_environment()[path.name])
    program = f"absent, scripts = {absent!r}, {scripts!r}\n{PROGRAM}"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-800:]
