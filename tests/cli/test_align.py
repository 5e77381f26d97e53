"""`cwamsn align`: on controls, by a head that is learned, by one that was."""

import json

import numpy as np
import pandas as pd
import pytest

from cwamsn.alignment import AlignOptions, align
from cwamsn.cli.main import main
from cwamsn.profiles import LEARNED, LEARNED_ON, read_profiles, wells_of, write_anndata
from tests.heads.screens import profiles
from tests.hits.test_of_profiles import profiles as with_controls


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Profiles, what a head makes of them, its folder, and what the command said."""
    folder = tmp_path_factory.mktemp("align")
    write_anndata(profiles(), folder / "in.h5ad")
    words = ["align", folder / "in.h5ad", "--learn", "--steps", "300", "--features", "24"]
    code = main([*map(str, [*words, "--head", folder / "head", "--out", folder / "out.h5ad"])])
    return folder, code


def test_a_learned_head_finds_replicates_and_says_what_it_was_trained_on(learned):
    folder, code = learned
    assert code == 0
    found, known = read_profiles(folder / "out.h5ad"), json.loads((folder / "head" / "head.json").read_text())
    assert next(iter(found.aligned)) == LEARNED and found.vectors().shape == (480, 24)
    assert known["precision_after"] > known["precision_before"] + 0.1
    named = found.obs["Metadata_Perturbation"]
    expected = np.select(
        [named.isin(known["trained_on"]), named.isin(known["validated_on"])], ["training", "validation"], "no"
    )
    assert (found.obs[LEARNED_ON] == expected).all()
    assert (len(known["trained_on"]), len(known["validated_on"])) == (102, 18)
    assert found.about["alignment"][LEARNED]["on"] == "none"


def test_a_head_applied_to_the_same_profiles_gives_the_same_vectors(learned, tmp_path, capsys):
    folder, _ = learned
    assert (
        main(["align", str(folder / "in.h5ad"), "--head", str(folder / "head"), "--out", str(tmp_path / "o.h5ad")]) == 0
    )
    np.testing.assert_array_equal(
        read_profiles(tmp_path / "o.h5ad").vectors(), read_profiles(folder / "out.h5ad").vectors()
    )
    assert "trained on the perturbations of 408 of 480 wells" in capsys.readouterr().out


def test_features_of_another_encoder_and_changed_weights_are_refused(learned, tmp_path, capsys):
    folder, _ = learned
    other = profiles(features=30)
    write_anndata(other, tmp_path / "other.h5ad")
    words = ["--head", str(folder / "head"), "--out", str(tmp_path / "o.h5ad")]
    assert main(["align", str(tmp_path / "other.h5ad"), *words]) == 1
    assert "was learned on other features" in capsys.readouterr().err
    copy = tmp_path / "head"
    copy.mkdir()
    for name in ("head.json", "head.safetensors"):
        (copy / name).write_bytes((folder / "head" / name).read_bytes())
    (copy / "head.safetensors").write_bytes(b"other")
    assert main(["align", str(folder / "in.h5ad"), "--head", str(copy), "--out", str(tmp_path / "o.h5ad")]) == 1
    assert "is not the file that head.json names" in capsys.readouterr().err


def test_hits_of_learned_profiles_say_which_rows_the_head_was_trained_on(tmp_path, capsys):
    write_anndata(with_controls(3.0, active=5, controls=20), tmp_path / "in.h5ad")
    words = [str(tmp_path / "in.h5ad"), "--learn", "--steps", "50", "--features", "8"]
    assert main(["align", *words, "--out", str(tmp_path / "out.h5ad")]) == 0
    assert main(["activity", str(tmp_path / "out.h5ad"), "--out", str(tmp_path / "a.csv")]) == 0
    assert "prove nothing" in capsys.readouterr().err
    assert set(pd.read_csv(tmp_path / "a.csv")["negatives"]) == {"trained on"}


def test_an_alignment_on_controls_is_that_of_the_library(tmp_path):
    made = with_controls(3.0, active=5, controls=20)
    write_anndata(made, tmp_path / "in.h5ad")
    words = [str(tmp_path / "in.h5ad"), "--method", "center-scale", "--out", str(tmp_path / "out.h5ad")]
    assert main(["align", *words]) == 0
    expected = align(made.features, wells_of(made.obs), "center-scale", AlignOptions())
    np.testing.assert_allclose(read_profiles(tmp_path / "out.h5ad").vectors(), expected, rtol=1e-6)


@pytest.mark.parametrize("words", [[], ["--learn", "--method", "none"]])
def test_one_way_to_align_has_to_be_chosen(tmp_path, capsys, words):
    assert main(["align", str(tmp_path), "--out", str(tmp_path / "o.h5ad"), *words]) == 1
    assert "give one of --method NAME, --learn, or --head FOLDER" in capsys.readouterr().err
