"""Objects of buckets that are not public: s3 and gs with the credentials of the user's environment.

A public object comes over HTTPS like any file, which resumes and needs no account. Where the store refuses that, or
where the environment names a store of the user's own, fsspec reads it: s3fs and gcsfs take credentials as their users
know it (AWS_PROFILE, AWS_ACCESS_KEY_ID, ~/.aws; GOOGLE_APPLICATION_CREDENTIALS, gcloud; FSSPEC_S3_* for options).
"""

import errno
import importlib
import re
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from cwamsn.errors import FetchError
from cwamsn.files import sha256
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.locations import Remote
from cwamsn.screens.hosts.download import download, md5
from cwamsn.screens.hosts.http import Again, Forbidden, Missing, retried

# Protocol of fsspec: the package that reads it, and where it looks for credentials.
PACKAGES = {
    "s3": ("s3fs", "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    "gs": ("gcsfs", "GOOGLE_APPLICATION_CREDENTIALS"),
}
_HOSTS = (
    ("s3", re.compile(r"https://(?P<bucket>[^/]+)\.s3([.-][a-z0-9-]+)?\.amazonaws\.com(\.cn)?/(?P<key>[^?#]+)")),
    ("gs", re.compile(r"https://storage\.googleapis\.com/(?P<bucket>[^/]+)/(?P<key>[^?#]+)")),
)
# What the packages raise where they have no credentials, or cannot use them; names, since they may not be installed.
_NO_CREDENTIALS = re.compile(r"(Credential|Profile|Token|DefaultCredentials|RefreshError|Auth)\w*")
_OVER_HTTPS = "https://"
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_private: set[tuple[str, str]] = set()  # buckets that this process was refused


class Stored(NamedTuple):
    """An object of a bucket: fsspec's protocol, bucket, key."""

    protocol: str
    bucket: str
    key: str


def stored(url: str) -> Stored | None:
    """The object at `url` (`s3://`, `gs://` or the HTTPS address of one), None for any other URL. Keys are quoted."""
    scheme, _, rest = url.partition("://")
    if scheme in PACKAGES:
        bucket, _, key = rest.partition("/")
        return Stored(scheme, bucket, unquote(key))
    for protocol, pattern in _HOSTS:
        if found := pattern.fullmatch(url):
            return Stored(protocol, found["bucket"], unquote(found["key"]))
    return None


def bring(remote: Remote, arriving: Path, final: Path, how: Retry) -> tuple[int, str]:
    """Fetch into `final` through its partial file; (size, 'sha256:...')."""
    place = stored(remote.url)
    if place is None:
        return download(remote, arriving, final, how)
    if remote.url.startswith(_OVER_HTTPS) and place[:2] not in _private:
        try:
            return download(remote, arriving, final, how)
        except Forbidden:
            _private.add(place[:2])
    failed = f"{remote.url}: not fetched"
    retried(partial(_read, place, remote, arriving), failed, how)
    size, digest = arriving.stat().st_size, f"sha256:{sha256(arriving)}"
    arriving.replace(final)
    return size, digest


def _read(place: Stored, remote: Remote, arriving: Path) -> None:
    """One try: the object's bytes in `arriving`, of the length and digest that they should have."""
    package, where = PACKAGES[place.protocol]
    path = f"{place.bucket}/{place.key}"
    try:
        import fsspec

        importlib.import_module(package)
        store = fsspec.filesystem(place.protocol)
        size = store.info(path)["size"]
        store.get_file(path, str(arriving))
    except ImportError:
        raise FetchError(
            f"{remote.url}: bucket {place.bucket} is not public; install {package} (pip install {package}), which "
            f"reads it with your credentials ({where})"
        ) from None
    except FileNotFoundError:
        raise Missing(f"{remote.url}: no such object; check the path") from None
    except PermissionError as error:
        raise Forbidden(f"{remote.url}: your credentials may not read it ({error}); check them ({where})") from None
    except OSError as error:
        if error.errno in _DISK:
            raise
        raise Again(f"{type(error).__name__}: {error}") from None
    except Exception as error:  # those of the stores' clients have no common base
        if _NO_CREDENTIALS.search(type(error).__name__):
            raise Forbidden(
                f"{remote.url}: bucket {place.bucket} is not public and {package} finds no usable credentials "
                f"({type(error).__name__}); set {where}"
            ) from None
        raise Again(f"{type(error).__name__}: {error}") from None
    _check(remote, arriving, int(size))


def _check(remote: Remote, arriving: Path, size: int) -> None:
    has = arriving.stat().st_size
    if has != size:
        raise Again(f"{has} of {size} bytes have arrived")
    if remote.size not in (None, size):
        raise FetchError(f"{remote.url}: has {size} bytes, expected {remote.size}")
    kind, _, value = (remote.digest or "").partition(":")
    if value and value != (sha256(arriving) if kind == "sha256" else md5(arriving)):
        raise FetchError(f"{remote.url}: not accepted (its {kind} is not {value})")
