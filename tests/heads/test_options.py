"""Options of heads have the keys and the defaults of their schema."""

from cwamsn.heads import HeadOptions
from tests.schema_fields import assert_fields_match


def test_options_of_heads_are_those_of_the_schema():
    assert_fields_match(HeadOptions, "$defs", "method-cwa-head", "head", besides={"seed"})
