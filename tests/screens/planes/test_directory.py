"""Members are found as the zipfile module finds them, in whatever way the archive was written."""

import zipfile

import pytest

from cwamsn.screens.planes.directory import zip_members

NAMES = ["a.tif", "24279-Mito/cdp2bioactives_a01_s1.tif", "Zellkern ä.tif", "細胞.tif", "empty/"]


def write(path, names=NAMES, compression=zipfile.ZIP_DEFLATED, comment=b"", **info):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for k, name in enumerate(names):
            member = zipfile.ZipInfo(name)
            member.compress_type = compression
            for key, value in info.items():
                setattr(member, key, value)
            archive.writestr(member, b"" if name.endswith("/") else bytes(range(k, k + 50)) * 9)
        archive.comment = comment
    return path


def by_zipfile(path):
    with zipfile.ZipFile(path) as archive:
        return {
            i.filename: (i.header_offset, i.compress_size, i.file_size, i.CRC, i.compress_type, i.flag_bits)
            for i in archive.infolist()
        }


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("comment", [b"", b"of a plate"])
def test_members_of_plain_archives(tmp_path, monkeypatch, compression, comment):
    path = write(tmp_path / "a.zip", compression=compression, comment=comment)
    wanted = by_zipfile(path)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # read without it
    assert zip_members(path) == wanted and len(wanted) == len(NAMES)


def test_what_is_not_plain_is_left_to_zipfile(tmp_path, monkeypatch):
    before = tmp_path / "before.zip"
    before.write_bytes(b"a program that unpacks itself" + write(tmp_path / "a.zip").read_bytes())
    unicode_name = write(tmp_path / "up.zip", extra=b"up\7\0\1\0\0\0\0xy")
    other_field = write(tmp_path / "ut.zip", extra=b"UT\5\0\3abcd")
    twice = tmp_path / "twice.zip"
    with pytest.warns(UserWarning, match="Duplicate"):
        write(twice, ["a.tif", "a.tif"])
    nothing = write(tmp_path / "nothing.zip", [])
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    wide = write(tmp_path / "wide.zip")
    for path in (before, unicode_name, other_field, twice, nothing, wide):
        assert zip_members(path) == by_zipfile(path), path.name


@pytest.mark.parametrize("position", range(-22, 0))
def test_damage_at_the_end_is_found_or_harmless(tmp_path, position):
    path = write(tmp_path / "a.zip")
    wanted, data = by_zipfile(path), bytearray(path.read_bytes())
    data[position] ^= 0x41
    path.write_bytes(data)
    try:
        found = zip_members(path)
    except (zipfile.BadZipFile, OSError):
        return
    assert found == by_zipfile(path) or found == wanted


def test_damage_within_the_directory_is_what_zipfile_makes_of_it(tmp_path):
    path = write(tmp_path / "a.zip")
    good = path.read_bytes()
    for position in range(good.index(b"PK\1\2"), len(good) - 22):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x41]) + good[position + 1 :])
        try:
            wanted = by_zipfile(path)
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, ValueError) as error:
            with pytest.raises(type(error)):
                zip_members(path)
        else:
            assert zip_members(path) == wanted, position
