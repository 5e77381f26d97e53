"""A head on measured features and their alignments go from the images to one table."""

import pytest
import yaml

from cwamsn import tables
from cwamsn.files import read_json
from tests.workflow.chain import snakemake, tiny

METHODS = {
    "sphered": {"kind": "aligned", "features": "pixel-statistics", "alignment": "sphering"},
    "head": {"kind": "cwa-head", "features": "pixel-statistics", "head": {"steps": 10}, "fields": True},
    "head-sphered": {"kind": "aligned", "features": "head", "alignment": "sphering"},
}


@pytest.mark.slow
def test_the_table_sets_features_their_alignments_and_a_head_side_by_side(tmp_path):
    config = tiny() | {"methods": ["pixel-statistics", *METHODS], "comparisons": [], "definitions": METHODS}
    config |= {"evaluate": {"rxrx3-tiny": ["latent_probe", "retrieval"]}, "alignment": {"method": "none"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    snakemake(tmp_path, "alignments", config=tmp_path / "config.yaml")
    run = tmp_path / "results" / "tiny"
    table = (run / "tables" / "alignments.csv").read_text()
    assert all(name in table for name in config["methods"]) and "map_NSB" in table
    assert "the wells of a perturbation lie in the same row and column" in table, "as the layout report says"
    known = read_json(run / "models" / "head" / "seed0" / "head.json")
    assert known["about"]["screen"] == "bray-tiny" and known["about"]["fields"] == known["about"]["wells"]
    found = tables.read("embeddings", run / "embeddings" / "rxrx3-tiny" / "head-sphered" / "seed0.parquet")
    wells = tables.read("wells", tmp_path / "data" / "rxrx3-tiny" / "wells.parquet")
    assert set(found["well_id"]) == set(wells["well_id"])
