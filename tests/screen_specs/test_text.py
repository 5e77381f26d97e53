"""Text tables as spreadsheets write them."""

import gzip

import pytest

from cwamsn.errors import InputError
from cwamsn.screen_specs.text import require_columns
from cwamsn.text_tables import read_text_table


def table(tmp_path, content, separator=","):
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_text_table(path, "t.csv", separator)


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,x y\n",
        "\ufeffa,b\r\n1,x y\r\n",
        "a;b\n1;x y\n",
        "a\tb\n1\tx y\n",
        " a , b ,\n 1 ,x y ,\n",
        "a,b\n,\n1,x y\n\n ,\n,,\n",
        "a,b,a\n1,x y,1\n",
        '"a","b"\n"1","x y"\n',
        "a,b,,\n1,x y,,\n",
        "a,b\r1,x y\r",
        gzip.compress(b"a,b\n1,x y\n", mtime=0),
    ],
)
def test_one_table_however_a_spreadsheet_writes_it(tmp_path, content):
    frame = table(tmp_path, content)
    assert frame.columns.tolist() == ["a", "b"] and frame.to_numpy().tolist() == [["1", "x y"]]


def test_the_index_numbers_the_rows_of_the_file(tmp_path):
    assert table(tmp_path, "a,b\n1,2\n,\n3,4\n").index.tolist() == [0, 2]


def test_short_rows_are_filled_and_text_stays_text(tmp_path):
    assert table(tmp_path, "a,b\n007\nNA,1e3\n").to_numpy().tolist() == [["007", ""], ["NA", "1e3"]]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("a,b\n", "t.csv: has no row below its header"),
        ("a,b\n,\n , \n", "t.csv: has no row below its header"),
        ("", "not a readable table"),
        ("a,b\n1,2,3\n", "row 0 has 3 cells, the header 2"),
        ("a,b,a\n1,2,3\n", "column a appears twice, with different contents"),
        ('a,b\n"1,2\n', "not a readable table"),
        ("a,b\n1,µ\n".encode("latin-1"), "line 2 is not UTF-8 text"),
        ("a,b\n1,2\n".encode("utf-16"), "it is UTF-16 text"),
        (b"PK\x03\x04abc", "it is an Excel workbook"),
        (b"PAR1abc", "it is a Parquet file"),
        (b"\x1f\x8babc", "not a readable table"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path, content, error):
    with pytest.raises(InputError, match=error) as raised:
        table(tmp_path, content)
    assert "\n" not in str(raised.value)


def test_a_column_in_another_case_is_named(tmp_path):
    with pytest.raises(InputError, match="lacks column Well; Well is written well"):
        require_columns(table(tmp_path, "well,b\n1,2\n"), ("Well",), "t.csv")
