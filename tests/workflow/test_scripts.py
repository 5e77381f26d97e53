"""Workflow scripts: thin, and independent of an installed package."""

import subprocess
import sys
import sysconfig

import pytest

from tests.workflow.chain import ROOT

SCRIPTS = sorted(p for p in (ROOT / "workflow_scripts").glob("*.py") if not p.name.startswith("_"))


PROGRAM = """
import sys, types
sys.path.append({packages!r})
clean = list(sys.path)
for script, head in {heads!r}:
    sys.path[:] = clean
    for name in [m for m in sys.modules if m.split(".")[0] in ("cwamsn", "workflow_scripts")]:
        del sys.modules[name]
    snakemake = types.SimpleNamespace(scriptdir=script.rsplit("/", 1)[0], threads=1)
    exec(compile(head, script, "exec"), {{"snakemake": snakemake, "__file__": script}})
    print(script, sys.modules["cwamsn"].__file__)
"""


def head(script):
    """What a script does before its job starts: finding the library."""
    lines = script.read_text().splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("with job(")), None)
    assert start is not None, f"{script.name} does not use job(snakemake)"
    return "\n".join(lines[:start])


def test_scripts_find_the_library_by_themselves(tmp_path):
    """A rule's conda environment holds the dependencies only. `-S` skips the .pth file of an editable installation."""
    packages = sysconfig.get_paths()["purelib"]
    program = PROGRAM.format(packages=packages, heads=[(str(s), head(s)) for s in SCRIPTS])
    result = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-1500:]
    found = result.stdout.splitlines()
    assert len(found) == len(SCRIPTS) and all(str(ROOT / "cwamsn") in line for line in found)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_a_script_is_thin(script):
    code = [x for x in script.read_text().splitlines() if x.strip() and not x.strip().startswith("#")]
    assert len(code) <= 40, f"{script.name} has {len(code)} lines of code: science belongs in cwamsn/"


def test_the_library_never_imports_snakemake():
    for path in (ROOT / "cwamsn").rglob("*.py"):
        text = path.read_text()
        assert "import snakemake" not in text and "from snakemake" not in text, path
