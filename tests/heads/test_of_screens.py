"""Heads of a run: which wells they are learned on, which they give vectors to, and what they refuse."""

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.embeddings import EmbedOptions, features_frame
from cwamsn.embeddings.methods import embed_method
from cwamsn.errors import InputError
from cwamsn.exposure import exposures, is_in_sample
from cwamsn.files import read_json
from cwamsn.heads import HeadOptions, head_embeddings, learn_on_screen, precision_across
from cwamsn.methods import method_of
from cwamsn.notes import collected
from cwamsn.paths import ScreenPaths
from tests.heads.screens import screen

OPTIONS = HeadOptions(batch_size=64, prototypes=64, output=24)
NAMES = [f"f{i}" for i in range(48)]


def written(folder, wells):
    tables.write(wells, "wells", folder)
    return folder, tables.read("wells", folder)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A head, with the wells that it was learned on."""
    root = tmp_path_factory.mktemp("heads")
    values, wells = screen()
    wells["row"], wells["column"] = wells["row"].astype("int32"), wells["column"].astype("int32")
    wells["split"] = np.where(
        wells["perturbation"] < "p070", "train", np.where(wells["perturbation"] < "p090", "val", "test")
    )
    path, wells = written(root / "train.parquet", wells)
    frame = features_frame(wells["well_id"].to_numpy(), values)
    learn_on_screen(frame, path, wells, OPTIONS, root / "head", names=NAMES, method="mine")
    return root, path, wells, frame


def precision(frame, wells):
    wells = wells.set_index("well_id").loc[frame["well_id"]]
    values = frame[tables.feature_columns(frame.columns)].to_numpy()
    return precision_across(values, wells["perturbation"].to_numpy(str), wells["plate"].to_numpy(str))


def test_the_training_part_is_learned_on_and_the_validation_part_says_when_to_stop(learned):
    known = read_json(learned[0] / "head" / "head.json")
    assert known["trained_on"] == [f"p{i:03d}" for i in range(70)]
    assert known["validated_on"] == [f"p{i:03d}" for i in range(70, 90)]
    assert known["about"] == {"method": "mine", "screen": "s", "names": NAMES, "wells": 360}


def test_another_screen_gets_vectors_in_which_replicates_are_found(learned, tmp_path):
    """The same phenotypes and plates' axes, other perturbations; and features in other units."""
    values, wells = screen(perturbations=130)
    values, wells = values[480:], wells.iloc[480:].reset_index(drop=True)
    wells["well_id"] = "other_" + wells["well_id"]
    path, wells = written(tmp_path / "wells.parquet", wells)
    frame = features_frame(wells["well_id"].to_numpy(), 100 * values + 7)
    found, counts = head_embeddings(frame, path, wells, learned[0] / "head", names=NAMES)
    assert list(found["well_id"]) == list(frame["well_id"]) and found.shape[1] == 25
    assert counts["matched"] == 40 and counts["wells_left_out"] == 0
    assert is_in_sample(None, [learned[0] / "head" / "head.json"], path, wells) is False
    same, _ = head_embeddings(features_frame(wells["well_id"].to_numpy(), values), path, wells, learned[0] / "head")
    np.testing.assert_allclose(found.iloc[:, 1:], same.iloc[:, 1:], atol=1e-3)


def test_two_tables_of_the_users_own_are_matched_by_the_names_of_their_columns(tmp_path):
    """A head learned on one screen's file, applied to another's with the columns in another order."""
    values, wells = screen(perturbations=60)
    told = {}
    for name, chosen, columns in (("one", slice(None, 160), NAMES), ("two", slice(160, None), NAMES[::-1])):
        of_screen = wells[chosen].assign(screen=name).reset_index(drop=True)
        (tmp_path / name).mkdir()
        path, of_screen = written(tmp_path / name / "wells.parquet", of_screen)
        table = pd.DataFrame(values[chosen], columns=NAMES)[columns]
        table.insert(0, "well_id", of_screen["well_id"])
        table.to_parquet(tmp_path / f"{name}.parquet")
        method = method_of("mine", {"kind": "wells", "title": "Mine", "embeddings": f"{name}.parquet"}, [0])
        source = tmp_path / f"{name}.parquet"
        frame, counts = embed_method(method, ScreenPaths(tmp_path / name), 0, EmbedOptions(), source)
        told[name] = (frame, path, of_screen, counts["columns"])
    frame, path, of_screen, names = told["one"]
    learn_on_screen(frame, path, of_screen, OPTIONS, tmp_path / "head", names=names)
    frame, path, of_screen, names = told["two"]
    assert names == NAMES[::-1]
    found, _ = head_embeddings(frame, path, of_screen, tmp_path / "head", names=names)
    in_order = features_frame(of_screen["well_id"].to_numpy(), values[160:])
    wanted, _ = head_embeddings(in_order, path, of_screen, tmp_path / "head", names=NAMES)
    wanted = wanted.set_index("well_id").loc[found["well_id"]]
    np.testing.assert_allclose(found.iloc[:, 1:], wanted, atol=1e-5)


def test_two_features_of_one_name_are_refused_where_they_would_have_to_be_matched(learned):
    """The variables of an AnnData file may be so named."""
    _, path, wells, frame = learned
    with pytest.raises(InputError, match="feature 'f0' appears twice on this screen"):
        head_embeddings(frame, path, wells, learned[0] / "head", names=["f0", *NAMES[:-1]])


