"""Files of public hosts: whole or not at all, listed, read in pieces, and kept in a cache."""

from cwamsn.errors import FetchError
from cwamsn.screens.hosts.cache import Fetched, cached_path, fetch, forget, glance, usable
from cwamsn.screens.hosts.http import Forbidden, Missing
from cwamsn.screens.hosts.listing import list_folder
from cwamsn.screens.hosts.ranges import NoRanges, RangeFile
from cwamsn.screens.hosts.zips import HostedZip

__all__ = [
    "FetchError",
    "Fetched",
    "Forbidden",
    "HostedZip",
    "Missing",
    "NoRanges",
    "RangeFile",
    "cached_path",
    "fetch",
    "forget",
    "glance",
    "list_folder",
    "usable",
]
