"""A download is whole, or it is not accepted: hosts that give odd lengths, versions, encodings, redirects and lists."""

import errno
import gzip
import hashlib
import logging
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from cwamsn import files
from cwamsn.errors import InputError
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import Retry
from cwamsn.screen_specs.locations import Remote
from cwamsn.screens.hosts import FetchError, Forbidden, Missing, fetch, http, list_folder
from cwamsn.screens.hosts.ranges import NoRanges, RangeFile
from cwamsn.screens.sources.raw import Raw

from ..loopback import Odd

FAST = Retry(attempts=4, backoff_s=0.001, timeout_s=5)
DATA = hashlib.shake_256(b"file").digest(240_014)
OTHER = hashlib.shake_256(b"other").digest(240_014)


@pytest.fixture(autouse=True)
def file(host):
    (host.root / "file.bin").write_bytes(DATA)
    host.etag = '"version-1"'  # no MD5, so that nothing but lengths and versions tells


@pytest.fixture
def get(host, tmp_path):
    """`get(fault, …)`: the bytes that a first download has when these answers come before the right ones."""

    def get(*faults, cache="cache", **remote):
        host.faults["file.bin"] = list(faults)
        return fetch(Remote(f"{host.url}/file.bin", **remote), tmp_path / cache, FAST).path.read_bytes()

    return get


# Lengths and versions -------------------------------------------------------------------------------------------------


def test_a_resumed_range_without_a_total_is_tied_to_the_length_told_before(get, host):
    assert get("cut", Odd(total="*", cut=66_536), Odd(total="*")) == DATA
    assert [h.get("Range") for _, h in host.requests] == [None, "bytes=120007-", "bytes=186543-"]


def test_a_range_without_any_known_total_is_not_taken_for_the_rest(get, host):
    chunks = {"end": "chunks", "cut": 100_000}
    assert get(Odd(**chunks), Odd(total="*", end="close", cut=20_000)) == DATA
    assert [h.get("Range") for _, h in host.requests] == [None, "bytes=100000-", None]


@pytest.mark.parametrize("end", ["chunks", "length"])
def test_a_body_that_breaks_off_inside_its_framing_is_completed(get, end):
    assert get(Odd(end=end, cut=100_000)) == DATA


@pytest.mark.parametrize("cut", [100_000, None])
def test_a_body_without_any_length_is_refused_unless_something_tells_it(get, host, cut):
    answer = Odd(end="close", cut=cut)
    host.head = False
    with pytest.raises(FetchError, match=r"tells neither length nor digest.*by hand and give its path"):
        get(answer, answer)
    assert get(answer) == DATA  # and is asked for again before
    assert get(Odd(end="close", cut=100_000), Odd(end="close"), size=len(DATA), digest=_sha256(DATA)) == DATA


def test_the_answer_to_head_tells_the_length_of_a_body_without_one(get):
    assert get(Odd(end="close", cut=100_000), Odd(end="close")) == DATA


def test_a_changed_version_is_never_spliced_whatever_the_host_does_with_if_range(get, host):
    host.faults["file.bin"] = ["cut", 500, 500, 500, 500]
    with pytest.raises(FetchError, match="HTTP 500"):
        get(*host.faults["file.bin"])
    (host.root / "file.bin").write_bytes(OTHER)
    assert get(Odd(any_version=True, etag='"version-2"')) == OTHER
    assert [h.get("Range") for _, h in host.requests[-2:]] == ["bytes=120007-", None]


def test_a_changed_length_is_never_spliced(get, host):
    assert get("cut", Odd(total="999999")) == DATA


def test_a_listed_file_that_has_grown_is_fetched_again(get):
    assert get(size=len(DATA)) == DATA
    with pytest.raises(FetchError, match="wrong length: 240014 bytes, expected 10"):
        get(size=10)


