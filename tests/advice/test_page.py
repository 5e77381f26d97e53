"""What the page says of the rule is what the evidence says; studies take the place of others as a whole."""

import pytest

from bench.advice import END, PAGE, START, replace_evidence, replaced, written
from cwamsn.advice import read_evidence
from cwamsn.advice.evidence import FILE
from cwamsn.errors import InputError


def test_the_page_has_the_table_of_the_evidence():
    page = PAGE.read_text()
    assert replaced(page, written(read_evidence())) == page, "run: python -m bench.advice"


def test_tables_of_several_studies_become_one(tmp_path):
    found = read_evidence()
    studies = list(found["study"].unique())
    paths = [tmp_path / f"{name}.csv" for name in studies]
    for path, name in zip(paths, studies):
        found[found["study"] == name].to_csv(path, index=False)
    replace_evidence(paths, tmp_path / "all.csv")
    assert read_evidence(tmp_path / "all.csv").equals(found)
    with pytest.raises(InputError, match="is in two of the tables; give each study once"):
        replace_evidence([paths[0], FILE], tmp_path / "all.csv")


def test_a_page_without_marks_is_refused():
    with pytest.raises(InputError, match="has 0 parts between"):
        replaced("nothing", "part")
    assert replaced(f"a {START} old {END} b", r"\new") == r"a \new b"
