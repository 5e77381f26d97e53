"""What every stage's tests share: where the test data is, and how absence is reported."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CWAMSN_SHARED", ROOT.parent / "shared"))


# Files that take minutes, the longest first: of two processes, none is left with one of them at the end.
LONG = (
    "operations/test_slurm.py",
    "operations/test_faults.py",
    "workflow/test_methods.py",
    "operations/test_conda.py",
    "workflow/test_chain.py",
    "workflow/test_two_screens.py",
    "workflow/test_encoder.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, all others in the order of their names."""
    begin = {str(ROOT / "tests" / name): place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: begin.get(str(item.path), len(LONG)))


def _needs(path: Path) -> Path:
    if not path.exists():
        message = f"test data missing: {path.name} (set CWAMSN_SHARED)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The test data's `data/` folder; skips where it is absent, fails in CI."""
    return _needs(SHARED / "data")


@pytest.fixture(scope="session")
def golden() -> Path:
    """The `golden/` folder of reference values; skips where it is absent, fails in CI."""
    return _needs(SHARED / "golden")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT
