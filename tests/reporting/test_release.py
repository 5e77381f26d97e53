"""Releases and their verification."""

import pytest

from cwamsn.errors import InputError
from cwamsn.reporting.provenance import (
    read_provenance,
)
from cwamsn.reporting.release import release, verify, verify_all
from tests.reporting.conftest import FILES, make_release


def test_what_an_earlier_configuration_left_is_not_released(run):
    (run / "tables" / "table8.csv").write_text("of rows that are no longer configured")
    (run / "figures" / "figure1.png").write_text("old")
    target = make_release(run)
    found = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert found == {*FILES, "Snakefile", "SHA256SUMS", "ro-crate-metadata.json"}


def test_a_release_verifies_until_a_byte_changes(run):
    target = make_release(run)
    assert target.name == f"test-{read_provenance(run / 'provenance.json')['version']}"
    assert verify(target) == []
    assert verify_all(target.parent) == [f"{target}: 8 files unchanged"]
    (target / "tables" / "table1.csv").write_text("forged")
    (target / "tables" / "surplus.csv").write_text("")
    (target / "figures" / "figure3.png").unlink()
    faults = verify(target)
    assert [f.split(": ")[1].split(",")[0] for f in faults] == ["missing", "changed", "not part of the release"]
    for again in (lambda: verify_all(target.parent), lambda: make_release(run)):
        with pytest.raises(InputError, match=r"table1\.csv: changed"):
            again()


def test_a_release_is_never_overwritten(run):
    target = make_release(run)
    before = {p: p.read_bytes() for p in target.rglob("*") if p.is_file()}
    (run / "report.html").write_text("another time of day")
    assert make_release(run) == target, "times may differ between equal runs"
    (run / "tables" / "table1.csv").write_text("another result")
    with pytest.raises(InputError, match=r"table1\.csv; a release is never overwritten"):
        make_release(run)
    assert {p: p.read_bytes() for p in target.rglob("*") if p.is_file()} == before


def test_nothing_to_release_or_verify(tmp_path, run):
    with pytest.raises(InputError, match="holds no release"):
        verify_all(tmp_path / "none")
    with pytest.raises(InputError, match="makes no table"):
        release(run, [run / "report.html"], tmp_path, tmp_path)
    (run / "tables" / "table1.csv").unlink()
    with pytest.raises(InputError, match=r"lacks tables/table1\.csv; run `snakemake`"):
        make_release(run)
