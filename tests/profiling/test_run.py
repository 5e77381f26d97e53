"""A screen and an encoder in, profiles out: the workflow's numbers, once only, and nobody else's folder."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cwamsn
from cwamsn import profiling, tables
from cwamsn.alignment import align
from cwamsn.embeddings import load_features
from cwamsn.embeddings.methods import embed_method
from cwamsn.errors import InputError
from cwamsn.files import alone
from cwamsn.methods import method_of
from cwamsn.notes import collected
from cwamsn.paths import ScreenPaths
from cwamsn.profiles import read_profiles
from cwamsn.profiling import Request, Settings, profile_screen, screen_name
from cwamsn.screen_specs.argument import screen_from_argument
from cwamsn.vocabulary import BRAY_STAINS
from tests.lab import STAINS, write_encoder, write_lab
from tests.workflow.chain import ROOT

FILES = ("wells.parquet", "perturbations.parquet", "profiles.h5ad", "about.json")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a lab, an encoder of its stains in another order, and one with Bray's names."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "lab").mkdir()
    write_lab(folder / "lab")
    write_encoder(folder / "own", ("Mito", "AGP", "RNA", "ER", "DNA"))
    write_encoder(folder / "bray", BRAY_STAINS, seed=1)
    return folder


@pytest.fixture
def request_of(place, tmp_path, monkeypatch):
    """`request_of(encoder, **keys)`: profiles of the lab's screen."""
    monkeypatch.chdir(tmp_path)

    def of(encoder="own", align="auto", **keys):
        platemap = keys.pop("platemap", place / "lab" / "platemap.csv")
        spec = screen_from_argument(place / "lab" / "load_data.csv", platemap=platemap, **keys)
        return Request("lab", spec, place / encoder, Settings(), align)

    return of


def test_profiles_are_the_numbers_of_the_stages(request_of):
    request = request_of()
    profile_screen(request, "out")
    screen = ScreenPaths(Path("out/work/lab"))
    options = replace(Settings().embedding, threads=1)
    method = method_of("naive", {"kind": "encoder", "path": str(request.encoder)}, [0])
    frame, _ = embed_method(method, screen, 0, options, request.encoder)
    tables.write(frame, "embeddings", "naive.parquet")
    features, wells = load_features("naive.parquet", tables.read("wells", screen.wells))
    found = read_profiles("out/profiles.h5ad")
    assert list(found.obs.index) == wells["well_id"].tolist()
    np.testing.assert_array_equal(found.features, features.astype(np.float32))
    np.testing.assert_array_equal(
        found.aligned["center-scale"], align(features, wells, "center-scale").astype(np.float32)
    )
    written = read_profiles("out/wells.parquet")
    np.testing.assert_array_equal(written.features, found.aligned["center-scale"])
    assert set(written.obs["Metadata_FieldCount"]) == {2}
    pooled = read_profiles("out/perturbations.parquet")
    assert pooled.obs["Metadata_Perturbation"].tolist() == ["X1", "X2"]
    assert pooled.obs["Metadata_WellCount"].tolist() == [4, 4]


def test_the_same_call_does_nothing_and_another_process_writes_the_same_bytes(request_of, capsys):
    request = request_of()
    about = profile_screen(request, "one")
    times = [Path("one", name).stat().st_mtime_ns for name in FILES]
    with collected() as notes:
        assert profile_screen(request, "one") == json.loads(Path("one/about.json").read_text())
    assert "one: is up to date" in capsys.readouterr().out
    assert [Path("one", name).stat().st_mtime_ns for name in FILES] == times
    assert notes == about["notes"]
    profile_screen(request, "two", jobs=2)
    assert all(Path("one", name).read_bytes() == Path("two", name).read_bytes() for name in FILES)


def test_another_alignment_embeds_nothing_again(request_of, capsys, monkeypatch):
    profile_screen(request_of(), "out")
    monkeypatch.setattr(profiling.run, "embed_method", None)
    about = profile_screen(request_of(align="sphering"), "out")
    assert list(about["alignment"]) == ["sphering"] and "alignment_choice" not in about
    assert read_profiles("out/wells.parquet").about["vectors"] == "sphering"
    assert profile_screen(request_of(align="none"), "out").get("alignment") is None


def test_stains_are_matched_by_synonym_and_said(request_of, capsys):
    about = profile_screen(request_of("bray"), "out")
    assert about["stains"]["Hoechst"] == "DNA" and about["stains"]["Ph_golgi"] == "AGP"
    assert "stains by synonym, the encoder's and the screen's: ERSyto is ER, " in capsys.readouterr().out
    statistics = json.loads(Path("out/work/lab/statistics.json").read_text())
    assert statistics["channels"] == list(STAINS)  # the screen keeps its own names and order


def test_stains_that_the_encoder_does_not_take_are_left_out_and_missing_ones_refused(request_of, place, capsys):
    write_encoder(place / "three", ("DNA", "ER", "Mito"))
    profile_screen(request_of("three"), "out")
    assert "left out: RNA, AGP" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"the encoder takes Mito, AGP, RNA, ER, DNA, the screen has DNA, ER: Mito"):
        profile_screen(request_of("own", channels=["DNA", "ER"]), "other")


