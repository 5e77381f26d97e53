"""Workflow scripts: thin, and independent of an installed package."""

import subprocess
import sys
import sysconfig

import pytest

from tests.workflow.chain import ROOT

SCRIPTS = sorted(p for p in (ROOT / "workflow_scripts").glob("*.py") if not p.name.startswith("_"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_a_script_finds_the_library_by_itself(script, tmp_path):
    """A rule's conda environment holds the dependencies only. `-S` skips the .pth file of an editable installation."""
    head = []
    for line in script.read_text().splitlines():
        if line.startswith("with job("):
            break
        head.append(line)
    assert len(head) < len(script.read_text().splitlines()), f"{script.name} does not use job(snakemake)"
    program = "import sys, types\n"
    program += f"sys.path.append({sysconfig.get_paths()['purelib']!r})\n"
    program += f"snakemake = types.SimpleNamespace(scriptdir={str(script.parent)!r}, threads=1)\n"
    program += f"__file__ = {str(script)!r}\n"
    program += "\n".join(head) + "\nimport cwamsn; print(cwamsn.__file__)"
    result = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-1500:]
    assert str(ROOT / "cwamsn") in result.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_a_script_is_thin(script):
    code = [x for x in script.read_text().splitlines() if x.strip() and not x.strip().startswith("#")]
    assert len(code) <= 40, f"{script.name} has {len(code)} lines of code: science belongs in cwamsn/"


def test_the_library_never_imports_snakemake():
    for path in (ROOT / "cwamsn").rglob("*.py"):
        text = path.read_text()
        assert "import snakemake" not in text and "from snakemake" not in text, path
