"""The page of plates: what its script reads is what the tables hold."""

import base64
import json
import re

import numpy as np
import pandas as pd
import pytest

from cwamsn.errors import InputError
from cwamsn.plates import Number, plate_table, write_page, write_plates
from tests.plates.test_numbers import profiles_of, wells_of


def data_of(path):
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text()).group(1))


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_every_well_stands_at_its_place_with_its_value_whatever_the_order_of_the_table(tmp_path):
    wells = wells_of(rows=4).sample(frac=1, random_state=0).reset_index(drop=True)
    values = np.arange(len(wells), dtype=float)
    values[3] = np.nan
    write_page(tmp_path / "p.html", plate_table(wells), [Number("n", "g", "about", values)], title="s")
    data = data_of(tmp_path / "p.html")
    expected = {(row.plate, row.address): value for row, value in zip(wells.itertuples(), values)}
    shown, positions = unpacked(data["numbers"][0]["values"], "<f4"), unpacked(data["positions"], "<u2")
    found = {
        (plate["name"], data["addresses"][positions[i]]): shown[i]
        for plate in data["plates"]
        for i in range(plate["start"], plate["end"])
    }
    assert found.keys() == expected.keys()
    np.testing.assert_array_equal([found[key] for key in expected], list(expected.values()))


def test_controls_treated_and_empty_wells_are_told_apart(tmp_path):
    wells = wells_of(("P",), rows=1, columns=4)
    wells["control"], wells["perturbation"] = [None, "negative", "other", None], ["drug", "DMSO", "poison", None]
    write_page(tmp_path / "p.html", plate_table(wells), [], title="s")
    data = data_of(tmp_path / "p.html")
    assert unpacked(data["holds"], "u1").tolist() == [0, 1, 2, 3]
    assert unpacked(data["perturbation"], "<i4").tolist() == [0, 1, 2, -1]


def test_a_name_that_looks_like_markup_stays_text(tmp_path):
    wells = wells_of().assign(perturbation="</script><b>x", experiment="<i>b")
    write_page(tmp_path / "p.html", plate_table(wells), [], title="<u>s")
    text = (tmp_path / "p.html").read_text()
    assert data_of(tmp_path / "p.html")["perturbations"] == ["</script><b>x"]
    assert "<b>x" not in text and "<u>s" not in text and "<i>b" not in text


def test_wells_of_a_plate_whose_batch_varies_or_is_missing_stay_on_it(tmp_path):
    wells = wells_of(("P", "Q"), rows=2, columns=4)
    wells["perturbation"] = wells["well_id"]
    for batch in (["a", "b"] * 8, [None] * 3 + ["a"] * 13, [None] * 16):
        own = wells.assign(experiment=np.array(batch, dtype=object))
        write_page(tmp_path / "p.html", plate_table(own), [], title="s")
        data = data_of(tmp_path / "p.html")
        positions, code = unpacked(data["positions"], "<u2"), unpacked(data["perturbation"], "<i4")
        found = {
            f"{plate['name'].rpartition(' / ')[2]}_{data['addresses'][positions[i]]}": (
                data["perturbations"][code[i]], data["batches"][plate["batch"]]
            )
            for plate in data["plates"]
            for i in range(plate["start"], plate["end"])
        }  # fmt: skip
        assert found == {well: (well, b or "no batch") for well, b in zip(own["well_id"], own["experiment"])}


def test_an_infinite_number_is_shown_as_not_known(tmp_path):
    wells = wells_of(("P",), rows=1, columns=4)
    values = np.array([1, np.inf, -np.inf, 2.0])
    write_page(tmp_path / "p.html", plate_table(wells), [Number("n", "g", "about", values)], title="s")
    shown = unpacked(data_of(tmp_path / "p.html")["numbers"][0]["values"], "<f4")
    np.testing.assert_array_equal(shown, [1, np.nan, np.nan, 2])


def test_marked_positions_say_on_how_many_plates_the_same_perturbation_lies_there(tmp_path):
    wells = wells_of([f"P{i}" for i in range(8)], rows=8, columns=12)
    values = np.random.default_rng(3).normal(size=len(wells))
    corner = ((wells["row"] == 2) & (wells["column"] == 5)).to_numpy()
    values[corner] += 6
    wells.loc[corner, "perturbation"] = "toxin"
    write_page(tmp_path / "p.html", plate_table(wells), [Number("n", "g", "a", values)], title="s")
    (mark,) = data_of(tmp_path / "p.html")["numbers"][0]["marks"]
    assert (mark["position"], mark["plates"], mark["same"]) == (16, 8, 8)
    assert mark["median"] > 3


def test_two_wells_at_one_position_and_a_screen_without_wells_are_refused():
    wells = wells_of(("P",))
    with pytest.raises(InputError, match="plate P has two wells at A01"):
        plate_table(pd.concat([wells, wells.head(1).assign(well_id="other_A01", plate="P", address="A1")]))
    with pytest.raises(InputError, match="has no wells"):
        plate_table(wells.head(0))


def test_profiles_alone_make_a_page_and_nothing_at_all_is_refused(tmp_path):
    wells = wells_of(rows=4)
    profiles = profiles_of(wells, np.random.default_rng(0).normal(size=(len(wells), 3)).astype(np.float32))
    numbers = write_plates(tmp_path, wells, title="s", profiles={"": profiles})
    assert [number.name for number in numbers] == ["Distance to controls"]
    assert not (tmp_path / "montages").exists()
    with pytest.raises(InputError, match="nothing to show"):
        write_plates(tmp_path, wells, title="s")
