"""The whole chain on a tiny configuration: raw simulated plates to finished tables."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import yaml

from cwamsn import tables
from cwamsn.files import read_json
from cwamsn.hits import activity_of_profiles
from cwamsn.paths import ProfilePaths
from cwamsn.profiles import read_profiles
from cwamsn.tables import feature_columns
from tests.workflow.chain import SMALL, TINY, csv_bytes, snakemake, tiny


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    (folder / "said.txt").write_text(snakemake(folder).stderr)
    return folder


def test_tables_hold_every_row_and_say_that_they_are_simulated(finished):
    rows = tiny()["methods"]
    scores = tables.read("scores", finished / "results" / "tiny" / "scores.parquet")
    assert set(scores["method"]) >= set(rows)
    assert scores["value"].notna().all()
    for number in (1, 2, 3, 8):
        text = (finished / "results" / "tiny" / "tables" / f"table{number}.md").read_text()
        assert "simulated" in text.lower()
        assert "CWA-MSN" in text
    recall = scores[(scores["benchmark"] == "gene_gene") & (scores["metric"] == "recall")]
    assert recall["value"].between(0, 1).all() and (recall["n"] > 0).all()


def test_provenance_and_report_hold_every_job_of_the_run_and_no_other(finished):
    """The list of the run's jobs, worked out from the configuration, is what Snakemake really ran."""
    results = finished / "results" / "tiny"
    record = read_json(results / "provenance.json")
    measured = {path.relative_to(results / "usage").with_suffix("").as_posix() for path in results.rglob("*.tsv")}
    assert {job["job"] for job in record["usage"]} == measured
    assert set(record["notes"]["screens"]) == {"bray-tiny", "rxrx3-tiny"}
    for screen in record["notes"]["screens"]:
        assert read_json(finished / "data" / screen / "crops.notes.json") == [], "drawn fields are not suspicious"
    report = (results / "report.html").read_text()
    assert report.count("<!DOCTYPE html>") == 1 and report.count('<figure class="table"') == 7
    for table in (results / "tables").glob("*.html"):
        page = table.read_text()
        assert page.startswith("<!DOCTYPE html>") and "<h1>Simulated screens (tiny)</h1>" in page
        assert 'class="printed"' not in page and "OpenPhenom" not in page, "RxRx3-core's numbers say nothing here"


def test_no_work_in_progress_is_left(finished):
    assert not list((finished / "results").rglob("*.parts"))


def test_a_run_says_where_to_look_and_what_it_made(finished):
    said = (finished / "said.txt").read_text()
    assert "tail -f results/tiny/logs/train/*/*.log" in said.split("Finished jobid")[0]
    end = said.rsplit("Finished jobid", 1)[1].splitlines()
    assert "report: results/tiny/report.html" in end
    assert "tables: results/tiny/tables/ (differences, gene_levels, table1, table2, table3, table7, table8)" in end
    assert "figures: results/tiny/figures/ (figure1, figure3)" in end
    assert "<h1>Simulated screens (tiny)</h1>" in (finished / "results" / "tiny" / "report.html").read_text(), (
        "not the demo's title"
    )


def test_a_second_run_has_nothing_to_do_unless_embeddings_or_maps_are_gone(finished):
    assert "Nothing to be done" in snakemake(finished).stderr
    lost = [
        finished / "results" / "tiny" / name for name in ("embeddings/rxrx3-tiny/cwa-msn", "maps/rxrx3-tiny/random")
    ]
    for path in lost:
        path.rename(path.with_suffix(".away"))
    plan = snakemake(finished, "--dry-run").stdout
    for path in lost:
        path.with_suffix(".away").rename(path)
    jobs = {line.split()[0]: int(line.split()[1]) for line in plan.splitlines() if re.fullmatch(r"\w+ +\d+", line)}
    assert jobs["embed"] == 1 and jobs["align"] == 2
    assert not {"wells", "fetch", "crops_unit", "train"} & jobs.keys()


def test_another_run_does_not_overwrite_a_screen_of_the_same_name(finished, tmp_path):
    (tmp_path / "other.yaml").write_text("run: other\ncrops: {size: [64, 64]}\n")
    (tmp_path / "trap.yaml").write_text("training: {steps: 1_0}\n")
    result = snakemake(finished, "--dry-run", config=[TINY, tmp_path / "other.yaml"], check=False)
    assert result.returncode != 0
    told = result.stdout + result.stderr
    assert re.search(r"run 'tiny' made data/(bray|rxrx3)-tiny with crops.size: nothing, this run has \[64, 64\]", told)
    result = snakemake(finished, "--dry-run", config=[TINY, tmp_path / "trap.yaml"], check=False)
    assert result.returncode != 0
    assert "trap.yaml: line 1: training.steps: YAML reads 1_0 as 10" in result.stdout + result.stderr


