"""Names as the hosts write them: well addresses, Bray's image files, RxRx3-core's keys."""

import re
from typing import NamedTuple

import pandas as pd

from cwamsn.errors import InputError

_ADDRESS = re.compile(r"([A-Z]{1,2})(\d{1,2})")
_BRAY = re.compile(r"_(?P<well>[a-p]\d{2})_s(?P<site>\d)_w(?P<w>\d)(?P<uuid>[0-9a-f-]{36})\.tiff?$", re.IGNORECASE)
_RXRX3 = re.compile(r"(?P<experiment>[^/]+)/Plate(?P<plate>\d+)/(?P<address>[A-Z]{1,2}\d{2})_s(?P<site>\d)_(?P<c>\d)$")


def parse_address(text: str) -> tuple[str, int, int]:
    """('a1' or 'AF48') → canonical address, 1-based row, 1-based column. Raises ValueError on anything else.

    Rows beyond Z are AA, AB ... (1,536-well plates end at AF48).
    """
    match = _ADDRESS.fullmatch(str(text).strip().upper())
    if not match or int(match[2]) == 0:
        raise ValueError(f"{text!r} is not a well address (A01 ... AF48)")
    row = 0
    for letter in match[1]:
        row = row * 26 + ord(letter) - ord("A") + 1
    column = int(match[2])
    return f"{match[1]}{column:02d}", row, column


def parse_addresses(column: pd.Series, source: str) -> pd.DataFrame:
    """Columns address, row, column of a Series of addresses; InputError naming `source` and the first bad row."""
    known = {}
    for text in column.astype(str).unique():
        try:
            known[text] = parse_address(text)
        except ValueError as error:
            row = column.index[(column.astype(str) == text).to_numpy().argmax()]
            raise InputError(f"{source}: row {row}: {error}; correct it or leave the row out") from None
    return pd.DataFrame(
        [known[t] for t in column.astype(str)], columns=["address", "row", "column"], index=column.index
    )


class BrayFile(NamedTuple):
    """What a Bray image name says."""

    address: str
    site: int
    wavelength: int
    uuid: str


def parse_bray_file(name: str) -> BrayFile | None:
    """`cdp2bioactives_a01_s1_w2<uuid>.tif` → BrayFile('A01', 1, 2, '<uuid>'); None for any other name.

    The prefix differs between plates and the case between sister screens, so neither is looked at.
    """
    match = _BRAY.search(name)
    if not match:
        return None
    return BrayFile(match["well"].upper(), int(match["site"]), int(match["w"]), match["uuid"].lower())


class RxRx3Key(NamedTuple):
    """What a `__key__` of an RxRx3-core shard says."""

    well_id: str
    site: int
    channel: int


def parse_rxrx3_key(key: str) -> RxRx3Key | None:
    """`compound-001/Plate1/AA15_s1_1` → RxRx3Key('compound-001_1_AA15', 1, 1); None for any other text."""
    match = _RXRX3.fullmatch(key)
    if not match:
        return None
    return RxRx3Key(f"{match['experiment']}_{match['plate']}_{match['address']}", int(match["site"]), int(match["c"]))


def compound_id(broad_sample: str) -> str:
    """`BRD-K18250272-003-03-7` → `BRD-K18250272`: the compound without salt form, batch and vendor."""
    parts = broad_sample.split("-")
    return "-".join(parts[:2]) if broad_sample.startswith("BRD-") and len(parts) > 2 else broad_sample
