"""`cwamsn neighbours` and `cwamsn activity` on what `cwamsn embed` leaves."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from cwamsn.cli.main import main
from cwamsn.profiles import align_profiles, pool_profiles, write_anndata, write_parquet
from tests.hits.test_of_profiles import profiles


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five of twenty perturbations have an effect."""
    path = tmp_path_factory.mktemp("profiles")
    found = align_profiles(profiles(3.0, active=5, controls=20), "center-scale")
    write_anndata(found, path / "profiles.h5ad")
    write_parquet(found, path / "wells.parquet")
    write_parquet(pool_profiles(found), path / "perturbations.parquet")
    return path


def test_neighbours_are_printed_and_written(folder, tmp_path, capsys):
    out = tmp_path / "near.csv"
    assert main(["neighbours", str(folder), "t03", "-k", "3", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "t03: 4 wells on 4 plates, nearest of 19"
    assert lines[1].startswith("replicates: mean similarity 0.")
    assert lines[3].split()[:3] == ["rank", "perturbation", "wells"]  # no doses
    assert len([line for line in lines[4:] if line and line.split()[0].isdigit()]) == 3
    assert list(pd.read_csv(out)["rank"]) == [1, 2, 3]


def test_the_type_is_said_where_a_gene_and_a_compound_share_a_name(tmp_path, capsys):
    found = align_profiles(profiles(3.0, active=5, controls=20), "center-scale")
    obs = found.obs.copy()
    genes = (obs["Metadata_Perturbation"] == "t01").to_numpy()
    obs.loc[genes, ["Metadata_Perturbation", "Metadata_PerturbationType"]] = ["t00", "CRISPR"]
    obs["Metadata_PerturbationType"] = obs["Metadata_PerturbationType"].fillna("COMPOUND")
    write_anndata(replace(found, obs=obs), tmp_path / "p.h5ad")
    assert main(["neighbours", str(tmp_path / "p.h5ad"), "t00", "-k", "1"]) == 0
    text = capsys.readouterr().out
    assert "t00 (COMPOUND): 4 wells" in text and "t00 (CRISPR): 4 wells" in text and "type" in text
    assert main(["activity", str(tmp_path / "p.h5ad")]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert ["t00", "CRISPR"] in rows and ["t00", "COMPOUND"] in rows


def test_neighbours_as_json_of_a_table_and_of_perturbations(folder, capsys):
    assert main(["neighbours", str(folder / "wells.parquet"), "t03", "t04", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["perturbation"] for row in answer["queries"]] == ["t03", "t04"] and len(answer["neighbours"]) == 20
    assert main(["neighbours", str(folder / "perturbations.parquet"), "t03"]) == 0
    assert capsys.readouterr().out.startswith("t03: nearest of 19\n")


def test_all_neighbours_go_to_a_file(folder, tmp_path, capsys):
    out = tmp_path / "all.parquet"
    assert main(["neighbours", str(folder), "--all", "-k", "2", "--out", str(out), "--json"]) == 0
    assert len(pd.read_parquet(out)) == 40 and "neighbours" not in json.loads(capsys.readouterr().out)


def test_activity_lists_hits_and_writes_both_tables(folder, tmp_path, capsys):
    files = ["--out", str(tmp_path / "activity.tsv"), "--hits", str(tmp_path / "hits.csv")]
    assert main(["activity", str(folder), "--top", "3", *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("5 of 20 perturbations differ from the controls of their plate")
    assert "negatives: held out" in lines[0] and "... and 2 more (--hits FILE writes all)" in lines
    assert len(pd.read_csv(tmp_path / "activity.tsv", sep="\t")) == 20
    hits = pd.read_csv(tmp_path / "hits.csv")
    assert set(hits["negatives"]) == {"held out"}
    assert sorted(hits["perturbation"][hits["active"]]) == ["t00", "t01", "t02", "t03", "t04"]
    assert main(["activity", str(folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["about"]["negatives"] == "held out" and len(answer["hits"]) == 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["neighbours", "{}"], "give the NAME of a perturbation, or --all with --out FILE"),
        (["neighbours", "{}", "--all"], "--all with --out FILE"),
        (["neighbours", "{}", "t3"], "no perturbation 't3' in the profiles; nearest: "),
        (["neighbours", "{}", "t03", "--out", "x.xlsx"], "x.xlsx: end the name of a table with .csv, .tsv, .parquet"),
        (["neighbours", "{}", "t03", "--alignment", "sphering"], "have no alignment 'sphering'"),
        (["neighbours", "{}/..", "t03"], "or what cwamsn embed wrote"),
        (["activity", "{}/perturbations.parquet"], "give profiles of wells"),
        (["activity", "{}", "--p-values", "normal"], "'normal' is not one of"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder, capsys, words, said):
    assert main([word.format(folder) for word in words]) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
