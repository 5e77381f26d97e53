"""`cwamsn score`: the numbers of the five-line configuration."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from cwamsn import tables
from cwamsn.alignment import AlignOptions, aggregate, align
from cwamsn.benchmarks import gene_gene, replicates
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.compound_gene import load_truth
from cwamsn.chain import prepare_wells
from cwamsn.cli.main import main
from cwamsn.embeddings import load_features
from cwamsn.scoring import BENCHMARKS
from cwamsn.screen_specs import RxRx3Spec, SimulatedRxRx3Spec
from cwamsn.simulate import simulate_layout
from tests.workflow.chain import ROOT, snakemake

SPEC = SimulatedRxRx3Spec(complexes=6, genes_per_complex=3, guides=2, gene_experiments=2, compounds=6)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Metadata and truth of a simulated screen in the layout of RxRx3-core, and embeddings of its wells."""
    folder = tmp_path_factory.mktemp("host")
    simulate_layout(SPEC, folder)
    wells = pd.read_csv(folder / "metadata_rxrx3_core.csv")
    rng = np.random.default_rng(0)
    effect = {name: rng.normal(size=16) for name in wells["treatment"].astype(str)}
    values = np.stack([effect[t] for t in wells["treatment"].astype(str)]) + rng.normal(size=(len(wells), 16))
    frame = pd.DataFrame(values.astype(np.float32), columns=[f"feature_{i}" for i in range(16)])
    pd.concat([wells[["well_id"]], frame], axis=1).to_parquet(folder / "my-model.parquet")
    return folder


@pytest.fixture
def five_lines(host, tmp_path):
    """config/evaluate.yaml with the paths filled in."""
    own = yaml.safe_load((ROOT / "config" / "evaluate.yaml").read_text())
    own["embeddings"]["my-model"]["path"] = str(host / "my-model.parquet")
    own["screens"]["my-screen"] |= {
        "metadata": str(host / "metadata_rxrx3_core.csv"),
        "compound_gene_truth": str(host / "compound_gene_interactions.csv"),
    }
    path = tmp_path / "five.yaml"
    path.write_text(yaml.safe_dump(own))
    return path


