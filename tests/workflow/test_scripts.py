"""Workflow scripts: thin, and independent of an installed package."""

import shutil
import subprocess
import sys
import sysconfig

import pytest

from tests.workflow.chain import ROOT

SCRIPTS = sorted(p for p in (ROOT / "workflow_scripts").glob("*.py") if not p.name.startswith("_"))


PROGRAM = """
import sys, types
import __main__
sys.path.append({packages!r})
clean = list(sys.path)
__main__.snakemake = types.SimpleNamespace(threads=1)
for script, head in {heads!r}:
    sys.path[:] = [*clean, script.rsplit("/", 1)[0]]
    for name in [m for m in sys.modules if m.split(".")[0] in ("cwamsn", "_job")]:
        del sys.modules[name]
    exec(compile(head, script, "exec"), {{}})
    print(script, sys.modules["cwamsn"].__file__)
"""


def head(script):
    """What a script does before its job starts: finding the library."""
    lines = script.read_text().splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("with job(snakemake):")), None)
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


SNAKEFILE = """
rule whole:
    output: "made.txt", notes="notes.json"
    log: "whole.log"
    script: "workflow_scripts/whole.py"
"""
SCRIPT = """
from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import cwamsn

    Path(snakemake.output[0]).write_text(cwamsn.__file__)
"""


def test_snakemake_runs_a_script_with_the_library_beside_it_not_the_installed_one(tmp_path):
    """Nothing but `_job.py` touches sys.path: Snakemake itself puts a script's folder on it."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    scripts = tmp_path / "workflow_scripts"
    scripts.mkdir()
    (scripts / "whole.py").write_text(SCRIPT)
    shutil.copy(ROOT / "workflow_scripts" / "_job.py", scripts)
    (tmp_path / "cwamsn").symlink_to(ROOT / "cwamsn")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-1500:]
    assert (tmp_path / "made.txt").read_text() == str(tmp_path / "cwamsn" / "__init__.py")


def test_only_one_script_touches_the_path():
    touching = [p.name for p in (ROOT / "workflow_scripts").glob("*.py") if "sys.path" in p.read_text()]
    assert touching == ["_job.py"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_a_script_is_thin(script):
    code = [x for x in script.read_text().splitlines() if x.strip() and not x.strip().startswith("#")]
    assert len(code) <= 40, f"{script.name} has {len(code)} lines of code: science belongs in cwamsn/"


def test_the_library_never_imports_snakemake():
    for path in (ROOT / "cwamsn").rglob("*.py"):
        text = path.read_text()
        assert "import snakemake" not in text and "from snakemake" not in text, path
