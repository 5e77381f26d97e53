"""The interface: schema and code agree, simulated screens become local hosts, errors name what to do."""

import pytest

from cwamsn import screen_specs, screens
from cwamsn.config import load_schema, resolve
from cwamsn.errors import InputError
from cwamsn.screen_specs import SPECS, BraySpec

from ..schema_fields import assert_fields_match
from .loopback import MiniBray


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


def test_unknown_sources_and_missing_extras():
    with pytest.raises(InputError, match="source: 'x' is not known; use bray, rxrx3-core, load-data"):
        screen_specs.units("s", {"source": "x"})
    with pytest.raises(InputError, match="has no truth; only rxrx3-core has"):
        screens.fetch_truth(BraySpec(), "cache", "out.csv")


def test_doses_apart(host, run):
    mini = MiniBray(host.root)
    wells = run(mini.spec(str(host.root), "cil", perturbation="compound_dose")).wells()
    assert wells.loc["24277_A01", ["perturbation", "split"]].tolist() == ["LFQSCWFLJHTTHZ-UHFFFAOYSA-N@5000.0", "train"]
    assert wells.loc["24277_B01", "perturbation"] == "DMSO"


def test_a_failed_fetch_leaves_nothing_that_looks_finished(host, run):
    mini = MiniBray(host.root)
    mini.write_images("gallery")
    this = run(mini.spec(host.url, "gallery"))
    this.wells()
    folder = "cpg0012-wawer-bioactivecompoundprofiling/broad/images/CDRP/images/24277"
    name = mini.name("24277", "a02", 1, "Mito")
    host.faults[f"{folder}/{name}"] = [500] * 4
    with pytest.raises(InputError, match=f"{name}: not fetched"):
        this.fetch("24277")
    assert not (this.folder / "raw/24277").exists() and not (this.folder / "fields").exists()
    before = len(host.requests)
    fields, skipped, _ = this.fetch("24277")
    assert len(fields) == 8 and skipped.empty
    assert len(host.requests) - before < 40  # the forty planes, less those that had arrived, and one listing
