"""Files: their sizes, who may read them, and what Git LFS leaves in their place."""

import pandas as pd
import pytest

from cwamsn.benchmarks.compound_gene import load_truth
from cwamsn.cell_counts import with_cell_counts
from cwamsn.embeddings import WellsFile, read_embeddings
from cwamsn.errors import InputError
from cwamsn.files import atomic_path, megabytes
from cwamsn.models.weight_files import Source, find_weights
from cwamsn.profiles import read_profiles


def test_a_written_file_is_as_readable_as_any_other_whoever_wrote_it(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_path(tmp_path / "weights.safetensors") as temporary:
        temporary.touch(mode=0o600)  # as safetensors writes
    assert (tmp_path / "weights.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_size_of_files_that_are_not_there_yet_is_nothing(tmp_path):
    (tmp_path / "a").write_bytes(bytes(3_500_000))
    assert megabytes(tmp_path / "a") == 3 and megabytes([str(tmp_path / "a"), tmp_path / "b"]) == 3
    assert megabytes(None) == 0 and megabytes([]) == 0


READERS = {
    "embeddings": (
        lambda path, wells: read_embeddings(path, WellsFile(), wells),
        ("parquet", "csv", "npz", "npy", "h5ad"),
    ),
    "profiles": (lambda path, wells: read_profiles(path), ("parquet", "csv", "h5ad", "feather")),
    "counts of cells": (lambda path, wells: with_cell_counts(wells, None, path), ("parquet", "csv")),
    "truth": (lambda path, wells: load_truth(path), ("csv",)),
    "weights": (
        lambda path, wells: find_weights(Source("owner/name", path.name, "MIT"), path, None, True, "weights"),
        ("safetensors", "pth", "h5"),
    ),
}


@pytest.mark.parametrize(("reader", "suffix"), [(name, s) for name, (_, known) in READERS.items() for s in known])
def test_a_pointer_of_git_lfs_is_called_by_its_name_whatever_should_be_there(tmp_path, reader, suffix):
    path = tmp_path / f"mine.{suffix}"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(InputError, match=r"is a Git LFS pointer; fetch the file itself \(git lfs pull\)"):
        READERS[reader][0](path, pd.DataFrame({"well_id": ["a"], "plate": ["1"], "address": ["A01"]}))
