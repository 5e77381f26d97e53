"""Provenance, releases and their verification."""

import json

import pytest

from cwamsn.errors import InputError
from cwamsn.files import write_digest
from cwamsn.reporting.provenance import (
    ProvenanceInputs,
    data_manifest,
    measurements,
    read_provenance,
    usage,
    write_provenance,
)
from cwamsn.reporting.release import release, verify, verify_all

CONFIG = {"run": "test", "title": "A test", "seeds": [0], "methods": ["a"], "paths": {"data": "d"}, "evaluate": {}}
CODE = {"commit": "0123456789abcdef", "clean": True, "version": "0.1.0"}


@pytest.fixture
def run(tmp_path):
    """A finished run: two tables, a figure, provenance, report."""
    results = tmp_path / "results" / "test"
    for name in ("tables/table1.csv", "tables/table1.md", "figures/figure3.png", "report.html", "scores.parquet"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(f"content of {name}")
    (results / "usage" / "train" / "a").mkdir(parents=True)
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
    (results / "usage" / "train" / "a" / "seed0.tsv").write_text(
        header + "\n7200.5\t2:00:00\t812.5" + "\t0" * 6 + "\t7100\n"
    )
    (results / "usage" / "train" / "removed").mkdir()
    (results / "usage" / "train" / "removed" / "seed0.tsv").write_text(header + "\n99" + "\t0" * 9 + "\n")
    (tmp_path / "source.json").write_text("{}")
    (tmp_path / "encoder.json").write_text('{"precision": "bfloat16", "attention": "eager", "device": "EPYC"}')
    (tmp_path / "Snakefile").write_text("rule all:\n")
    inputs = ProvenanceInputs(
        config=CONFIG,
        code=CODE,
        manifests={"screen": tmp_path / "source.json"},
        usage={
            "train/a/seed0": results / "usage" / "train" / "a" / "seed0.tsv",
            "wells/screen": results / "usage" / "wells" / "screen.tsv",  # made by another run
        },
        products={"table1": [str(results / "scores.parquet")]},
        computed={"a/seed0": tmp_path / "encoder.json"},
        notes={"screens": {}, "methods": {"a": ["179 of 512 dimensions"]}},
        resources={"gene symbols": tmp_path / "source.json"},
    )
    write_provenance(inputs, results / "provenance.json")
    return results


FILES = ["tables/table1.csv", "tables/table1.md", "figures/figure3.png"]
FILES += ["report.html", "scores.parquet", "provenance.json"]


def make(run):
    files = [run / name for name in FILES]
    return release(run, files, run.parent / "releases", run.parent.parent / "Snakefile")


def test_provenance_holds_what_a_reader_asks_for(run):
    record = read_provenance(run / "provenance.json")
    assert record["code"] == CODE and record["configuration"] == CONFIG and record["seeds"] == [0]
    assert len(record["data"]["screen"]["sha256"]) == 64
    assert record["usage"] == [
        {"job": "train/a/seed0", "wall_seconds": 7200.5, "cpu_seconds": 7100.0, "max_rss_mb": 812.5}
    ]
    assert record["computed"]["a/seed0"].items() >= {"precision": "bfloat16", "device": "EPYC"}.items()
    assert record["packages"]["pandas"] and record["machine"]["cores"] >= 1
    assert len(record["products"]["table1"][0]["sha256"]) == 64
    assert record["resources"]["gene symbols"]["file"] == "source.json"
    assert record["resources"]["gene symbols"]["sha256"] == record["data"]["screen"]["sha256"]
    assert record["notes"]["methods"] == {"a": ["179 of 512 dimensions"]}


def test_a_file_that_was_hashed_once_is_not_read_again(tmp_path):
    (tmp_path / "mine.parquet").write_text("gigabytes")
    write_digest(tmp_path / "mine.parquet", tmp_path / "mine.sha256.json")
    (digest,) = data_manifest({"mine": tmp_path / "mine.parquet"}).values()
    (tmp_path / "mine.parquet").unlink()
    assert data_manifest({"mine": tmp_path / "mine.sha256.json"}) == {"mine": digest}


def test_what_an_earlier_configuration_left_is_not_released(run):
    (run / "tables" / "table8.csv").write_text("of rows that are no longer configured")
    (run / "figures" / "figure1.png").write_text("old")
    target = make(run)
    found = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert found == {*FILES, "Snakefile", "SHA256SUMS", "ro-crate-metadata.json"}


def test_a_measurement_too_short_for_numbers(tmp_path):
    (tmp_path / "x.tsv").write_text("s\tmax_rss\tcpu_time\n0.2\tNA\t-\n")
    (tmp_path / "empty.tsv").write_text("")
    assert measurements(tmp_path / "x.tsv") == [{"wall_seconds": 0.2, "cpu_seconds": None, "max_rss_mb": None}]
    files = {name: tmp_path / f"{name}.tsv" for name in ("x", "empty", "of-another-run")}
    assert [method["job"] for method in usage(files)] == ["x"]


def test_a_release_verifies_until_a_byte_changes(run):
    target = make(run)
    assert target.name == f"test-{read_provenance(run / 'provenance.json')['version']}"
    assert verify(target) == []
    assert verify_all(target.parent) == [f"{target}: 8 files unchanged"]
    (target / "tables" / "table1.csv").write_text("forged")
    (target / "tables" / "surplus.csv").write_text("")
    (target / "figures" / "figure3.png").unlink()
    faults = verify(target)
    assert [f.split(": ")[1].split(",")[0] for f in faults] == ["missing", "changed", "not part of the release"]
    for again in (lambda: verify_all(target.parent), lambda: make(run)):
        with pytest.raises(InputError, match=r"table1\.csv: changed"):
            again()


def test_a_release_is_never_overwritten(run):
    target = make(run)
    before = {p: p.read_bytes() for p in target.rglob("*") if p.is_file()}
    (run / "report.html").write_text("another time of day")
    assert make(run) == target, "times may differ between equal runs"
    (run / "tables" / "table1.csv").write_text("another result")
    with pytest.raises(InputError, match=r"table1\.csv; a release is never overwritten"):
        make(run)
    assert {p: p.read_bytes() for p in target.rglob("*") if p.is_file()} == before


def test_nothing_to_release_or_verify(tmp_path, run):
    with pytest.raises(InputError, match="holds no release"):
        verify_all(tmp_path / "none")
    with pytest.raises(InputError, match="makes no table"):
        release(run, [run / "report.html"], tmp_path, tmp_path)
    (run / "tables" / "table1.csv").unlink()
    with pytest.raises(InputError, match=r"lacks tables/table1\.csv; run `snakemake`"):
        make(run)


def test_the_crate_names_workflow_run_and_results(run):
    rocrate = pytest.importorskip("rocrate.rocrate")
    target = make(run)
    crate = rocrate.ROCrate(target)
    assert crate.mainEntity["@id"] == "Snakefile"
    assert crate.mainEntity["programmingLanguage"]["name"] == "Snakemake"
    (action,) = [e for e in crate.contextual_entities if e.type == "CreateAction"]
    assert action["instrument"]["@id"] == "Snakefile"
    results = {e["@id"] for e in action["result"]}
    assert {"tables/table1.csv", "figures/figure3.png", "provenance.json"} <= results
    assert any(e["@id"] == "#data-screen" for e in action["object"])
    graph = json.loads((target / "ro-crate-metadata.json").read_text())["@graph"]
    identifiers = {e["@id"] for e in graph}

    def references(value):
        if isinstance(value, dict):
            yield from [value["@id"]] if set(value) == {"@id"} else []
            for part in value.values():
                yield from references(part)
        elif isinstance(value, list):
            for part in value:
                yield from references(part)

    local = {r for e in graph for r in references(e) if not r.startswith("http")}
    assert local <= identifiers, "every entity that is named is described"
