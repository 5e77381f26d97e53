"""The steps of the stage: what they write, and that a failed one leaves nothing that looks finished."""

import pytest

from cwamsn import screens
from cwamsn.errors import InputError
from cwamsn.screen_specs import BraySpec

from .loopback import MiniBray


def test_what_only_rxrx3_core_publishes_is_refused_elsewhere():
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