def test_the_encoder_of_this_run_gives_the_same_bytes_in_another(finished, tmp_path):
    trained, names = (
        "results/tiny/models/cwa-msn/seed0",
        [f"embeddings/rxrx3-tiny/{m}/seed0" for m in ("cwa-msn", "guest")],
    )
    entry = {"kind": "encoder", "path": trained, "channels": {"Mito": "mitochondria"}}
    own = {"run": "guest", "methods": ["guest"], "definitions": {"guest": entry}, "comparisons": []}
    (tmp_path / "guest.yaml").write_text(yaml.safe_dump(tiny() | own | {"training_screen": None}))
    snakemake(finished, f"results/guest/{names[1]}.parquet", config=tmp_path / "guest.yaml")
    own, other = (finished / "results" / run / name for run, name in zip(("tiny", "guest"), names))
    assert own.with_suffix(".parquet").read_bytes() == other.with_suffix(".parquet").read_bytes()
    counts, description = read_json(other.with_suffix(".json")), read_json(finished / trained / "encoder.json")
    assert counts["encoder"]["weights_sha256"] == description["weights_sha256"]
    assert counts["encoder"]["data_sha256"] == description["data_sha256"] and "channels" not in counts
    (note,) = read_json(other.with_suffix(".notes.json"))
    assert "trained in another run, on bray-tiny (simulated): it saw 0 of the 24 perturbations of rxrx3-tiny" in note


def test_one_table_needs_only_its_own_rows(finished, tmp_path):
    plan = snakemake(tmp_path, "table3", "--dry-run", "--quiet", "rules").stdout
    assert "plate_probe" not in plan and "plate_probe" in (finished / "said.txt").read_text()


@pytest.mark.slow
def test_one_core_gives_the_same_bytes_as_two(tmp_path):
    for cores in (1, 2):
        (tmp_path / str(cores)).mkdir()
        snakemake(tmp_path / str(cores), cores=cores, config=SMALL)
    assert csv_bytes(tmp_path / "1") == csv_bytes(tmp_path / "2")
    assert len(csv_bytes(tmp_path / "1")) >= 4


def test_profiles_hold_the_vectors_of_embeddings_and_map_and_where_they_come_from(finished):
    results, place = finished / "results" / "tiny", "rxrx3-tiny/cwa-msn/seed0"
    said = snakemake(finished, f"results/tiny/profiles/{place}/profiles.h5ad").stderr
    assert "profiles: results/tiny/profiles/" in said
    paths = ProfilePaths(results / "profiles" / place)
    wells, pooled = read_profiles(paths.anndata), read_profiles(paths.perturbations)
    embeddings = tables.read("embeddings", results / "embeddings" / f"{place}.parquet")
    found = tables.read("map", results / "maps" / f"{place}.parquet")
    np.testing.assert_array_equal(wells.features, embeddings[feature_columns(embeddings.columns)])
    np.testing.assert_allclose(pooled.features, found[feature_columns(found.columns)], rtol=1e-5, atol=1e-5)
    assert pooled.obs["Metadata_Perturbation"].tolist() == found["perturbation"].tolist()
    assert (wells.obs["Metadata_FieldCount"] > 0).all()
    description, about = read_json(results / "models" / "cwa-msn" / "seed0" / "encoder.json"), read_json(paths.about)
    assert about["encoder"]["sha256"] == description["weights_sha256"]
    assert (about["encoder"]["name"], about["encoder"]["feature"]) == ("cwa-msn", "cls_last_block")
    assert about["screen"]["simulated"] and about["encoder"]["trained_on_simulated"]
    assert list(about["alignment"]) == list(wells.aligned) == ["pca-center-scale"]
    assert about == wells.about
    planned = snakemake(finished, "-n", "profiles").stdout
    assert all(f"profiles/rxrx3-tiny/{name}/seed0" in planned for name in tiny()["methods"] if name != "cwa-msn")


def test_neighbours_and_hits_are_targets_of_the_run(finished):
    results, place = finished / "results" / "tiny", "rxrx3-tiny/cwa-msn/seed0"
    paths = ProfilePaths(results / "profiles" / place)
    snakemake(finished, *(str(path.relative_to(finished)) for path in (paths.neighbours, paths.hits)))
    wells = read_profiles(paths.anndata)
    near, hits, activity = (pd.read_csv(path) for path in (paths.neighbours, paths.hits, paths.activity))
    expected = activity_of_profiles(wells).tables["activity"]
    pd.testing.assert_frame_equal(activity.fillna({"reason": ""}), expected, check_dtype=False, rtol=1e-12)
    assert set(near["query"]) == set(pd.read_csv(paths.replicates)["perturbation"]) == set(hits["perturbation"])
    assert read_json(paths.about_hits)["negatives"] == "held out" and isinstance(read_json(paths.notes_hits), list)
    for target in ("neighbours", "hits"):
        planned = snakemake(finished, "-n", target).stdout
        assert all(f"/{name}/seed0/{target}.csv" in planned for name in tiny()["methods"] if name != "cwa-msn")


def test_the_plates_of_both_screens_are_a_target_of_the_run(finished):
    snakemake(finished, "plates")
    for screen in ("bray-tiny", "rxrx3-tiny"):
        folder = finished / "results" / "tiny" / "plates" / screen
        text = (folder / "plates.html").read_text()
        data = json.loads(re.search(r'id="data">(.*?)</script>', text).group(1))
        wells = tables.read("wells", finished / "data" / screen / "wells.parquet")
        assert "Simulated images" in text
        assert sum(plate["end"] - plate["start"] for plate in data["plates"]) == len(wells)
        distances = {n["name"] for n in data["numbers"] if n["group"] == "Profiles"}
        assert ("Distance to controls (cwa-msn)" in distances) == (screen == "rxrx3-tiny")
        named = [name for names in data["montages"]["files"].values() for name in names]
        assert named and all((folder / name).stat().st_size > 0 for name in named)