@pytest.mark.parametrize("named", ["learned", "applied"])
def test_features_without_names_on_one_of_two_screens_are_taken_by_their_order_and_said(tmp_path, named):
    values, wells = screen(perturbations=20)
    path, wells = written(tmp_path / "wells.parquet", wells)
    frame = features_frame(wells["well_id"].to_numpy(), values)
    names = NAMES if named == "learned" else None
    learn_on_screen(frame, path, wells, HeadOptions(steps=1, validation=0), tmp_path / "head", names=names)
    other, _ = written(tmp_path / "other.parquet", wells.assign(screen="o"))
    with collected() as lines:
        head_embeddings(frame, other, wells, tmp_path / "head", names=None if names else NAMES)
    assert any("have no names, so they are taken in the order of their columns" in line for line in lines)


def test_wells_of_the_screen_itself_that_were_learned_on_get_no_vectors(learned):
    root, path, wells, frame = learned
    with collected() as lines:
        found, counts = head_embeddings(frame, path, wells, root / "head", names=NAMES)
    unseen = wells.loc[wells["split"].eq("test"), "well_id"]
    assert set(found["well_id"]) == set(unseen) and counts["wells_left_out"] == 360
    assert any("learned on 90 other perturbations of this screen" in line for line in lines)
    before = frame[frame["well_id"].isin(unseen)]
    assert precision(found, wells) > precision(before, wells) + 0.2


def test_a_compound_that_was_learned_on_under_another_name_gets_no_vectors_either(tmp_path):
    values, wells = screen(perturbations=40)
    keys = wells["perturbation"].str.replace("p", "ABCDEFGHIJK").add("-UHFFFAOYSA-N")
    salt = wells["perturbation"] == "p039"
    wells["inchikey"] = keys.mask(salt, "ABCDEFGHIJK001-XYZXYZXYSA-N")
    wells["split"] = np.where(wells["perturbation"] < "p030", "train", "test")
    path, wells = written(tmp_path / "wells.parquet", wells)
    frame = features_frame(wells["well_id"].to_numpy(), values)
    learn_on_screen(frame, path, wells, HeadOptions(steps=1, validation=0), tmp_path / "head")
    found, counts = head_embeddings(frame, path, wells, tmp_path / "head")
    named = wells.set_index("well_id").loc[found["well_id"], "perturbation"]
    assert sorted(named.unique()) == [f"p{i:03d}" for i in range(30, 39)]
    assert counts["wells_left_out"] == 31 * 4


def test_what_a_head_saw_of_another_table_of_the_same_plates_is_found(learned, tmp_path):
    root, _, wells, frame = learned
    path, again = written(tmp_path / "wells.parquet", wells.assign(split=None))
    assert is_in_sample(None, root / "head" / "head.json", path, again) is None, "perhaps these very wells"
    assert len(exposures(root / "head" / "head.json", path, again)[0].seen) == 90
    with collected() as lines:
        head_embeddings(frame, path, again, root / "head", names=NAMES)
    assert any("saw 90 of the 120 perturbations" in line for line in lines)


def test_features_are_matched_by_name(learned, tmp_path):
    root, _, wells, frame = learned
    path, other = written(tmp_path / "wells.parquet", wells.assign(split=None))
    straight, _ = head_embeddings(frame, path, other, root / "head", names=NAMES)
    turned = features_frame(frame["well_id"].to_numpy(), frame.iloc[:, :0:-1].to_numpy())
    found, _ = head_embeddings(turned, path, other, root / "head", names=NAMES[::-1])
    np.testing.assert_allclose(found.iloc[:, 1:], straight.iloc[:, 1:], atol=1e-5)
    with collected() as lines:
        head_embeddings(frame.iloc[:, :-2], path, other, root / "head", names=NAMES[:-2])
    assert any("2 of 48 features are not known on this screen" in line for line in lines)
    with pytest.raises(InputError, match="has 20 of the 48 features that the head was learned on"):
        head_embeddings(frame.iloc[:, :21], path, other, root / "head", names=NAMES[:20])
    with pytest.raises(InputError, match="was learned on 48 features, this screen has 20"):
        head_embeddings(frame.iloc[:, :21], path, other, root / "head")


def test_of_a_screen_without_a_split_the_same_share_is_learned_on_by_every_seed(tmp_path):
    values, wells = screen(perturbations=40)
    path, wells = written(tmp_path / "wells.parquet", wells)
    frame = features_frame(wells["well_id"].to_numpy(), values)
    seen = []
    for seed in (0, 1):
        options = HeadOptions(steps=1, validation=0.2, seed=seed)
        learn_on_screen(frame, path, wells, options, tmp_path / "head", share=0.5)
        known = read_json(tmp_path / "head" / "head.json")
        seen.append(sorted(known["trained_on"] + known["validated_on"]))
        found, _ = head_embeddings(frame, path, wells, tmp_path / "head")
        assert len(found) == 80
    assert seen[0] == seen[1] and len(seen[0]) == 20
    learn_on_screen(frame, path, wells, HeadOptions(steps=1), tmp_path / "head")
    with pytest.raises(InputError, match="every treated well was learned on"):
        head_embeddings(frame, path, wells, tmp_path / "head")


def test_wells_without_a_row_and_scales_that_do_not_exist_are_refused(learned):
    root, path, wells, frame = learned
    stray = pd.concat([frame, frame.iloc[:1].assign(well_id="nowhere")])
    with pytest.raises(InputError, match="well nowhere is not in the wells table"):
        head_embeddings(stray, path, wells, root / "head")
    with pytest.raises(InputError, match="scale 'plate' is not known; known: screen, training"):
        head_embeddings(frame, path, wells, root / "head", scale="plate")
