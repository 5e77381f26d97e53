"""What a row's recipe makes of the shared one, and a user's file of the default one."""

import functools

import pytest

from cwamsn.config import merge
from cwamsn.errors import InputError
from cwamsn.recipes import recipe_of

SHARED = {
    "encoder": "vit_tiny_patch16_224",
    "encoder_options": {"embed_dim": 96, "depth": 4},
    "objective": "cropmae",
    "objective_options": {"mask_ratio": 0.9},
    "steps": 10,
    "threads": 2,
}


def test_options_are_merged_key_by_key_while_the_encoder_is_the_same():
    found = recipe_of(SHARED, {"recipe": {"encoder_options": {"depth": 6}, "objective_options": {"decoder_depth": 2}}})
    assert found["encoder_options"] == {"embed_dim": 96, "depth": 6}
    assert found["objective_options"] == {"mask_ratio": 0.9, "decoder_depth": 2}
    named = recipe_of(SHARED, {"recipe": {"encoder": SHARED["encoder"], "encoder_options": {"depth": 6}}})
    assert named["encoder_options"] == {"embed_dim": 96, "depth": 6}
    assert SHARED["encoder_options"] == {"embed_dim": 96, "depth": 4} and "threads" not in found


def test_another_encoder_or_objective_brings_its_own_options():
    found = recipe_of(SHARED, {"recipe": {"encoder": "resnet18", "objective": "simclr"}})
    assert found["encoder_options"] == found["objective_options"] == {}
    found = recipe_of(SHARED, {"recipe": {"encoder": "channelwise", "encoder_options": {"width": 8}}})
    assert found["encoder_options"] == {"width": 8} and found["objective_options"] == {"mask_ratio": 0.9}


def test_unknown_keys_of_a_recipe_are_named():
    with pytest.raises(InputError, match=r"definitions\.mine\.recipe\.step: unknown key; nearest: steps"):
        recipe_of(SHARED, {"title": "mine", "recipe": {"step": 3}})


@pytest.mark.parametrize(
    ("own", "encoder", "options"),
    [
        ([{"training": {"encoder": "resnet18"}}], "resnet18", {}),
        ([{"training": {"encoder": "resnet18", "encoder_options": {"act": "x"}}}], "resnet18", {"act": "x"}),
        ([{"training": {"encoder_options": {"depth": 6}}}], "vit_tiny_patch16_224", {"embed_dim": 96, "depth": 6}),
        ([{"training": {"encoder": "vit_tiny_patch16_224"}}], "vit_tiny_patch16_224", {"embed_dim": 96, "depth": 4}),
        # the options of a file in between belong to its encoder, not to the last one's
        (
            [
                {"training": {"encoder": "vit_small", "encoder_options": {"patch_size": 8}}},
                {"training": {"encoder": "b"}},
            ],
            "b",
            {},
        ),
        ([{"training": {"encoder": "b"}}, {"training": {"encoder_options": {"width": 8}}}], "b", {"width": 8}),
    ],
)
def test_a_file_that_names_another_encoder_does_not_inherit_the_defaults_options(own, encoder, options):
    base = {"training": {k: SHARED[k] for k in ("encoder", "encoder_options", "steps")}}
    found = functools.reduce(merge, [base, *own])
    assert found["training"] == {"encoder": encoder, "encoder_options": options, "steps": 10}


def test_a_file_may_give_a_listed_row_another_encoder():
    listed = {
        "definitions": {"cellclip-style": {"recipe": {"encoder": "channelwise", "encoder_options": {"depth": 12}}}}
    }
    own = {"definitions": {"cellclip-style": {"recipe": {"encoder": "resnet18"}}, "mine": {"kind": "trained"}}}
    found = merge(listed, own)
    assert found["definitions"]["cellclip-style"]["recipe"] == {"encoder": "resnet18", "encoder_options": {}}
    assert found["definitions"]["mine"] == {"kind": "trained"}


def test_another_source_or_kind_brings_all_its_keys():
    base = {"screens": {"mine": {"source": "bray", "plates": ["24277"]}, "other": {"source": "bray"}}}
    own = {"screens": {"mine": {"source": "load-data", "platemap": "map.csv"}, "other": {"plates": ["24278"]}}}
    found = merge(base, own)["screens"]
    assert found["mine"] == {"source": "load-data", "platemap": "map.csv"}
    assert found["other"] == {"source": "bray", "plates": ["24278"]}
