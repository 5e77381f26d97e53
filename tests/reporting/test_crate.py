"""The RO-Crate of a release."""

import json

import pytest

from tests.reporting.conftest import make_release


def test_the_crate_names_workflow_run_and_results(run):
    rocrate = pytest.importorskip("rocrate.rocrate")
    target = make_release(run)
    crate = rocrate.ROCrate(target)
    assert crate.mainEntity["@id"] == "Snakefile"
    assert crate.mainEntity["programmingLanguage"]["name"] == "Snakemake"
    (action,) = [e for e in crate.contextual_entities if e.type == "CreateAction"]
    assert action["instrument"]["@id"] == "Snakefile"
    results = {e["@id"] for e in action["result"]}
    assert {"tables/table1.csv", "figures/figure3.png", "provenance.json"} <= results
    assert any(e["@id"] == "#data-screen" for e in action["object"])
    graph = json.loads((target / "ro-crate-metadata.json").read_text())["@graph"]
    identifiers = {e["@id"] for e in graph}

    def references(value):
        if isinstance(value, dict):
            yield from [value["@id"]] if set(value) == {"@id"} else []
            for part in value.values():
                yield from references(part)
        elif isinstance(value, list):
            for part in value:
                yield from references(part)

    local = {r for e in graph for r in references(e) if not r.startswith("http")}
    assert local <= identifiers, "every entity that is named is described"
