"""Stains of an encoder and channels of a screen are matched by name."""

import pandas as pd
import pytest
import torch

from cwamsn.embeddings.channels import InScreenOrder, fit_channels, for_screen, match_channels
from cwamsn.embeddings.parts import fingerprint
from cwamsn.errors import InputError
from cwamsn.models import build_encoder
from cwamsn.notes import collected
from cwamsn.training import Embedder


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


def agnostic(name, **recipe):
    """An encoder for any channels that was trained on DNA, ER and Mito, and its description."""
    torch.manual_seed(0)
    options = {"backbone": "vit_tiny_patch16_224", "embed_dim": 24, "depth": 1, "num_heads": 2, "patch_size": 8}
    encoder = Embedder(build_encoder(name, 3, img_size=32, **options), None, True).eval().requires_grad_(False)
    return encoder, {"channels": ["DNA", "ER", "Mito"], "in_channels": 3, "view_size": 32, "recipe": recipe}


@pytest.mark.parametrize("name", ["bag-of-channels", "channel-tokens"])
def test_an_encoder_for_any_channels_takes_those_of_the_screen_and_says_which_are_new(name, capsys):
    encoder, meta = agnostic(name, channel_sampling="hierarchical")
    with collected() as lines:
        fitted = fit_channels(encoder, meta, ["Actin", "Mito", "Hoechst", "Lipid"], {"DNA": "Hoechst"}, "channels")
    how = {"bag-of-channels": "each is looked at alone", "channel-tokens": "they get the mean of its channel vectors"}
    assert "channels by name: Mito, DNA is Hoechst\n" in capsys.readouterr().out
    assert len(lines) == 2 and how[name] in lines[0]
    assert lines[0].startswith("channels: Actin, Lipid of the screen are no stains of the encoder's training (DNA, ER,")
    assert lines[1] == "channels: the screen lacks ER of the encoder's stains"
    assert fitted.record == {
        "channels": {"Mito": "Mito", "DNA": "Hoechst"},
        "unseen_channels": ["Actin", "Lipid"],
        "absent_channels": ["ER"],
    }
    assert fitted.meta["channels"] == ["Actin", "Mito", "Hoechst", "Lipid"] and fitted.meta["in_channels"] == 4
    images = torch.randn(2, 4, 32, 32)
    assert torch.equal(fitted.encoder(images), encoder.encoder.for_channels([None, 2, 0, None])(images))
    assert encoder.encoder.in_channels == 3, "the encoder that was loaded is not changed"
    with collected() as lines:
        again = fit_channels(fitted.encoder, fitted.meta, fitted.meta["channels"])
    assert lines == [] and again.encoder is fitted.encoder and again.record == {}


@pytest.mark.parametrize("name", ["bag-of-channels", "channel-tokens"])
def test_the_order_of_a_screen_does_not_change_the_features(name):
    encoder, meta = agnostic(name)
    images, order = torch.randn(2, 3, 32, 32), [2, 0, 1]
    with collected() as lines:
        fitted = fit_channels(encoder, meta, ["Mito", "DNA", "ER"])
    torch.testing.assert_close(fitted.encoder(images[:, order]), encoder(images))
    assert lines == [] and fitted.record == {"channels": {"DNA": "DNA", "ER": "ER", "Mito": "Mito"}}
    assert fit_channels(encoder, meta, meta["channels"]).encoder is encoder


def test_an_encoder_that_never_saw_a_part_of_its_stains_says_so():
    encoder, meta = agnostic("channel-tokens", channel_sampling="none")
    with collected() as lines:
        fit_channels(encoder, meta, ["DNA", "ER"])
    assert lines == [
        "channels: the screen lacks Mito of the encoder's stains; it was trained on all of them at once "
        "(channel_sampling: none), never on a part"
    ]


@pytest.mark.parametrize(
    "names, message",
    [
        ({"Actin": "DNA"}, r"^definitions\.m\.channels\.Actin: the encoder takes no such stain; known: DNA, ER, Mito$"),
        ({"ER": "DNA"}, r"^definitions\.m\.channels: DNA and ER are both the screen's DNA; give each stain"),
    ],
)
def test_names_that_cannot_be_are_refused_by_an_encoder_for_any_channels_too(names, message):
    with pytest.raises(InputError, match=message):
        fit_channels(*agnostic("bag-of-channels"), ["DNA", "Actin"], names, "definitions.m.channels")
