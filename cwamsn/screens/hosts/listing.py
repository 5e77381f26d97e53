"""Which files a folder of a bucket has: S3's ListObjectsV2 over HTTP, anonymous, or a local folder."""

import re
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote
from xml.etree.ElementTree import Element  # nosec B405 (names a type; defusedxml parses)

import defusedxml.ElementTree as ElementTree

from cwamsn.errors import FetchError
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.locations import Remote, join, local_path
from cwamsn.screens.hosts.http import Again, Missing, body, integer, request, retried

_PAGE = 32 << 20  # bytes of a page of a listing at most; 1,000 entries have about half a megabyte


def list_folder(base: str, prefix: str, how: Retry) -> Iterator[Remote]:
    """Files directly below `prefix` of a bucket or of a local folder.

    Raises :class:`Missing` for a local folder that is not there, :class:`FetchError` for a listing that cannot be had
    whole.
    """
    folder = local_path(join(base, prefix))
    if folder is not None:
        if not folder.is_dir():
            raise Missing(f"{folder}: no such folder; check the base URL of the screen")
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            yield Remote(join(base, prefix, path.name), path.stat().st_size)
        return
    start = prefix.strip("/") + "/"
    following, seen = "", set()
    while True:
        query = f"?list-type=2&prefix={quote(start, safe='')}"
        query += f"&continuation-token={quote(following, safe='')}" if following else ""
        url = base.rstrip("/") + "/" + query
        entries, following = retried(partial(_page, url, how), f"{url}: not listed", how)
        for key, size, etag in entries:
            if key.startswith(start) and "/" not in key.removeprefix(start) and key != start:
                md5 = f"md5:{etag}" if how.etag_is_md5 and re.fullmatch(r"[0-9a-f]{32}", etag) else None
                yield Remote(join(base, key), size, md5)
        if not following:
            return
        if following in seen:
            raise FetchError(f"{url}: the listing repeats itself; check the base URL of the screen")
        seen.add(following)


def _page(url: str, how: Retry) -> tuple[list[tuple[str, int, str]], str]:
    """One page of a bucket's listing: (key, size, ETag) entries, and the token of the next page or ''.

    Anything else raises :class:`Again`: a proxy's page or half an answer, which may be right the next time.
    """
    text = bytearray()
    with request(url, {"Accept-Encoding": "identity"}, how) as answer:
        for block in body(answer):
            text += block
            if len(text) > _PAGE:
                raise Again(f"more than {_PAGE >> 20} MiB, not a bucket listing")
    try:
        tree = ElementTree.fromstring(bytes(text))
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # entities are refused as a ValueError
        raise Again(f"not a bucket listing: {str(error) or type(error).__name__}") from None
    space, _, kind = tree.tag.rpartition("}")
    space += "}" if space else ""
    if kind != "ListBucketResult":
        raise Again(f"not a bucket listing: <{kind}> {tree.findtext(f'{space}Code', '')}".strip())
    entries = [_entry(node, space) for node in tree.iter(f"{space}Contents")]
    following = (tree.findtext(f"{space}NextContinuationToken") or "").strip()
    if (tree.findtext(f"{space}IsTruncated") or "").strip() == "true" and not following:
        raise Again("an incomplete bucket listing, without the token of the next page")
    return [entry for entry in entries if not entry[0].endswith("/")], following


def _entry(node: Element, space: str) -> tuple[str, int, str]:
    key, size = node.findtext(f"{space}Key") or "", integer((node.findtext(f"{space}Size") or "").strip())
    if not key or size is None:
        raise Again("a bucket listing with an entry that lacks its Key or Size")
    return key, size, (node.findtext(f"{space}ETag") or "").strip().strip('"')
