"""The configuration sections of this stage, as resolved."""

import pytest

from cwamsn.config import load_schema, resolve


@pytest.fixture(scope="session")
def sections(root):
    """The `crops` and `channel_maps` sections with their defaults."""
    schema = load_schema(root / "config" / "schemas")
    schema["properties"] = {k: schema["properties"][k] for k in ("crops", "channel_maps")}
    return resolve({}, schema)
