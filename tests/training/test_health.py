"""When a training stops, and what its message says."""

import math

import pytest

from cwamsn.errors import InputError, TrainingStopped
from cwamsn.training.health import check_any_step, check_collapse, check_finite
from tests.training.tiny import recipe


def test_a_gradient_that_is_not_finite_stops_a_training_unless_float16_overflowed():
    check_finite({"loss": 1.0, "gradient_norm": math.inf}, 3, "float16", overflow=True)
    for numbers in ({"loss": 1.0, "gradient_norm": math.inf}, {"loss": math.nan, "gradient_norm": 1.0}):
        with pytest.raises(TrainingStopped, match=r"step 3 gave .* or use precision: float32$"):
            check_finite(numbers, 3, "bfloat16", overflow=False)
    with pytest.raises(TrainingStopped, match="nan"):
        check_finite({"loss": math.nan, "gradient_norm": 1.0}, 3, "float16", overflow=True)


def test_collapse_is_looked_for_after_the_warm_up_where_prototypes_are():
    small = recipe(steps=10, epochs=10, warmup_epochs=2, min_prototype_use=0.5)
    check_collapse({"step": 2, "loss": 1.0, "prototype_use": 0.1}, small, 10)
    check_collapse({"step": 3, "loss": 1.0, "prototype_use": 0.5}, small, 10)
    check_collapse({"step": 3, "loss": 1.0}, small, 10)
    with pytest.raises(TrainingStopped, match=r"collapsed at step 3: .* 10\.0% "):
        check_collapse({"step": 3, "loss": 1.0, "prototype_use": 0.1}, small, 10)


def test_a_training_that_took_no_step_is_stopped_as_an_input_error():
    check_any_step([{"loss": 1.0}, {"loss": 1.0, "gradient_norm": 2.0}])
    with pytest.raises(InputError, match="every step overflowed"):
        check_any_step([{"loss": 1.0}])
