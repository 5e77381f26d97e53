"""What a run came from."""

from cwamsn.files import write_digest
from cwamsn.reporting.provenance import (
    data_manifest,
    measurements,
    read_provenance,
    usage,
)
from tests.reporting.conftest import CODE, CONFIG


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


def test_a_measurement_too_short_for_numbers(tmp_path):
    (tmp_path / "x.tsv").write_text("s\tmax_rss\tcpu_time\n0.2\tNA\t-\n")
    (tmp_path / "empty.tsv").write_text("")
    assert measurements(tmp_path / "x.tsv") == [{"wall_seconds": 0.2, "cpu_seconds": None, "max_rss_mb": None}]
    files = {name: tmp_path / f"{name}.tsv" for name in ("x", "empty", "of-another-run")}
    assert [method["job"] for method in usage(files)] == ["x"]
