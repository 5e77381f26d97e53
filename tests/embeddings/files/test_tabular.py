"""Text tables as programs write them."""

import pandas as pd
import pytest

from cwamsn.embeddings import read_embeddings
from cwamsn.errors import InputError
from tests.embeddings.files.samples import GENES, WELLS, D, N, read, read_genes, table


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_csv_with_another_separator_or_compressed_is_read_alike(tmp_path, separator):
    table().to_csv(tmp_path / "plain.csv", index=False)
    table().to_csv(tmp_path / "mine.csv", index=False, sep=separator)
    table().to_csv(tmp_path / "mine.csv.gz", index=False, sep=separator)
    wanted, _ = read_embeddings(tmp_path / "plain.csv", {}, WELLS)
    for name in ("mine.csv", "mine.csv.gz"):
        found, _ = read_embeddings(tmp_path / name, {}, WELLS)
        pd.testing.assert_frame_equal(found, wanted)
    table(gene=GENES).drop(columns="well_id").to_csv(tmp_path / "map.csv.gz", index=False, sep=separator)
    assert read_genes(tmp_path / "map.csv.gz") == (D, "")


@pytest.mark.parametrize("kind", ["wells", "map"])
def test_empty_rows_of_a_spreadsheet_are_no_rows_and_a_row_without_an_id_is_refused(tmp_path, kind):
    frame, take = (table(), read) if kind == "wells" else (table(gene=GENES).drop(columns="well_id"), read_genes)
    text = frame.to_csv(index=False)
    path = tmp_path / "mine.csv"
    path.write_text(text + ",,,,\n,,,,\n")
    assert take(path) == (D, "")
    path.write_text(text + (",1,2,3,4\n" if kind == "wells" else "1,2,3,4,\n"))
    with pytest.raises(InputError, match=rf"row {N} has no (well id|perturbation)"):
        take(path)
    path.write_text(text.partition("\n")[0] + "\n")
    with pytest.raises(InputError, match="has no row; fill it in"):
        take(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PAR1" + bytes(99), "a Parquet file"),
        (b"PK\x03\x04" + bytes(99), "an Excel workbook"),
        (b"\x1f\x8b" + bytes(99), "gzip"),
        (table().to_csv(index=False).encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_csv_is_named_in_words(tmp_path, content, what):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    for take in (read, read_genes):
        with pytest.raises(InputError, match=what) as error:
            take(path)
        assert str(error.value).isprintable()
