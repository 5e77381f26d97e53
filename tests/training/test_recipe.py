"""The recipe as an object: what the schema says, and there and back."""

import json

import pytest

from cwamsn.config import load_schema, resolve
from cwamsn.errors import InputError
from cwamsn.recipes import RUN_KEYS
from cwamsn.training import Recipe
from tests.training.tiny import ROOT, recipe


def test_fields_and_defaults_are_those_of_the_schema():
    section = resolve({}, load_schema(ROOT / "config" / "schemas"))["training"]
    assert Recipe().to_config() == {key: value for key, value in section.items() if key not in RUN_KEYS}
    assert Recipe.from_config(section) == Recipe.from_config({}) == Recipe()


def test_a_recipe_survives_json():
    one = recipe(
        rand_scale=[0.2, 0.9], target_scale=[0.5, 1.0], objective="cropmae", objective_options={"mask_ratio": 0.9}
    )
    assert one.views.rand_scale == (0.2, 0.9) and one.network.encoder_options["depth"] == 2
    assert Recipe.from_config(json.loads(json.dumps(one.to_config()))) == one


def test_a_key_that_no_recipe_has_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"training\.mask_raito: unknown key; nearest: mask_ratio"):
        Recipe.from_config({"mask_raito": 0.1})
