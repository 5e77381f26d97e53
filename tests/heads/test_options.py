"""Options of heads have the keys and the defaults of their schema."""

import pytest

from cwamsn.errors import InputError
from cwamsn.heads import HeadOptions
from tests.schema_fields import assert_fields_match


def test_options_of_heads_are_those_of_the_schema():
    assert_fields_match(HeadOptions, "$defs", "method-cwa-head", "head", besides={"seed"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning_rate": -1e-3}, "learning_rate is -0.001; give 0 or more"),
        ({"temperature": 0}, "temperature is 0; give a number above 0"),
        ({"noise": float("nan")}, "noise is nan; give 0 or more"),
        ({"output": 0}, "output is 0; give 1 or more"),
        ({"momentum": 1.5}, "momentum is 1.5; give 0 to 1"),
        ({"steps": 0}, "steps is 0; give 1 or more"),
    ],
)
def test_numbers_that_train_nothing_are_refused_in_one_line(options, words):
    with pytest.raises(InputError, match=words):
        HeadOptions(**options)
