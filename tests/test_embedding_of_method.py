"""A method's own keys of `embedding`: taken, or refused in one line."""

import pytest

from cwamsn.config import embedding_of_method
from cwamsn.errors import InputError

SECTION = {"feature": "cls", "precision": "auto", "device": "auto", "gpus": None, "runtime_minutes": 60}


def test_a_method_changes_some_keys_and_gets_none_of_how_a_job_is_run():
    assert embedding_of_method(SECTION, "a", {"feature": "head"}) == {
        "feature": "head",
        "precision": "auto",
        "device": "auto",
    }
    assert embedding_of_method(SECTION, "a", None)["feature"] == "cls"


@pytest.mark.parametrize(
    "key,message",
    [
        ("features", r"^definitions\.a\.embedding\.features: unknown key; nearest: feature$"),
        ("zzz", r"^definitions\.a\.embedding\.zzz: unknown key; known: feature, precision, device$"),
        ("gpus", r"^definitions\.a\.embedding\.gpus: holds for every method; set it in `embedding`$"),
    ],
)
def test_a_key_that_would_change_nothing_is_refused(key, message):
    with pytest.raises(InputError, match=message):
        embedding_of_method(SECTION, "a", {key: 1})
