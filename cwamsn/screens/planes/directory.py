"""Where the members of a zip file lie. A plate's zip names thousands, of which a screen may want a few hundred."""

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_END = struct.Struct("<4s4H2LH")  # the record at the end
_ENTRY = struct.Struct("<4s2xBx2H4x3L4H6xL")
_TAIL = _END.size + (1 << 16)  # the record and the longest comment
_NEWEST = 63  # version of the format that zipfile reads
_UTF8 = 1 << 11
_WIDE = 0xFFFFFFFF  # stands for a number that an extra field of Zip64 gives


class Member(NamedTuple):
    """A member as the directory has it; sizes in bytes."""

    header_offset: int
    compress_size: int
    file_size: int
    CRC: int
    compress_type: int
    flag_bits: int


def zip_members(path: str | Path) -> dict[str, Member]:
    """Members by name, as :mod:`zipfile` has them but in a fifth of its time.

    What is not plain (Zip64, bytes before the first member, names in extra fields, damage) is left to `zipfile`, which
    raises BadZipFile for what is no zip file.
    """
    with Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
        found = _directory(tail, size)
        if found is not None:
            start, length, entries = found
            file.seek(start)
            members = dict(_entries(file.read(length)))
            if len(members) == entries and "" not in members:
                return members
    with zipfile.ZipFile(path) as archive:
        return {
            i.filename: Member(i.header_offset, i.compress_size, i.file_size, i.CRC, i.compress_type, i.flag_bits)
            for i in archive.infolist()
        }


def _directory(tail: bytes, size: int) -> tuple[int, int, int] | None:
    """(start, bytes, entries) of the directory of a plain zip file of `size` bytes that ends with `tail`."""
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + _END.size > len(tail):
        return None
    _, disk, first_disk, here, entries, length, start, comment = _END.unpack_from(tail, at)
    end = size - len(tail) + at
    plain = disk == first_disk == 0 and here == entries < 0xFFFF and at + _END.size + comment == len(tail)
    return (start, length, entries) if plain and start + length == end else None


def _entries(directory: bytes) -> Iterator[tuple[str, Member]]:
    """Name and member of each plain entry, up to the first that is not."""
    at = 0
    while at + _ENTRY.size <= len(directory):
        signature, version, flags, method, crc, packed, size, name, extra, comment, disk, offset = _ENTRY.unpack_from(
            directory, at
        )
        at += _ENTRY.size
        text = directory[at : at + name].decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        more = directory[at + name : at + name + extra]
        # Zip64's numbers are field 1, a name in Unicode is field 0x7075 (`up`).
        wide = _WIDE in (packed, size, offset) or b"\1\0" in more or b"up" in more
        if signature != b"PK\1\2" or version > _NEWEST or disk or wide or "\0" in text or "\ufffd" in text:
            return
        yield text, Member(offset, packed, size, crc, method, flags)
        at += name + extra + comment
