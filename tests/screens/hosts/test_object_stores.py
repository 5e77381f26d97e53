"""Buckets that are not public: the user's credentials through fsspec, and one line where they are missing."""

import builtins
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import fsspec
import pytest

from cwamsn.errors import FetchError
from cwamsn.screen_specs import Retry
from cwamsn.screen_specs.images import image_locations, known_location
from cwamsn.screen_specs.locations import Remote
from cwamsn.screens.hosts import Forbidden, Missing, fetch, object_stores
from cwamsn.screens.hosts.object_stores import Stored, stored

QUICK = Retry(attempts=2, backoff_s=0.01, timeout_s=5)


@pytest.fixture
def memory(monkeypatch):
    """fsspec's memory file system under the protocol `gs`, whose package stands for gcsfs; emptied afterwards."""
    monkeypatch.setitem(object_stores.PACKAGES, "gs", ("fsspec", "GOOGLE_APPLICATION_CREDENTIALS"))
    store = fsspec.filesystem("memory")
    real = fsspec.filesystem
    monkeypatch.setattr(fsspec, "filesystem", lambda name: store if name == "gs" else real(name))
    monkeypatch.setattr(object_stores, "_private", set())
    yield store
    store.rm("/", recursive=True)


def test_which_addresses_are_objects_of_a_bucket():
    assert stored("https://lab.s3.amazonaws.com/x%20y/a.tif") == Stored("s3", "lab", "x y/a.tif")
    assert stored("https://lab.s3.us-west-2.amazonaws.com/a") == Stored("s3", "lab", "a")
    assert stored("https://storage.googleapis.com/lab/x/a%23") == Stored("gs", "lab", "x/a#")
    assert stored("s3://lab/x%20y") == Stored("s3", "lab", "x y")
    for other in ("https://lab.s3.amazonaws.com/a?X-Amz-Signature=1", "https://h/a", "https://lab.s3.amazonaws.com/"):
        assert stored(other) is None


def test_buckets_are_read_over_https_unless_the_environment_names_another_store(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "FSSPEC_S3_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    assert known_location("gs://lab/x y/a.tif", "l") == "https://storage.googleapis.com/lab/x%20y/a.tif"
    assert image_locations("a#.tif", "gs://lab/x", "", "l") == ["https://storage.googleapis.com/lab/x/a%23.tif"]
    assert known_location("s3://lab/a", "l") == "https://lab.s3.amazonaws.com/a"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000")
    assert known_location("s3://lab/x y", "l") == "s3://lab/x%20y"
    assert image_locations("a b.tif", "", "s3://lab/x", "l") == ["s3://lab/x/a%20b.tif"]


def test_an_object_that_https_refuses_is_read_with_the_users_credentials(host, memory, monkeypatch):
    memory.pipe("lab/x y/a.tif", b"pixels")
    memory.pipe("lab/b.tif", b"more")
    places = {f"{host.url}/a": Stored("gs", "lab", "x y/a.tif"), f"{host.url}/b": Stored("gs", "lab", "b.tif")}
    monkeypatch.setattr(object_stores, "stored", places.get)
    monkeypatch.setattr(object_stores, "_OVER_HTTPS", "http://")
    for path in ("a", "b"):
        host.faults[path] = [403] * 9
    got = fetch(f"{host.url}/a", host.root / "cache", QUICK)
    assert got.path.read_bytes() == b"pixels" and got.size == 6 and not got.local
    asked = len(host.requests)
    assert fetch(f"{host.url}/b", host.root / "cache", QUICK).path.read_bytes() == b"more"
    assert len(host.requests) == asked  # the bucket is known to be private by now
    assert fetch(f"{host.url}/a", host.root / "cache", QUICK) == got  # from the cache


def test_what_does_not_arrive_whole_is_not_accepted(host, memory):
    memory.pipe("lab/a", b"pixels")
    cache = host.root / "cache"
    with pytest.raises(Missing, match=r"gs://lab/gone: no such object; check the path"):
        fetch("gs://lab/gone", cache, QUICK)
    with pytest.raises(FetchError, match="has 6 bytes, expected 7"):
        fetch(Remote("gs://lab/a", size=7), cache, QUICK)
    with pytest.raises(FetchError, match="not accepted"):
        fetch(Remote("gs://lab/a", digest="md5:0"), cache, QUICK)
    assert not [p for p in cache.rglob("*") if p.is_file() and p.suffix not in (".lock", ".partial")]


def test_a_missing_package_is_named(host, monkeypatch):
    real = builtins.__import__
    monkeypatch.setattr(
        object_stores.importlib, "import_module", lambda name: real("no_such_module") if name == "gcsfs" else real(name)
    )
    line = r"gs://lab/a: bucket lab is not public; install gcsfs \(pip install gcsfs\), which reads it with your"
    with pytest.raises(FetchError, match=line):
        fetch("gs://lab/a", host.root / "cache", QUICK)


class _S3(BaseHTTPRequestHandler):
    """An S3 store of one bucket that wants a signature by the key `lab-key`."""

    protocol_version = "HTTP/1.1"
    objects = {"/lab/x y/a.tif": b"pixels" * 5000}  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        self._answer(self.command == "GET")

    do_HEAD = do_GET

    def _answer(self, with_body: bool) -> None:
        path, _, query = self.path.partition("?")
        signed = "Credential=lab-key/" in self.headers.get("Authorization", "")
        body = self.objects.get(unquote(path))
        status = 403 if not signed else 200 if body is not None or "list-type" in query else 404
        if status == 200 and body is None:
            body = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><KeyCount>0</KeyCount>'
            body += b"<IsTruncated>false</IsTruncated></ListBucketResult>"
        if status != 200:
            code = "AccessDenied" if status == 403 else "NoSuchKey"
            body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode() if with_body else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')
        self.send_header("Last-Modified", "Thu, 26 Nov 2026 07:00:00 GMT")
        self.end_headers()
        if with_body:
            self.wfile.write(body)


@pytest.fixture
def own_store(monkeypatch, tmp_path):
    """A store of the laboratory's own, as its environment names it; s3fs forgets it afterwards."""
    s3fs = pytest.importorskip("s3fs")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _S3)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    s3fs.S3FileSystem.clear_instance_cache()
    yield
    s3fs.S3FileSystem.clear_instance_cache()
    server.shutdown()
    server.server_close()


def test_a_store_of_ones_own_is_read_by_s3fs_as_the_environment_says(own_store, tmp_path, monkeypatch):
    place = known_location("s3://lab/x y/a.tif", "l")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "lab-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert fetch(place, tmp_path / "cache", QUICK).path.read_bytes() == b"pixels" * 5000
    with pytest.raises(Missing, match="s3://lab/gone: no such object"):
        fetch("s3://lab/gone", tmp_path / "cache", QUICK)


def test_credentials_that_are_missing_or_wrong_are_said_in_one_line(own_store, tmp_path, monkeypatch):
    where = "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    with pytest.raises(Forbidden, match=f"s3fs finds no usable credentials .*; set {where}"):
        fetch("s3://lab/a", tmp_path / "cache", QUICK)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()
    with pytest.raises(Forbidden, match=f"s3://lab/a: your credentials may not read it .*; check them .{where}"):
        fetch("s3://lab/a", tmp_path / "cache", QUICK)
