"""Encoders for any number of channels through the whole chain: trained on five stains, scored on a screen of six."""

import pandas as pd
import pytest
import yaml

from cwamsn import tables
from cwamsn.files import read_json
from cwamsn.vocabulary import RXRX3_STAINS
from tests.workflow.chain import snakemake, tiny

METHODS = ["bag-of-channels", "channel-tokens"]


def other_stains(methods, folder):
    """A configuration whose evaluation screen keeps its own six stains."""
    config = tiny() | {
        "methods": methods,
        "comparisons": [],
        "evaluate": {"rxrx3-tiny": ["gene_gene", "compound_gene"]},
    }
    config["screens"]["rxrx3-tiny"] |= {"channel_map": None, "crops": {"channels": list(RXRX3_STAINS)}}
    options = config["training"]["encoder_options"] | {"backbone": "vit_tiny_patch16_224"}
    config["definitions"] = {name: {"recipe": {"encoder_options": options}} for name in METHODS}
    path = folder / "channels.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.slow
def test_they_are_trained_on_one_screen_and_scored_on_another_of_other_stains(tmp_path):
    said = snakemake(tmp_path, config=other_stains(METHODS, tmp_path)).stderr
    results = tmp_path / "results" / "tiny"
    scores = tables.read("scores", results / "scores.parquet")
    table = pd.read_csv(results / "tables" / "table3.csv")
    for name in METHODS:
        assert scores.loc[scores["method"] == name, "value"].notna().all() and name in set(table["row"])
        counts = read_json(results / "embeddings" / "rxrx3-tiny" / name / "seed0.json")
        assert counts["channels"] == {"Hoechst": "Hoechst"} and len(counts["unseen_channels"]) == 5
        assert counts["absent_channels"] == ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi"]
    assert "of the screen are no stains of the encoder's training" in said