def test_an_encoder_for_any_channels_is_given_all_stains(request_of, place, tmp_path):
    options = {"backbone": "vit_tiny_patch16_224", "embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8}
    recipe = {"encoder": "bag-of-channels", "encoder_options": options}
    write_encoder(place / "any", ("Hoechst", "Tubulin"), recipe=recipe)
    about = profile_screen(request_of("any"), "out")
    assert about["stains"] == {"Hoechst": "DNA"}
    assert json.loads(Path("out/work/lab/statistics.json").read_text())["channels"] == [
        "DNA",
        "RNA",
        "ER",
        "AGP",
        "Mito",
    ]
    assert any("RNA, ER, AGP, Mito of the screen are no stains of the encoder's training" in x for x in about["notes"])


def test_a_screen_may_change_how_its_crops_are_made(request_of):
    request = request_of(crops={"black_level": 50, "channels": ["DNA"]})
    profile_screen(request, "out")
    qc = tables.read("qc", "out/work/lab/qc.parquet")
    profile_screen(request_of(), "plain")
    assert qc["mean_ER"].mean() != tables.read("qc", "plain/work/lab/qc.parquet")["mean_ER"].mean()


@pytest.mark.parametrize("name", ["bag-of-channels", "channel-tokens"])
@pytest.mark.parametrize("stains", [3, 4, 6, 8])
def test_an_encoder_for_any_channels_embeds_a_screen_of_three_to_eight_stains(name, stains, tmp_path, monkeypatch):
    """Trained on five of Bray's names; the screen has some of them, under synonyms, and others."""
    monkeypatch.chdir(tmp_path)
    own = ("Actin", "DNA", "Mito", "Tubulin", "ER", "Golgi", "Lysosome", "Lipid")[:stains]
    listed = write_lab(tmp_path / "lab", ("P1",), sites=1, stains=own)
    options = {"backbone": "vit_tiny_patch16_224", "embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8}
    recipe = {"encoder": name, "encoder_options": options, "channel_sampling": "hierarchical"}
    encoder = write_encoder(tmp_path / "encoder", BRAY_STAINS, recipe=recipe)
    spec = screen_from_argument(listed, platemap=tmp_path / "lab" / "platemap.csv")
    about = profile_screen(Request("lab", spec, encoder, Settings(), "none"), "out")
    profiles = read_profiles("out/wells.parquet")
    assert profiles.features.shape == (8, 24) and np.isfinite(profiles.features).all()
    assert about["stains"] == {"Mito": "Mito", "Hoechst": "DNA"} | ({"ERSyto": "ER"} if stains > 4 else {})
    new = [stain for stain in own if stain not in ("DNA", "Mito", "ER")]
    assert any(f"{', '.join(new)} of the screen are no stains of the encoder's training" in x for x in about["notes"])
    assert json.loads(Path("out/work/lab/statistics.json").read_text())["channels"] == list(own)


def test_two_encoders_share_the_crops(request_of, monkeypatch):
    profile_screen(request_of("own"), "one")
    monkeypatch.setattr("cwamsn.chain.write_crops", None)
    monkeypatch.setattr("cwamsn.chain.fetch_unit", None)
    profile_screen(request_of("bray"), "two", work="one/work")
    assert not Path("two/work").exists()


def test_foreign_folders_are_left_alone(request_of, tmp_path):
    Path("mine").mkdir()
    Path("mine/thesis.docx").touch()
    with pytest.raises(InputError, match=r"mine: holds thesis.docx, which cwamsn embed did not write"):
        profile_screen(request_of(), "mine")
    assert [p.name for p in Path("mine").iterdir()] == ["thesis.docx"]
    Path("file").touch()
    with pytest.raises(InputError, match="is a file"):
        profile_screen(request_of(), "file")
    profile_screen(request_of("own"), "out")
    with pytest.raises(InputError, match=r"out: holds profiles of encoder .{12}\.\.\., these would be of"):
        profile_screen(request_of("bray"), "out")


def test_two_processes_do_not_work_in_one_folder(request_of):
    Path("out").mkdir()
    with alone(Path("out/.lock")), pytest.raises(InputError, match=r"another process works here"):
        profile_screen(request_of(), "out")


def test_crops_go_if_asked_and_the_profiles_still_count(request_of, capsys):
    profile_screen(request_of(), "out", keep_crops=False)
    assert not Path("out/work/lab").exists() and all(Path("out", name).exists() for name in FILES)
    profile_screen(request_of(), "out", keep_crops=False)
    assert "is up to date" in capsys.readouterr().out


def test_crops_that_others_share_are_not_removed(request_of):
    with pytest.raises(InputError, match="--no-keep-crops would remove"):
        profile_screen(request_of(), "out", work="shared", keep_crops=False)


def test_a_screen_without_plate_map_has_profiles_of_wells_alone(request_of):
    about = profile_screen(request_of(platemap=None), "out")
    assert not Path("out/perturbations.parquet").exists()
    assert about["alignment_choice"].startswith("not aligned: P1 of 2 batches has 0 negative controls")
    assert any(line.startswith("no profiles of perturbations") for line in about["notes"])
    assert len(read_profiles("out/wells.parquet")) == 16


def test_a_changed_plate_map_changes_the_profiles(request_of, place, tmp_path):
    other = tmp_path / "platemap.csv"
    other.write_text((place / "lab" / "platemap.csv").read_text())
    request = request_of(platemap=other)
    profile_screen(request, "out")
    other.write_text(other.read_text().replace("X2", "X9"))
    profile_screen(request, "out")
    assert read_profiles("out/perturbations.parquet").obs["Metadata_Perturbation"].tolist() == ["X1", "X9"]


def test_a_corrected_description_of_the_encoder_changes_the_profiles(request_of, tmp_path):
    write_encoder(tmp_path / "mine", STAINS)
    request = replace(request_of(align="none"), encoder=tmp_path / "mine")
    profile_screen(request, "out")
    before = read_profiles(Path("out"))
    description = tmp_path / "mine" / "encoder.json"
    corrected = json.loads(description.read_text()) | {"channels": list(STAINS[::-1])}
    description.write_text(json.dumps(corrected))
    profile_screen(request, "out")
    profile_screen(request, "fresh")
    after, fresh = read_profiles(Path("out")), read_profiles(Path("fresh"))
    np.testing.assert_array_equal(after.features, fresh.features)
    assert not np.array_equal(after.features, before.features)


def test_alignment_follows_the_number_of_controls():
    def wells(*counts):
        names = [f"b{i}" for i, n in enumerate(counts) for _ in range(n + 1)]
        control = [c for n in counts for c in [*["negative"] * n, None]]
        return pd.DataFrame({"experiment": names, "control": control})

    options = Settings().alignment
    assert profiling.choose_alignment(wells(32, 40), options)[0] == "pca-center-scale"
    assert profiling.choose_alignment(wells(31, 40), options)[0] == "center-scale"
    assert profiling.choose_alignment(wells(1, 40), options) == (
        "none",
        "not aligned: b0 of 2 batches has 1 negative controls, an alignment needs 2 in each",
    )


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("plates/load_data.csv", "plates"),
        ("my screen.csv", "my-screen"),
        ("s3://bucket/cpg0012/load_data.csv.gz", "cpg0012"),
        ("x/cache/load_data.csv", "screen"),
        ("day 1/plate.ome.zarr", "plate"),
    ],
)
def test_a_screen_is_named_after_its_path(argument, name):
    assert screen_name(argument) == name


