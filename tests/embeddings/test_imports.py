"""What a job imports is what its environment has: `envs/` gives each rule its dependencies only."""

import subprocess
import sys

import pytest

PROGRAM = "import sys; sys.modules.update(dict.fromkeys({absent!r}.split())); import {module}"
MEASURING = "skimage cp_measure"
OTHERS = "tensorboard sklearn matplotlib rdkit transformers harmonypy copairs tifffile"


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("cwamsn.embeddings", f"jsonschema torch timm h5py anndata {MEASURING} {OTHERS}"),
        ("cwamsn.alignment", f"jsonschema torch timm h5py anndata {MEASURING} {OTHERS}"),
        ("cwamsn.embeddings.handcrafted", f"jsonschema torch timm h5py anndata {MEASURING} {OTHERS}"),
        ("cwamsn.embeddings.methods", f"h5py anndata {MEASURING} {OTHERS}"),
    ],
)
def test_a_module_imports_where_other_stages_packages_are_absent(module, absent, root):
    program = PROGRAM.format(module=module, absent=absent)
    result = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-800:]
