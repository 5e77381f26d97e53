"""The table of positive pairs on the screen that the methods were trained on, from the images to the table."""

import pandas as pd
import pytest
import yaml

from cwamsn import tables
from cwamsn.needs import Needs
from tests.plans import plan_of, wells
from tests.workflow.chain import snakemake, tiny


def test_methods_without_images_follow_those_with(tmp_path):
    """A screen of which the split alone is kept: random numbers are not scored on the wells that nobody else has."""
    screens = {"t": {"source": "simulated-bray", "keep": "split"}, "e": {"source": "simulated-rxrx3-core"}}
    methods = {"random": {"kind": "random"}, "mine": wells()}
    both = {"screens": screens, "evaluate": {"t": ["retrieval"], "e": ["gene_gene"]}}
    alone, beside = (Needs(plan_of(found, **both)) for found in (methods, methods | {"cwa-msn": {}}))
    assert alone.kept_wells("t", "random") == "all" and beside.kept_wells("t", "random") == "split"
    assert beside.kept_wells("t", "cwa-msn") == "split" and beside.kept_wells("t", "mine") == "all"
    assert beside.kept_wells("e", "cwa-msn") == "all"


@pytest.mark.slow
def test_recall_and_retrieval_stand_beside_the_pairs_that_were_used(tmp_path):
    own = tiny() | {
        "methods": ["random", "cwa-msn", "wells-2"],
        "evaluate": {"bray-tiny": ["retrieval"]},
        "retrieval": {"least": 2},
    }
    own["screens"]["bray-tiny"]["keep"] = "split_and_controls"
    (tmp_path / "pairs.yaml").write_text(yaml.safe_dump(own))
    snakemake(tmp_path, "table9", config=tmp_path / "pairs.yaml")
    results = tmp_path / "results" / "tiny"
    table = pd.read_csv(results / "tables" / "table9.csv").set_index("row")
    all_pairs, two = table.loc["cwa-msn"], table.loc["wells-2"]
    assert (
        two["wells_per_perturbation"] == 2 and two["well_pairs"] == two["perturbations"] == all_pairs["perturbations"]
    )
    assert all_pairs["well_pairs"] > two["well_pairs"] and all_pairs["steps"] == two["steps"] == 6
    assert table["NR_recall_at_1"].between(0, 1).all() and (table["status"] == "measured").all()
    files = (results / "embeddings" / "bray-tiny").glob("*/seed0.parquet")
    embedded = [set(tables.read("embeddings", path)["well_id"]) for path in files]
    assert len(embedded) == 3 and all(len(one ^ embedded[0]) <= 3 for one in embedded), "the same wells, but unimaged"