def test_a_screen_of_a_configuration_has_the_name_that_it_has_there(tmp_path):
    (tmp_path / "my.yaml").write_text("run: r\nscreens: {mine: {source: load-data}}\n")
    assert screen_name(tmp_path / "my.yaml") == screen_name(f"{tmp_path / 'my.yaml'}:mine") == "mine"
    (tmp_path / "two.yaml").write_text("extends: my.yaml\nscreens: {lab: {source: load-data}}\nevaluate: {lab: []}\n")
    assert screen_name(tmp_path / "two.yaml") == "lab"
    assert screen_name(f"{tmp_path / 'two.yaml'}:mine") == "mine"
    with pytest.raises(InputError, match="no such file"):
        screen_name(tmp_path / "none.yaml")


def test_from_python_in_one_line(place, tmp_path):
    lab = place / "lab"
    profiles = cwamsn.load(place / "own").embed(lab / "load_data.csv", lab / "platemap.csv", work=tmp_path / "work")
    data = profiles.align().to_anndata(tmp_path / "profiles.h5ad")
    assert data.shape == (16, 24) and list(data.obsm) == ["center-scale"]
    assert read_profiles(tmp_path / "profiles.h5ad").about["screen"]["name"] == "lab"
    assert profiles.align("sphering").pool().to_file(tmp_path / "p.parquet").level == "perturbation"
    encoder, meta = cwamsn.load(place / "own")
    assert meta["channels"] == ["Mito", "AGP", "RNA", "ER", "DNA"] and encoder is not None


@pytest.mark.slow
def test_a_killed_embed_goes_on_with_the_same_bytes(place, tmp_path):
    lab = place / "lab"
    command = [sys.executable, "-m", "cwamsn", "embed", str(lab / "load_data.csv"), "--encoder", str(place / "own")]
    command += ["--platemap", str(lab / "platemap.csv"), "--jobs", "1", "--out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "killed"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    mark = tmp_path / "killed" / "work" / "lab" / "done" / "P1.json"
    while not mark.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "about.json").exists()
    again = subprocess.run([*command, "killed"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert again.returncode == 0 and "lab: crops of 1 of 2 plates are there already" in again.stderr
    assert "16 of 16 wells on 2 plates have a profile" in again.stdout
    subprocess.run([*command, "whole"], cwd=tmp_path, env=environment, capture_output=True, check=True)
    for name in FILES:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
