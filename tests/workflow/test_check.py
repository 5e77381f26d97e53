"""`snakemake check`: the screens of a configuration, before anything long runs."""

import json

import pytest

from tests.checks.plates import Lab
from tests.workflow.chain import snakemake

CONFIG = """run: own
methods: []
training_screen: lab
evaluate: {lab: [replicate_map]}
screens:
  lab: {source: load-data, load_data: load_data.csv, platemap: platemap.csv, channels: {DNA: DNA, ER: ER, RNA: RNA, AGP: AGP, Mito: Mito}}
crops: {channels: [DNA, ER, RNA, AGP, Mito]}
"""  # noqa: E501 - a line of YAML


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_screen_is_checked_each_time_and_the_page_stays_when_it_fails(tmp_path):
    lab = Lab(tmp_path)
    lab.write()
    (tmp_path / "my.yaml").write_text(CONFIG)
    told = snakemake(tmp_path, "check", config=tmp_path / "my.yaml")
    assert told.returncode == 0 and json.loads((tmp_path / "data/lab/check.json").read_text())["verdict"] == "ready"
    assert not (tmp_path / "data/lab/wells.parquet").exists()
    lab.path("P1", "B01", "ER").unlink()
    told = snakemake(tmp_path, "check", config=tmp_path / "my.yaml", check=False)
    assert told.returncode == 1 and "1 of 1 screens are not ready" in told.stdout + told.stderr
    assert "P1_B01_ER.tif" in (tmp_path / "data/lab/check.html").read_text()
