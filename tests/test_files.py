"""Files: their sizes."""

from cwamsn.files import megabytes


def test_the_size_of_files_that_are_not_there_yet_is_nothing(tmp_path):
    (tmp_path / "a").write_bytes(bytes(3_500_000))
    assert megabytes(tmp_path / "a") == 3 and megabytes([str(tmp_path / "a"), tmp_path / "b"]) == 3
    assert megabytes(None) == 0 and megabytes([]) == 0