def test_ranges_of_two_versions_are_never_mixed(host):
    file = RangeFile(f"{host.url}/file.bin", FAST)
    assert file.span(0, 99) == DATA[:100]
    (host.root / "file.bin").write_bytes(OTHER)
    host.faults["file.bin"] = [Odd(any_version=True, etag='"version-2"')]
    with pytest.raises(NoRanges, match="has changed on its host"):
        file.span(100, 199)
    host.etags = False
    with pytest.raises(NoRanges, match="no ETag or date by which a change would show"):
        RangeFile(f"{host.url}/file.bin", FAST)


def test_the_last_byte_of_a_killed_run_needs_no_request(get, host, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("cwamsn.screens.hosts.download._fault", killed)
        get()
    assert get() == DATA and len(host.requests) == 1


def _sha256(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


# Encodings ------------------------------------------------------------------------------------------------------------


def test_a_packed_body_is_unpacked_and_a_broken_one_asked_for_again(get, host):
    packed = gzip.compress(DATA[:120_007]) + gzip.compress(DATA[120_007:])
    header = {"Content-Encoding": "gzip", "ETag": f'"{hashlib.md5(packed).hexdigest()}"'}
    whole = Odd(headers=header, body=packed)
    for end in ("length", "chunks", "close"):
        assert get(Odd(headers=header, body=packed, end=end, cut=150_000), whole, cache=end) == DATA
    assert [h.get("Range") for _, h in host.requests] == [None] * 6


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip"])
def test_an_unknown_encoding_is_not_stored_as_it_is(get, encoding):
    odd = Odd(headers={"Content-Encoding": encoding}, body=b"??")
    assert get(odd) == DATA
    with pytest.raises(FetchError, match=r"Content-Encoding .* though none was asked for"):
        get(*[odd] * 4, cache="other")


def test_a_body_longer_than_the_file_is_not_written_to_the_end(get, host, tmp_path):
    packed = gzip.compress(bytes(50 << 20))
    with pytest.raises(FetchError, match=r"wrong length: .* bytes, expected 1000"):
        get(*[Odd(headers={"Content-Encoding": "gzip"}, body=packed)] * 2, size=1000)


# Redirects, credentials, URLs -----------------------------------------------------------------------------------------


def _redirect(to):
    return Odd(status=302, headers={"Location": to})


def test_credentials_of_netrc_are_not_sent_after_a_redirect(get, host, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine localhost login me password secret\ndefault login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    port = host.url.rsplit(":", 1)[1]
    (host.root / "moved.bin").write_bytes(DATA)
    assert get(_redirect(f"http://localhost:{port}/moved.bin")) == DATA
    assert [(path, h.get("Authorization")) for path, h in host.requests] == [("file.bin", None), ("moved.bin", None)]


def test_a_redirect_from_https_to_http_is_refused_before_it_is_followed(host, tmp_path, monkeypatch):
    class Redirecting(requests.adapters.HTTPAdapter):
        def send(self, request, **_):
            answer = requests.Response()
            answer.status_code, answer.url, answer.request = 302, request.url, request
            answer.headers["Location"] = f"{host.url}/file.bin"
            return answer

    session = requests.Session()
    session.mount("https://", Redirecting())
    monkeypatch.setattr(http, "_SESSION", session)
    with pytest.raises(FetchError, match="redirects from HTTPS to HTTP; refused"):
        fetch("https://safe.example/file.bin", tmp_path / "cache", FAST)
    assert not host.requests


def test_redirects_are_followed_but_not_for_ever(get, host):
    (host.root / "a b").mkdir()
    (host.root / "a b/moved.bin").write_bytes(DATA)
    assert get(_redirect("/a%20b/moved.bin")) == DATA
    with pytest.raises(FetchError, match=r"more than 10 redirects, the last to /file\.bin"):
        get(*[_redirect("/file.bin")] * 12, size=1)
    with pytest.raises(FetchError, match="not an http:// or https:// URL"):
        get(_redirect("ftp://127.0.0.1/file.bin"), size=2)
    with pytest.raises(FetchError, match="not a usable URL"):
        get(_redirect("http://[::1"), size=3)


@pytest.mark.parametrize(
    "url", ["http://[::1/x", "http://h:99999/x", "http://h:port/x", "ftp://h/x", "http:///x", f"http://{'a' * 70}/x"]
)
def test_a_bad_url_is_one_line(tmp_path, url):
    for action in (fetch, lambda u, _, how: RangeFile(u, how), lambda u, _, how: list(list_folder(u, "p", how))):
        with pytest.raises(FetchError, match=r"not a.* URL") as error:
            action(url, tmp_path, FAST)
        assert "\n" not in str(error.value) and url in str(error.value)


# Refusals -------------------------------------------------------------------------------------------------------------


def test_a_passing_403_is_asked_again_and_a_lasting_one_is_not_called_missing(get, host):
    assert get(403, 403) == DATA
    host.requests.clear()
    with pytest.raises(
        Forbidden, match="HTTP 403 Forbidden: forbidden, which does not say that the file is missing"
    ) as e:
        get(*[403] * 9, size=1)
    assert not isinstance(e.value, Missing) and len(host.requests) == 4
    host.faults["file.bin"] = [403, None]
    assert RangeFile(f"{host.url}/file.bin", FAST).size == len(DATA)


def test_odd_times_to_wait_are_no_error_and_have_a_bound(get, monkeypatch):
    waited = []
    monkeypatch.setattr("cwamsn.screens.hosts.http.time.sleep", waited.append)
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    answers = ["soon", "-5", "\u00b2", "", "9" * 5000, "Tue, 31 Dec 99999 00:00:00 GMT", "40", later]
    assert get(*(Odd(status=503, headers={"Retry-After": text}) for text in answers[1:4])) == DATA
    assert len(waited) == 3 and max(waited) < 1
    values = [http.retry_after(text) for text in answers]
    assert values[:4] == [0, 0, 0, 0] and values[4] > 1e9 and values[5] == 0 and values[6] == 40
    assert 35 < values[7] <= 40 and http.retry_after(None) == 0
    http.pause(5000, values[4], FAST)
    assert waited[-1] == http.LONGEST_WAIT


# Listings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"<ListBucketResult><Contents>", "not a bucket listing"),
        (b"\xff\xfe\x00", "not a bucket listing"),
        (b"", "not a bucket listing"),
        (b"<html><body>Log in</body></html>", "not a bucket listing: <html>"),
        (b"<Error><Code>SlowDown</Code></Error>", "not a bucket listing: <Error> SlowDown"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult>&b;</ListBucketResult>', "not a bucket listing: .*Entit"),
        (b'<?xml version="1.0" encoding="klingon"?><ListBucketResult/>', "not a bucket listing"),
        (b"<ListBucketResult><Contents><Key>p/a</Key><Size>many</Size></Contents></ListBucketResult>", "Key or Size"),
        (b"<ListBucketResult><Contents><Key>p/a</Key><Size>-1</Size></Contents></ListBucketResult>", "Key or Size"),
        (b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "without the token of the next"),
    ],
)
def test_an_odd_listing_is_asked_for_again_and_then_one_line(host, text, error):
    (host.root / "p").mkdir()
    (host.root / "p/a.tif").write_bytes(b"x")
    host.faults[""] = [Odd(body=text)]
    assert [r.size for r in list_folder(host.url, "p", FAST)] == [1]
    host.faults[""] = [Odd(body=text)] * 4
    with pytest.raises(FetchError, match=error) as raised:
        list(list_folder(host.url, "p", FAST))
    assert "\n" not in str(raised.value)


def test_a_listing_holds_the_files_of_its_folder_only_and_ends(host):
    entry = "<Contents><Key>{}</Key><Size>1</Size></Contents>"
    keys = ("p/a.tif", "p/b/c.tif", "q/d.tif", "p/")
    text = "<ListBucketResult>" + "".join(map(entry.format, keys)) + "</ListBucketResult>"
    host.faults[""] = [Odd(body=text.encode())]
    assert [r.url for r in list_folder(host.url, "p", FAST)] == [f"{host.url}/p/a.tif"]
    again = b"<ListBucketResult><NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
    host.faults[""] = [Odd(body=again)] * 9
    with pytest.raises(FetchError, match="the listing repeats itself"):
        list(list_folder(host.url, "p", FAST))


# The cache ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_said_and_still_fetched_to(get, tmp_path, monkeypatch, caplog, code):
    def flock(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.fcntl, "flock", flock)
    with caplog.at_level(logging.WARNING, "cwamsn"):
        assert get("cut", "cut") == DATA
    assert "has no locks" in caplog.text
    with pytest.raises(FetchError, match="HTTP 500"):
        get("cut", 500, 500, 500, 500, size=1)
    assert not list((tmp_path / "cache").rglob("*.partial"))  # another process may write its own beside it


def test_another_error_of_the_file_system_is_one_line(host, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(FetchError, match=r"file\.bin: cannot be kept in .*cache"):
        fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)


def test_whoever_waits_for_a_lock_never_gets_one_on_a_removed_file(tmp_path):
    path, inside, most = tmp_path / "x.lock", [0], []

    def work():
        for _ in range(40):
            with files.locked(path):
                inside[0] += 1
                most.append(inside[0])
                time.sleep(0.0002)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 240 and max(most) == 1 and not path.exists()


def test_temporary_names_differ_between_nodes_with_equal_process_ids(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "getpid", lambda: 7)
    monkeypatch.setattr(files.socket, "gethostname", lambda: "node-1.cluster/x" + "y" * 90)
    names = {files.unique_token() for _ in range(100)}
    assert len(names) == 100 and all(n.startswith("node-1-cluster-x") and len(n) < 50 for n in names)
    with files.atomic_path(tmp_path / "a.csv") as first, files.atomic_path(tmp_path / "a.csv") as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    with files.atomic_directory(tmp_path / "d") as first, files.atomic_directory(tmp_path / "d") as second:
        (first / "x").write_text("1")
        (second / "x").write_text("2")
    assert (tmp_path / "a.csv").read_text() == "1" and (tmp_path / "d/x").read_text() == "1"
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("host")) == ["a.csv", "d"]


def test_errors_are_one_kind():
    assert all(issubclass(kind, InputError) for kind in (FetchError, Forbidden, Missing, NoRanges))


def test_a_file_that_another_job_took_out_of_the_cache_is_one_line(host, tmp_path):
    fetched = fetch(f"{host.url}/file.bin", tmp_path / "cache", FAST)
    raw = Raw(ScreenPaths(tmp_path).unit("24277"))
    raw.add(fetched)
    fetched.path.unlink()
    with pytest.raises(InputError, match="another job has removed it from the cache; run again"):
        raw.finish()
    assert not raw.unit.raw.exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        RuntimeError("I/O error: No space left on device (os error 28)"),
    ],
    ids=["python", "safetensors"],
)
def test_a_full_disk_is_one_line_that_names_the_file_and_leaves_nothing(tmp_path, error):
    message = r"log\.csv: cannot be written: No space left on device; free some space"
    with pytest.raises(InputError, match=message), files.atomic_path(tmp_path / "own" / "log.csv") as temporary:
        temporary.write_text("half")
        raise error
    assert not list((tmp_path / "own").iterdir())


def test_a_glance_looks_whether_a_local_file_is_there_and_takes_a_remote_one_for_granted(host, tmp_path):
    (tmp_path / "a.tif").write_bytes(b"12345")
    raw = Raw(ScreenPaths(tmp_path).unit("P1"), glances=True)
    here = raw.get(str(tmp_path / "a.tif"), tmp_path / "cache", FAST)
    assert (here.size, here.digest, here.local) == (5, "", True)
    with pytest.raises(Missing, match=r"b\.tif: no such file"):
        raw.get(str(tmp_path / "b.tif"), tmp_path / "cache", FAST)
    before = len(host.requests)
    url = f"{host.url}/gone.tif"
    assert raw.add(raw.get(url, tmp_path / "cache", FAST), "x.tif") == url
    assert len(host.requests) == before and not (tmp_path / "cache").exists()
