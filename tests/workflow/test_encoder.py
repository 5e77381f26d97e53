"""An encoder of another run: trained in one run, it embeds the screens of the next."""

import re

import pandas as pd
import pytest
import yaml

from cwamsn.files import read_json, sha256, write_json
from tests.workflow.chain import snakemake, tiny

TRAINED = "results/tiny/models/cwa-msn/seed0"
EVALUATE = {"rxrx3-tiny": ["gene_gene"], "rxrx3-other": ["plate_probe"]}


def guest(folder, **changes):
    """Configuration of a run whose only method is the encoder of run `tiny`; `changes` of the method's entry."""
    entry = {"kind": "encoder", "path": TRAINED, "title": "CWA-MSN of run tiny"} | changes
    own = tiny() | {"run": "guest", "methods": ["guest"], "comparisons": [], "training_screen": None}
    own |= {"evaluate": EVALUATE, "definitions": {"guest": entry}}
    own["screens"]["rxrx3-other"] = own["screens"]["rxrx3-tiny"] | {"seed": 5}
    path = folder / "guest.yaml"
    path.write_text(yaml.safe_dump(own))
    return path


@pytest.fixture
def planned(tmp_path):
    """A folder with the files of an encoder, as far as a plan looks at them."""
    folder = tmp_path / TRAINED
    folder.mkdir(parents=True)
    (folder / "encoder.safetensors").write_bytes(b"")
    write_json(
        {"recipe": {}, "channels": [], "weights_sha256": sha256(folder / "encoder.safetensors")},
        folder / "encoder.json",
    )
    return tmp_path


def test_one_encoder_serves_two_screens_and_nothing_is_trained(planned):
    plan = snakemake(planned, "--dry-run", config=guest(planned)).stdout
    jobs = {line.split()[0]: int(line.split()[1]) for line in plan.splitlines() if re.fullmatch(r"\w+ +\d+", line)}
    assert jobs["encoder_embedding"] == 2 and jobs["computation"] == 1 and jobs["digest"] == 1
    assert not {"train", "embed"} & jobs.keys()
    for screen in EVALUATE:
        assert f"results/guest/embeddings/{screen}/guest/seed0.parquet" in plan


def test_what_holds_no_encoder_is_refused_before_anything_runs(planned):
    result = snakemake(planned, "--dry-run", config=guest(planned, path="results/tiny"), check=False)
    told = result.stdout + result.stderr
    line = r"definitions\.guest\.path: results/tiny: holds no encoder, .*; there is one in results/tiny/models/cwa-msn"
    assert result.returncode and re.search(line, told) and "Traceback" not in told


@pytest.mark.slow
def test_tables_and_record_say_where_it_was_trained(tmp_path):
    snakemake(tmp_path, "results/tiny/embeddings/rxrx3-tiny/cwa-msn/seed0.parquet")
    said = snakemake(tmp_path, config=guest(tmp_path)).stderr
    results, trained = tmp_path / "results" / "guest", read_json(tmp_path / TRAINED / "encoder.json")
    assert not (results / "models" / "guest" / "seed0").exists()
    assert "Nothing to be done" in snakemake(tmp_path, config=tmp_path / "guest.yaml").stderr

    row = pd.read_csv(results / "tables" / "rxrx3-tiny" / "table1.csv").set_index("row").loc["guest"]
    assert row["training_dataset"] == "bray-tiny (simulated)" and row["images"] == trained["images"]
    assert row["parameters"]
    record = read_json(results / "provenance.json")
    recorded = record["encoders"]["guest"]
    assert recorded["weights_sha256"] == sha256(tmp_path / TRAINED / "encoder.safetensors")
    assert recorded["recipe"] == trained["recipe"] and recorded["data_sha256"] == trained["data_sha256"]
    assert record["data"]["guest"]["sha256"] == trained["weights_sha256"]
    notes = record["notes"]["methods"]
    for screen in EVALUATE:
        told = notes[f"{screen}/guest"][0]
        assert re.search(rf"on bray-tiny \(simulated\): it saw \d+ of the \d+ perturbations of {screen}", told)
        assert told in said
    assert set(trained["seen_in_training"]) == {"plates", "perturbations", "inchikey_blocks"}
    assert "0, of its own run" in (results / "report.html").read_text()
