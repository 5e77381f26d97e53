"""Fetching against a host that cuts, lies, refuses and stalls."""

import hashlib
import multiprocessing
import os

import pytest

from cwamsn.screen_specs import Retry
from cwamsn.screen_specs.locations import Remote, join, local_path
from cwamsn.screens.hosts import FetchError, Forbidden, Missing, fetch, list_folder
from cwamsn.screens.hosts.ranges import NoRanges, RangeFile

FAST = Retry(attempts=4, backoff_s=0.01, timeout_s=5)
DATA = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def file(host):
    (host.root / "file.bin").write_bytes(DATA)


def test_whole_file_with_digest_and_second_call_from_cache(host, tmp_path):
    found = fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)
    assert found.path.read_bytes() == DATA and found.digest == f"sha256:{SHA256}" and found.size == len(DATA)
    fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)
    assert len(host.requests) == 1


def test_a_cut_connection_is_resumed_where_it_broke_off(host, tmp_path):
    host.faults["file.bin"] = ["cut", "cut", "cut"]
    found = fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)
    assert found.path.read_bytes() == DATA
    ranges = [headers.get("Range") for _, headers in host.requests]
    assert ranges[0] is None and ranges[1] == f"bytes={len(DATA) // 2}-" and len(ranges) == 4
    assert host.sent["file.bin"] <= len(DATA) + 3 * 65536  # a cut costs one block at most


def test_a_killed_run_resumes_in_the_next_one(host, tmp_path):
    host.faults["file.bin"] = ["cut", 500, 500, 500, 500]
    with pytest.raises(FetchError, match=r"HTTP 500.*run again to resume"):
        fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)
    assert not any(p.name.endswith("-file.bin") for p in (tmp_path / "cache").rglob("*"))
    assert fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST).path.read_bytes() == DATA
    assert host.sent["file.bin"] <= len(DATA) + 65536


def test_a_host_that_ignores_ranges(host, tmp_path):
    host.faults["file.bin"] = ["cut", "no-range"]
    assert fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST).path.read_bytes() == DATA


def test_without_an_etag_or_digest_nothing_is_spliced(host, tmp_path):
    host.etags = False
    host.faults["file.bin"] = ["cut"]
    assert fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST).path.read_bytes() == DATA
    assert [headers.get("Range") for _, headers in host.requests] == [None, None]


def test_a_file_that_changed_between_two_tries_is_not_spliced(host, tmp_path):
    host.faults["file.bin"] = ["cut", 500, 500, 500, 500]
    with pytest.raises(FetchError):
        fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)
    (host.root / "file.bin").write_bytes(DATA[::-1])
    assert fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST).path.read_bytes() == DATA[::-1]


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_said_at_once(host, tmp_path, status):
    host.faults["file.bin"] = [status]
    with pytest.raises(Missing, match=rf"{host.url}/file.bin: HTTP {status}"):
        fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)
    assert len(host.requests) == 1


def test_a_busy_host_is_asked_again_after_the_time_it_names(host, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr("cwamsn.screens.hosts.http.time.sleep", waited.append)
    host.faults["file.bin"] = [429, ("retry", 7), 500]
    assert fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST).path.read_bytes() == DATA
    assert len(waited) == 3 and waited[1] == 7


def test_a_short_body_is_completed(host, tmp_path):
    host.faults["file.bin"] = ["short"]
    assert fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST).path.read_bytes() == DATA


@pytest.mark.parametrize("digest", [None, f"sha256:{SHA256}", f"md5:{hashlib.md5(DATA).hexdigest()}"])
def test_wrong_bytes_are_fetched_again_and_refused_the_second_time(host, tmp_path, digest):
    remote = Remote(f"{host.url}/file.bin", len(DATA), digest)
    host.faults["file.bin"] = ["wrong"]
    assert fetch(remote, tmp_path / "cache", FAST).path.read_bytes() == DATA
    host.faults["file.bin"] = ["wrong", "wrong"]
    with pytest.raises(FetchError, match="wrong bytes"):
        fetch(remote, tmp_path / "other", FAST)
    assert not any(p.suffix == ".bin" for p in (tmp_path / "other").rglob("*"))


def test_a_wrong_length_is_refused(host, tmp_path):
    with pytest.raises(FetchError, match=f"wrong length: {len(DATA)} bytes, expected 10"):
        fetch(Remote(f"{host.url}/file.bin", 10), tmp_path / "cache", FAST)


