"""Options of this stage have the keys and the defaults of their schemas."""

import pytest

from cwamsn.embeddings import EmbedOptions, HandcraftedOptions, MapFile, PretrainedWeights, WellsFile
from tests.schema_fields import assert_fields_match

SHOWN = {"kind", "title", "group", "tables", "paper_row", "training_data", "images", "parameters", "path"}
SHOWN |= {"sees_evaluation_screen"}


def test_options_of_embedding_are_those_of_the_schema():
    assert_fields_match(EmbedOptions, "embedding", besides={"runtime_minutes"})


def test_options_of_measured_features_are_those_of_the_schema():
    assert_fields_match(HandcraftedOptions, "$defs", "method-handcrafted", "options")


@pytest.mark.parametrize(
    ("cls", "entry", "besides"),
    [
        (WellsFile, "embedding-wells", set()),
        (WellsFile, "method-released", {"file", "url", "licence"}),
        (MapFile, "embedding-map", set()),
        (PretrainedWeights, "method-pretrained", {"embedding", "memory_mb"}),
    ],
)
def test_keys_that_say_how_a_file_is_read_are_those_of_the_schema(cls, entry, besides):
    shown = SHOWN - ({"path"} if cls is PretrainedWeights else set())
    assert_fields_match(cls, "$defs", entry, besides=shown | besides)
