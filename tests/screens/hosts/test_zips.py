"""Zip files on a host: of one version only, and unpacked to no more than they say."""

import tracemalloc
import zipfile
import zlib

import pytest

from cwamsn.screen_specs import Retry
from cwamsn.screens.hosts import FetchError, zips
from cwamsn.screens.hosts.zips import HostedZip

from ..loopback import Odd

FAST = Retry(attempts=3, backoff_s=0.001, timeout_s=5)
MEMBERS = {f"p/{k}.tif": bytes([k]) * 30_000 for k in range(8)}


def _write(path, compression=zipfile.ZIP_STORED, members=MEMBERS):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _kept(archive, names):
    fetched, bad = archive.keep(names)
    with zipfile.ZipFile(fetched.path) as local:
        return {name: local.read(name) for name in names if name not in bad}, bad


@pytest.mark.parametrize("after", [1, 2, 3])
def test_another_version_of_the_file_is_never_mixed_in(host, tmp_path, after):
    _write(host.root / "a.zip")
    wanted = ["p/1.tif", "p/6.tif"]
    other = Odd(any_version=True, etag='"another"')
    host.faults["a.zip"] = [*[None] * after, *[other] * 9]
    found, bad = _kept(HostedZip(f"{host.url}/a.zip", tmp_path / "cache", FAST), wanted)
    assert found == {name: MEMBERS[name] for name in wanted} and not bad
    assert any("Range" not in headers for _, headers in host.requests)  # it was fetched whole in the end


def test_members_that_another_version_lacks_are_listed(host, tmp_path):
    _write(host.root / "a.zip")
    archive = HostedZip(f"{host.url}/a.zip", tmp_path / "cache", FAST)
    _write(host.root / "a.zip", members={"p/1.tif": b"new" * 10_000})
    assert _kept(archive, ["p/1.tif", "p/6.tif"]) == ({"p/1.tif": b"new" * 10_000}, ["p/6.tif"])


@pytest.mark.parametrize("fault", [None, "no-range"])
def test_a_file_that_is_no_zip_is_fetched_again_the_next_time(host, tmp_path, fault):
    (host.root / "a.zip").write_bytes(b"<html>maintenance</html>")
    host.faults["a.zip"] = [fault]
    with pytest.raises(FetchError, match="not a whole zip file"):
        HostedZip(f"{host.url}/a.zip", tmp_path / "cache", FAST)
    _write(host.root / "a.zip")
    assert set(HostedZip(f"{host.url}/a.zip", tmp_path / "cache", FAST).names) == set(MEMBERS)


@pytest.mark.parametrize("remote", [False, True])
def test_a_member_that_claims_to_be_huge_is_damaged(host, tmp_path, monkeypatch, remote):
    _write(host.root / "a.zip", zipfile.ZIP_DEFLATED, MEMBERS | {"p/9.tif": bytes(90_000)})
    monkeypatch.setattr(zips, "MOST_BYTES", 60_000)
    archive = HostedZip(f"{host.url}/a.zip" if remote else str(host.root / "a.zip"), tmp_path / "cache", FAST)
    assert _kept(archive, ["p/1.tif", "p/9.tif"]) == ({"p/1.tif": MEMBERS["p/1.tif"]}, ["p/9.tif"])


def test_a_member_that_unpacks_to_more_than_it_says_takes_no_memory():
    packer = zlib.compressobj(9, wbits=-15)
    packed = packer.compress(bytes(64 << 20)) + packer.flush()
    info = zipfile.ZipInfo("p/1.tif")
    info.compress_type, info.compress_size, info.file_size, info.header_offset = 8, len(packed), 10, 0
    data = b"PK\3\4" + bytes(26) + packed
    tracemalloc.start()
    with pytest.raises(ValueError, match="wrong checksum"):
        zips._member(data, 0, info)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
