"""The measurements in `bench/` run by hand only, so what they import is held here."""

import subprocess
import sys


def test_every_measurement_imports(root):
    modules = ", ".join(f"bench.{path.stem}" for path in sorted((root / "bench").glob("[!_]*.py")))
    found = subprocess.run([sys.executable, "-c", f"import {modules}"], cwd=root, capture_output=True, text=True)
    assert not found.returncode, found.stderr[-500:]
