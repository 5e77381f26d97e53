"""Options and the configuration's section have the same keys and defaults; values that make no atlas are refused."""

import pytest

from cwamsn.atlas import AtlasOptions
from cwamsn.errors import InputError
from tests.schema_fields import assert_fields_match


def test_options_are_those_of_the_schema():
    assert_fields_match(AtlasOptions, "atlas")


@pytest.mark.parametrize(
    ("values", "words"),
    [({"p_values": "guess"}, "known: auto, wells"), ({"k": 0}, "give 1 or more"), ({"pictures": -1}, "give 0 or more")],
)
def test_values_that_make_no_atlas_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        AtlasOptions(**values)