def test_nobody_listens(tmp_path):
    with pytest.raises(FetchError, match="ConnectionError"):
        fetch("http://127.0.0.1:9/file.bin", tmp_path / "cache", Retry(attempts=2, backoff_s=0.01))


def test_the_token_stays_with_the_hub(host, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    host.faults["file.bin"] = [401]
    with pytest.raises(Forbidden) as error:
        fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)
    assert "hf_secret" not in str(error.value) and "Authorization" not in host.requests[0][1]


def test_a_local_file_is_not_read_where_nobody_wants_its_digest(tmp_path):
    (tmp_path / "a.bin").write_bytes(DATA)
    url = (tmp_path / "a.bin").as_uri()
    found = fetch(Remote(url, len(DATA)), tmp_path / "cache", hashed=False)
    assert found.local and (found.size, found.digest) == (len(DATA), "")
    assert fetch(Remote(url, None, f"sha256:{SHA256}"), tmp_path / "cache", hashed=False).digest == f"sha256:{SHA256}"
    for wrong in (Remote(url, 1), Remote(url, None, "sha256:0")):  # what is expected is still looked at
        with pytest.raises(FetchError, match="copy it again"):
            fetch(wrong, tmp_path / "cache", hashed=False)
    with pytest.raises(Missing):
        fetch(str(tmp_path / "b.bin"), tmp_path / "cache", hashed=False)


def test_local_files_are_used_where_they_lie(tmp_path, monkeypatch):
    (tmp_path / "a b.bin").write_bytes(DATA)
    for location in (str(tmp_path / "a b.bin"), f"file://{tmp_path}/a%20b.bin"):
        found = fetch(location, tmp_path / "cache")
        assert found.local and found.path == tmp_path / "a b.bin" and found.digest == f"sha256:{SHA256}"
    monkeypatch.chdir(tmp_path)
    assert local_path(join("file://sub", "a b.bin")) == local_path("sub/a b.bin")
    with pytest.raises(Missing, match="no such file"):
        fetch("file:///nowhere/x.bin", tmp_path / "cache")
    with pytest.raises(FetchError, match="its digest is not"):
        fetch(Remote(str(tmp_path / "a b.bin"), digest="sha256:00"), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_bucket_is_listed_page_by_page(host):
    folder = host.root / "some/plate"
    folder.mkdir(parents=True)
    for i in range(7):
        (folder / f"image {i}&.tif").write_bytes(b"x" * i)
    host.page = 3
    host.faults[""] = [503]
    remote = list(list_folder(host.url, "some/plate", FAST))
    local = list(list_folder(str(host.root), "some/plate", FAST))
    assert [r.size for r in remote] == [r.size for r in local] == list(range(7))
    assert remote[3].url == f"{host.url}/some/plate/image%203%26.tif"
    assert remote[3].digest == f"md5:{hashlib.md5(b'xxx').hexdigest()}"


def test_a_file_read_in_ranges(host):
    file = RangeFile(f"{host.url}/file.bin", FAST)
    assert file.size == len(DATA)
    file.seek(-10, os.SEEK_END)
    assert file.read() == DATA[-10:]
    host.faults["file.bin"] = ["cut", 500]
    assert file.span(1000, 4999) == DATA[1000:5000]
    host.faults["file.bin"] = ["no-range"]
    with pytest.raises(NoRanges):
        file.span(0, 10)
    (host.root / "file.bin").write_bytes(DATA[::-1])
    with pytest.raises(NoRanges):
        file.span(0, 10)


def _fetch_in_process(url, cache):
    return fetch(url, cache, FAST).digest


def test_two_processes_that_want_one_file(host, tmp_path):
    host.faults["file.bin"] = ["cut", "cut"]
    with multiprocessing.get_context("fork").Pool(3) as pool:
        digests = pool.starmap(_fetch_in_process, [(f"{host.url}/file.bin", tmp_path / "cache")] * 3)
    assert set(digests) == {f"sha256:{SHA256}"}


def test_a_cached_file_that_a_crash_spoiled_is_fetched_again(host, tmp_path):
    found = fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)
    found.path.write_bytes(bytes(len(DATA)))
    assert fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST).path.read_bytes() == DATA
    found.path.with_name(found.path.name + ".json").write_text("{torn")
    assert fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST).path.read_bytes() == DATA
