"""Options and the configuration's sections have the same keys and defaults."""

from cwamsn.hits.options import ActivityOptions, NeighbourOptions
from tests.schema_fields import assert_fields_match


def test_options_are_those_of_the_schema():
    assert_fields_match(NeighbourOptions, "neighbours", besides={"names"})  # the workflow's own
    assert_fields_match(ActivityOptions, "hits")
