"""Stains of an encoder and channels of a screen are matched by name."""

import pandas as pd
import pytest
import torch

from cwamsn.embeddings.channels import InScreenOrder, for_screen, match_channels
from cwamsn.embeddings.parts import fingerprint
from cwamsn.errors import InputError


def test_another_order_is_found_by_name():
    match = match_channels(["DNA", "ER", "Mito"], ["Mito", "DNA", "ER"])
    assert match.places == (1, 2, 0) and not match.in_order
    assert match.in_screen_order(["of DNA", "of ER", "of Mito"]) == ["of Mito", "of DNA", "of ER"]
    assert str(match) == "channels by name, in the encoder's order: DNA, ER, Mito"


def test_another_spelling_is_found_where_the_table_names_it():
    names = {"DNA": "Hoechst", "ER": "ConA"}
    match = match_channels(["DNA", "ER"], ["ConA", "Hoechst"], names)
    assert match.names == {"DNA": "Hoechst", "ER": "ConA"} and match.places == (1, 0)
    assert str(match).endswith("DNA is Hoechst, ER is ConA")
    assert match_channels(["DNA", "ER"], ["DNA", "ConA"], names).places == (0, 1), "one table for two spellings"


def test_the_encoder_sees_its_own_order():
    encoder = torch.nn.Flatten()
    images = torch.arange(12.0).view(2, 3, 1, 2)
    seen = for_screen(encoder, match_channels("abc", "cab"))(images)
    torch.testing.assert_close(seen, images[:, [1, 2, 0]].flatten(1), rtol=0, atol=0)
    assert for_screen(encoder, match_channels("abc", "abc")) is encoder


def test_the_order_is_part_of_what_kept_features_belong_to():
    crops = pd.DataFrame({"crop_id": ["x"]})
    orders = (InScreenOrder(torch.nn.Identity(), match_channels("abc", screen)) for screen in ("cab", "bca"))
    assert len({fingerprint(encoder, crops, {}) for encoder in orders}) == 2


@pytest.mark.parametrize(
    "encoder, screen, names, message",
    [
        (
            "abc",
            "abd",
            None,
            r"^encoder: trained on channels a, b, c, the screen's crops hold a, b, d; give the screen",
        ),
        ("abc", "abcd", None, r"hold a, b, c, d; give the screen the encoder's channels \(crops\.channels"),
        ("abc", "ab", None, r"trained on channels a, b, c, the screen's crops hold a, b;"),
        ("abc", "abd", {}, r"hold a, b, d; write definitions\.m\.channels: \{c: d\} for another spelling"),
        ("abc", "abd", {"x": "d"}, r"^definitions\.m\.channels\.x: the encoder takes no such stain; known: a, b, c$"),
        ("abc", "abd", {"c": "b"}, r"^definitions\.m\.channels: b and c are both the screen's b; give each"),
    ],
)
def test_other_stains_are_refused(encoder, screen, names, message):
    with pytest.raises(InputError, match=message) as error:
        match_channels(encoder, screen, names, None if names is None else "definitions.m.channels")
    assert "\n" not in str(error.value)
