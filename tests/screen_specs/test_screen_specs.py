"""Options of screens: schema and code agree, simulated screens become local hosts, and nothing heavy is imported."""

import subprocess
import sys

import pytest

from cwamsn import screen_specs
from cwamsn.config import load_schema, resolve
from cwamsn.errors import InputError
from cwamsn.screen_specs import SPECS

from ..schema_fields import assert_fields_match


@pytest.mark.parametrize("spec", SPECS.values())
def test_the_schema_and_the_options_have_the_same_keys_and_defaults(spec):
    # `source` is the class itself; the licence is a key of the run.
    assert_fields_match(spec, "$defs", f"screen-{spec.source}", besides={"source", "accept_noncommercial_licence"})


def test_a_configuration_is_resolved_and_a_typing_error_named(root):
    schema = load_schema(root / "config" / "schemas")
    config = resolve({"screens": {"s": {"source": "bray"}}}, schema)
    assert config["screens"]["s"]["keep"] == "split" and config["screens"]["s"]["retry"]["attempts"] == 8
    with pytest.raises(InputError, match=r"screens\.s\.plate: unknown configuration key; nearest: plates"):
        resolve({"screens": {"s": {"source": "bray", "plate": [1]}}}, schema)


def test_a_simulated_screen_is_a_local_host(root):
    schema = load_schema(root / "config" / "schemas")
    config = resolve({"screens": {"b": {"source": "simulated-bray"}, "r": {"source": "simulated-rxrx3-core"}}}, schema)
    for name, source in (("b", "bray"), ("r", "rxrx3-core")):
        spec = config["screens"][name]
        real = screen_specs.host_spec(name, spec, "my data")
        assert real["source"] == source and screen_specs.units(name, real) == screen_specs.units(name, spec)
        urls = [value for key, value in real.items() if key.endswith("_url")]
        assert len(urls) >= 2 and all(url.startswith(f"file://my%20data/{name}/host") for url in urls)


def test_an_unknown_source_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="source: 'x' is not known; use bray, rxrx3-core, load-data"):
        screen_specs.units("s", {"source": "x"})


def test_a_workflow_can_ask_for_units_without_pandas():
    code = "import sys; from cwamsn.screen_specs import units; assert len(units('s', {'source': 'bray'})) == 406; "
    code += "sys.exit(bool({'pandas', 'numpy', 'torch', 'requests'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
