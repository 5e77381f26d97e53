"""JUMP-Lite: its keys, both of its formats, and stores on a host."""

import numpy as np
import pandas as pd
import pytest

from cwamsn import screen_specs, screens
from cwamsn.errors import InputError
from cwamsn.screen_specs.jump_lite import JumpLiteKey, parse_jump_lite_key

from ..plates import jump_lite

KEYS = tuple(
    f"source_4__2021_Run1__{plate}__{well}__{site}"
    for plate in ("BR01", "BR02")
    for well in ("A01", "B02")
    for site in (1, 9)
)
QUICK = {"attempts": 2, "backoff_s": 0.01, "timeout_s": 5}


def spec_of(store, **more):
    return {"source": "jump-lite", "store": str(store), "retry": QUICK, **more}


def test_a_key_says_batch_plate_well_and_site():
    assert parse_jump_lite_key(KEYS[1]) == JumpLiteKey(KEYS[1], "source_4__2021_Run1", "BR01", "A01", 9)
    assert parse_jump_lite_key("x/s__a__b__P 1__af48__12")[1:] == ("s__a__b", "P 1", "AF48", 12)
    for other in ("s__b__p__A01", "s__b__p__A__1", "s__b__p__A01__x", "labels", "s__p__A01__1"):
        assert parse_jump_lite_key(other) is None


@pytest.mark.parametrize("version", [3, 2])
def test_the_arrays_of_a_store_are_fields(tmp_path, run, version):
    arrays = jump_lite(tmp_path / "lite.zarr", KEYS, version)
    spec = spec_of(tmp_path / "lite.zarr")
    assert screen_specs.units("s", spec) == ["BR01", "BR02"]
    pd.DataFrame({"well": ["A01", "B02", "C03"], "jcp": ["x", "DMSO", "y"]}).to_csv(tmp_path / "m.csv", index=False)
    keys = {"platemap": str(tmp_path / "m.csv"), "platemap_well_column": "well", "compound_column": "jcp"}
    this = run(spec | keys | {"concentration_column": None})
    wells = this.wells()
    assert set(wells["experiment"]) == {"source_4__2021_Run1"} and len(wells) == 6
    fields, skipped, manifest = this.fetch("BR02")
    assert fields.index.tolist() == ["BR02-A01-1", "BR02-A01-9", "BR02-B02-1", "BR02-B02-9"]
    assert skipped["reason"].tolist() == ["well without any image in the store"]
    for c, stain in enumerate(("AGP", "DNA", "ER", "Mito", "RNA")):
        found = screens.read_plane(fields.loc["BR02-B02-9", f"uri_{stain}"])
        np.testing.assert_array_equal(found, arrays[KEYS[7]][c])
    assert len(manifest) == 4 * 6


def test_a_store_of_one_group_per_plate(tmp_path, run):
    for plate in ("BR01", "BR02"):
        jump_lite(tmp_path / "stores" / f"{plate}.zarr", tuple(key for key in KEYS if plate in key))
    assert screen_specs.units("s", spec_of(tmp_path / "stores" / "{plate}.zarr")) == ["BR01", "BR02"]
    for spec in (spec_of(tmp_path / "stores" / "{plate}.zarr"), spec_of(tmp_path / "stores")):
        this = run(spec)
        assert len(this.wells()) == 4
        fields, _, _ = this.fetch("BR01")
        assert len(fields) == 4 and "BR01.zarr/source_4" in fields["uri_AGP"].iloc[0]


@pytest.mark.parametrize("version", [3, 2])
def test_a_store_on_a_host_is_listed_by_its_consolidated_metadata(tmp_path, host, run, version):
    arrays = jump_lite(host.root / "lite.zarr", KEYS, version, consolidated=True)
    this = run(spec_of(f"{host.url}/lite.zarr", plates=["BR01"], channels={"DNA": 1}))
    this.wells()
    fields, skipped, _ = this.fetch("BR01")
    assert fields.loc["BR01-A01-9", "uri_DNA"] == f"data/s/raw/BR01/lite.zarr/{KEYS[1]}!c=1" and skipped.empty
    np.testing.assert_array_equal(screens.read_plane(fields.loc["BR01-A01-9", "uri_DNA"]), arrays[KEYS[1]][1])


@pytest.mark.parametrize(
    ("store", "keys", "message"),
    [
        ("lite.zarr", {}, "plates: must be listed for a store that is not on this machine"),
        ("plain.zarr", {"plates": ["BR01"]}, "has no consolidated metadata, by which the arrays of a store on a host"),
        ("lite.zarr", {"plates": ["BR01", "BR07"]}, "has no array of plate BR07; it has BR01, BR02: correct `plates`"),
    ],
)
def test_what_a_host_cannot_tell_is_said(host, run, store, keys, message):
    jump_lite(host.root / "lite.zarr", KEYS, consolidated=True)
    jump_lite(host.root / "plain.zarr", KEYS)
    with pytest.raises(InputError, match=message):
        run(spec_of(f"{host.url}/{store}", **keys)).wells()


def test_faults_of_a_local_store_are_said(tmp_path, run):
    with pytest.raises(InputError, match="no such store; correct `store` of the screen"):
        screen_specs.units("s", spec_of(tmp_path / "gone"))
    jump_lite(tmp_path / "other.zarr", ("a", "b"))
    with pytest.raises(InputError, match=r"has no array called source__batch__plate__well__site \(it has .*\)"):
        screen_specs.units("s", spec_of(tmp_path / "other.zarr"))
    jump_lite(tmp_path / "two.zarr", ("s1__b1__P__A01__1", "s1__b2__P__A02__1"))
    with pytest.raises(InputError, match="plate P is in batches s1__b1, s1__b2; keep one of them"):
        run(spec_of(tmp_path / "two.zarr")).wells()


def test_a_change_of_an_array_is_noticed(tmp_path):
    jump_lite(tmp_path / "lite.zarr", KEYS)
    spec = spec_of(tmp_path / "lite.zarr")
    before = [screen_specs.unit_state(spec, plate) for plate in ("BR01", "BR02")]
    (tmp_path / "lite.zarr" / KEYS[7] / "c/0/0/0").write_bytes(b"x")
    after = [screen_specs.unit_state(spec, plate) for plate in ("BR01", "BR02")]
    assert after[0] == before[0] and after[1] != before[1]
