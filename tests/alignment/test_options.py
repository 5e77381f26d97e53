"""Options of this stage have the keys and the defaults of their schema."""

import pytest

from cwamsn.alignment import AlignOptions
from cwamsn.vocabulary import RXRX3_DOSES
from tests.schema_fields import assert_fields_match


def test_options_of_alignment_are_those_of_the_schema():
    assert_fields_match(AlignOptions, "alignment", besides={"also", "threads"})


@pytest.mark.parametrize("concentrations", ["auto", None, [1.0, 10.0]])
def test_doses_kept_depend_on_the_source_only_where_they_are_automatic(concentrations):
    options = AlignOptions(concentrations=concentrations)
    given = None if concentrations == "auto" else concentrations
    assert options.doses("load-data") == given
    assert options.doses("rxrx3-core") == (list(RXRX3_DOSES) if concentrations == "auto" else given)
