"""Every method of config/methods.yaml that needs no download goes from the images to its scores."""

import pytest
import yaml
from snakemake.utils import update_config

from cwamsn import tables
from cwamsn.files import read_json
from tests.workflow.chain import TINY, snakemake, tiny

TRIED = TINY.with_name("methods.yaml")


def test_the_methods_of_the_full_simulation_are_tried_here(root):
    """What config/simulated_full.yaml computes is here too, or differs from a method here by one number."""
    tried = set(yaml.safe_load(TRIED.read_text())["methods"])
    full = set(yaml.safe_load((root / "config" / "simulated_full.yaml").read_text())["methods"])
    assert {name for name in full - tried if not name.startswith(("prototypes-", "masking-"))} == set()


@pytest.mark.slow
def test_every_method_is_scored(tmp_path):
    config = tiny()
    update_config(config, yaml.safe_load(TRIED.read_text()))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    snakemake(tmp_path, "results/tiny/scores.parquet", config=tmp_path / "config.yaml")
    wanted = {name for name in yaml.safe_load(TRIED.read_text())["methods"] if name != "phenom-1"}
    scores = tables.read("scores", tmp_path / "results" / "tiny" / "scores.parquet")
    for benchmark in ("gene_gene", "plate_probe", "latent_probe"):
        found = scores[scores["benchmark"] == benchmark]
        assert set(found["method"]) >= wanted, benchmark
        assert found["value"].notna().all()
    read = scores[scores["metric"] == "phenotype_r2"].set_index("method")["value"]
    assert read.drop("oracle").max() < 0.9 < read["oracle"], "no method holds more of the truth than the truth"
    trained = (tmp_path / "results" / "tiny" / "models").glob("*/seed0/encoder.json")
    steps = {path.parts[-3]: read_json(path)["steps"] for path in trained}
    assert steps.pop("untrained-vit") == 0
    assert len(set(steps.values())) == 1, "trained methods differ in their number of steps"
