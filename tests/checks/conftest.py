import pytest

from tests.checks.plates import Lab


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)
