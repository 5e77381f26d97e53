"""The key `images` of a screen, and what a screen changes in the section `crops`."""

import pytest

from cwamsn.config import crops_of_screen, load_schema, resolve
from cwamsn.errors import InputError
from cwamsn.screen_specs import parse_spec
from cwamsn.screen_specs.image_options import ImageOptions

SCREEN = {"source": "load-data", "platemap": "p.csv", "load_data": "l.csv"}


@pytest.fixture(scope="module")
def schema(root):
    return load_schema(root / "config" / "schemas")


def test_a_screen_without_the_key_has_the_defaults(schema):
    config = resolve({"screens": {"s": dict(SCREEN)}}, schema)
    assert config["screens"]["s"]["images"] is None and config["screens"]["s"]["crops"] is None
    assert parse_spec(config["screens"]["s"]).image_options() == ImageOptions()


def test_a_range_is_one_for_all_plates_or_one_per_plate(schema):
    for given, plate, expected in (
        ([0, 1], "P9", (0, 1)),
        ({"P1": [-5, 5.5], "P2": [0, 1]}, "P1", (-5, 5.5)),
        (None, "P1", None),
    ):
        config = resolve({"screens": {"s": SCREEN | {"images": {"range": given}}}}, schema)
        assert parse_spec(config["screens"]["s"]).image_options().range_of(plate) == expected
    with pytest.raises(InputError, match=r"images\.range: has no plate P3, only P1; add it"):
        ImageOptions(range={"P1": [0, 1]}).range_of("P3")


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ({"stack": "mean"}, r"screens\.s\.images\.stack: 'mean'"),
        ({"stack": -1}, r"screens\.s\.images\.stack: -1"),
        ({"range": [1]}, r"screens\.s\.images\.range"),
        ({"illumination": "flat"}, r"screens\.s\.images\.illumination: 'flat'"),
        ({"microns": 1}, r"images\.microns: unknown configuration key; nearest: microns_per_pixel"),
        ({"planes": {"DNA": -1}}, r"images\.planes\.DNA: -1"),
    ],
)
def test_what_the_key_cannot_mean_is_refused(schema, images, reason):
    with pytest.raises(InputError, match=reason):
        resolve({"screens": {"s": SCREEN | {"images": images}}}, schema)


@pytest.mark.parametrize("pair", [[2, 1], [1, 1], [0, float("nan")], [0, 1, 2]])
def test_a_range_that_is_none_is_refused(pair):
    with pytest.raises(InputError, match=r"images\.range\.P1: .*is no range; write \[low, high\]"):
        ImageOptions(range={"P1": pair})


def test_a_screen_changes_keys_of_the_section_crops(schema):
    own = {"channels": ["A", "B"], "qc": {"min_focus": 0.5}}
    config = resolve({"screens": {"s": SCREEN | {"crops": own}, "t": dict(SCREEN)}, "crops": {"size": [9, 9]}}, schema)
    found = crops_of_screen(config, "s")
    assert found == config["crops"] | {"channels": ["A", "B"], "qc": config["crops"]["qc"] | {"min_focus": 0.5}}
    assert crops_of_screen(config, "t") == config["crops"] and config["screens"]["s"]["crops"] == own


@pytest.mark.parametrize(
    ("crops", "reason"),
    [
        ({"chanels": []}, r"screens\.s\.crops\.chanels: unknown configuration key; nearest: channels"),
        ({"channels": []}, r"screens\.s\.crops\.channels: \[\]"),
        ({"qc": {"min_std": "x"}}, r"screens\.s\.crops\.qc\.min_std"),
    ],
)
def test_what_a_screen_cannot_change_is_refused(schema, crops, reason):
    with pytest.raises(InputError, match=reason):
        resolve({"screens": {"s": SCREEN | {"crops": crops}}}, schema)