def scored(capsys, *words):
    capsys.readouterr()
    assert main(["score", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_scores_are_those_of_the_benchmarks(host, capsys, tmp_path):
    metadata, vectors = host / "metadata_rxrx3_core.csv", host / "my-model.parquet"
    found = scored(capsys, vectors, "--screen", metadata, "--benchmarks", "gene_gene", "--out", tmp_path / "s.parquet")
    written = tables.read("scores", tmp_path / "s.parquet")
    assert found["wells"]["missing"] == 0 and len(written) == len(found["scores"])
    screen = prepare_wells("naive", RxRx3Spec(metadata=str(metadata)), tmp_path, truth=False)
    wells = tables.read("wells", screen.wells)
    features, embedded = load_features(vectors, wells)
    pooled = aggregate(align(features, embedded), embedded, "wells", AlignOptions().doses("rxrx3-core"))
    naive = gene_gene.score(
        pooled,
        gene_gene.GeneGeneOptions(),
        BootstrapOptions(),
        wells=wells,
        aligned=(align(features, embedded), embedded),
    ).scores(run="score", screen="metadata_rxrx3_core", method="my-model", seed=0, benchmark="gene_gene")
    naive["alignment"] = written["alignment"].to_numpy()
    pd.testing.assert_frame_equal(written, naive.reset_index(drop=True), check_dtype=False)


@pytest.mark.slow
def test_scores_are_those_of_the_five_line_configuration(host, five_lines, capsys, tmp_path):
    snakemake(tmp_path, config=five_lines)
    run = tables.read("scores", tmp_path / "results" / "my-run" / "scores.parquet")
    out = tmp_path / "ours.parquet"
    assert (
        main(["score", str(host / "my-model.parquet"), "--screen", f"{five_lines}:my-screen", "--out", str(out)]) == 0
    )
    ours = tables.read("scores", out)
    keys = [c for c in run.columns if c not in ("value", "ci_low", "ci_high")]
    sort = lambda frame: frame.sort_values(keys, kind="stable", ignore_index=True)  # noqa: E731
    pd.testing.assert_frame_equal(sort(ours)[list(run.columns)], sort(run))
    assert "recall" in capsys.readouterr().out


def test_a_screen_that_was_prepared_is_scored_by_its_folder(host, capsys, tmp_path):
    screen = prepare_wells("sim", SPEC, tmp_path)
    words = (host / "my-model.parquet", "--screen", screen.root, "--benchmarks", "latent_probe,replicate_map,signal")
    found = scored(capsys, *words)
    assert {row["benchmark"] for row in found["scores"]} == {"latent_probe", "replicate_map", "signal"}
    assert found["screen"] == "sim"
    wells = tables.read("wells", screen.wells)
    features, embedded = load_features(host / "my-model.parquet", wells)
    pooled = aggregate(align(features, embedded), embedded, "wells", AlignOptions().doses("simulated-rxrx3-core"))
    naive = replicates.score(
        align(features, embedded),
        embedded,
        replicates.ReplicateOptions(),
        in_sample=False,
        targets=(pooled, load_truth(screen.truth, wells)),
    )
    values = {
        (row["metric"], row["source"]): row["value"] for row in found["scores"] if row["benchmark"] == "replicate_map"
    }
    for part in naive.parts:
        for row in part.to_dict("records"):
            assert values[row["metric"], row.get("source")] == row["value"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--benchmarks", "gene"], "benchmarks: 'gene' is not known; nearest: gene_gene"),
        (["--benchmarks", "latent_probe"], "latent_probe: the screen is not simulated; leave the benchmark out"),
        (["--benchmarks", "morphohelm"], "morphohelm: is of screens with the source morphohelm; take retrieval"),
        (["--truth", "absent.csv"], "absent.csv: no such file; correct --truth"),
        (["--read", "arry=x"], "--read arry: not known; known: format, feature_columns, array"),
        (["--out", "scores.txt"], "scores.txt: end the name of a table with .csv, .tsv, .parquet"),
        (["--align", "tvn"], "alignment 'tvn' is not known; nearest: tvn-coral"),
    ],
)
def test_what_is_wrong_is_one_line(host, capsys, words, said):
    given = ["score", str(host / "my-model.parquet"), "--screen", str(host / "metadata_rxrx3_core.csv")]
    assert main([*given, *words]) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("cwamsn: ") and said in err


def test_the_table_in_words_has_a_line_per_score(host, capsys):
    words = ["score", str(host / "my-model.parquet"), "--screen", str(host / "metadata_rxrx3_core.csv")]
    assert main([*words, "--benchmarks", "signal,plate_probe"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["benchmark", "metric"] and {line.split()[0] for line in lines[1:]} == {
        "signal",
        "plate_probe",
    }


def test_no_two_lines_of_the_table_in_words_say_the_same_of_other_numbers(host, capsys):
    words = ["score", str(host / "my-model.parquet"), "--screen", str(host / "metadata_rxrx3_core.csv")]
    for names, told in (
        ("geometry", {"none", "pca-center-scale"}),
        ("retrieval", {"perturbations", "controls"}),
        ("plate_probe", {"none", "only"}),
    ):
        assert main([*words, "--benchmarks", names]) == 0
        lines = capsys.readouterr().out.splitlines()
        numbers = lines[0].index("value")
        said = [line[: numbers - 2] for line in lines[1:]]
        assert len(set(said)) == len(said), names
        assert told <= {word for line in said for word in line.split()}


def test_a_file_that_is_not_there_is_named(host, capsys, tmp_path):
    assert main(["score", str(tmp_path / "x.parquet"), "--screen", str(host / "metadata_rxrx3_core.csv")]) == 1
    assert "x.parquet: no such file" in capsys.readouterr().err


def test_every_benchmark_of_the_configuration_can_be_scored():
    schema = yaml.safe_load((ROOT / "config" / "schemas" / "run.yaml").read_text())
    allowed = schema["properties"]["evaluate"]["additionalProperties"]["items"]["enum"]
    assert list(BENCHMARKS) == allowed
