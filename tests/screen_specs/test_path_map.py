"""Paths of another machine: which entry of `path_map` a path begins with, and where the image then is."""

import pytest

from cwamsn.errors import InputError
from cwamsn.screen_specs.images import image_locations, local_images
from cwamsn.screen_specs.path_map import map_path

MAP = {
    "D:/data": "s3://bucket/x y",
    r"D:\data\old": "/mnt/old",
    r"\\server\share": "https://h/images",
    "/home/ubuntu/bucket": "mnt/x",
    "s3://lab/raw": "/mnt/raw",
}


@pytest.mark.parametrize(
    ("file_name", "folder", "place"),
    [
        ("a 1.tif", "D:/data/P1", "https://bucket.s3.amazonaws.com/x%20y/P1/a%201.tif"),
        ("a.tif", r"d:\DATA\P1" + "\\", "https://bucket.s3.amazonaws.com/x%20y/P1/a.tif"),
        (r"sub\a.tif", r"D:\Data", "https://bucket.s3.amazonaws.com/x%20y/sub/a.tif"),
        (r"D:\data\a.tif", "ignored", "https://bucket.s3.amazonaws.com/x%20y/a.tif"),
        ("a.tif", "file:///D:/data/P%201", "https://bucket.s3.amazonaws.com/x%20y/P%201/a.tif"),
        ("a.tif", r"D:\data\old\P1", "/mnt/old/P1/a.tif"),
        ("a#1.tif", r"\\SERVER\share\P1", "https://h/images/P1/a%231.tif"),
        ("a.tif", "/home/ubuntu/bucket/P1", "mnt/x/P1/a.tif"),
        ("a.tif", "file:/home/ubuntu/bucket/P1", "mnt/x/P1/a.tif"),
        ("s3://lab/raw/P1/a.tif", "", "/mnt/raw/P1/a.tif"),
        ("a.tif", "S3://lab/raw2", "https://lab.s3.amazonaws.com/raw2/a.tif"),
        ("a.tif", "/home/ubuntu/bucket2", "/home/ubuntu/bucket2/a.tif"),
        ("a.tif", "/Home/ubuntu/bucket", "/Home/ubuntu/bucket/a.tif"),
        ("a.tif", "D:/database", "D:/database\\a.tif"),
        ("a.tif", "sub", "base/sub/a.tif"),
    ],
)
def test_the_longest_beginning_that_fits_is_exchanged(file_name, folder, place):
    assert image_locations(file_name, folder, "base", "l.csv", MAP)[0] == place


def test_a_whole_root_a_drive_and_a_whole_file_can_be_mapped(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert image_locations("a.tif", "/data", "", "l", {"/": "~/r"}) == [f"{tmp_path}/r/data/a.tif"]
    assert image_locations("a.tif", "E:\\", "", "l", {"E:": "file:///mnt/e%20e"}) == ["/mnt/e e/a.tif"]
    assert image_locations("a.tif", "/x", "", "l", {"/x/a.tif": "https://h/b.tif"}) == ["https://h/b.tif"]


def test_the_rest_of_the_path_is_kept_as_it_is_written():
    assert map_path(r"d:\DATA\Plate A\É.tif", MAP)[2] == "Plate A/É.tif"


def test_a_path_that_ends_in_nothing_is_not_mapped():
    assert image_locations("nan", "D:/data", "", "l.csv", MAP) == []


def test_the_mapped_images_that_are_watched_are_those_that_are_fetched():
    folders = ["D:/data", "/home/ubuntu/bucket/P1", "D:\\data\\old", "sub", "https://h"]
    found = [image_locations("a.tif", folder, "base", "l", MAP)[0] for folder in folders]
    local = [place for place in found if "://" not in place]
    assert local_images(["a.tif"] * len(folders), folders, "base", "l", MAP) == local and len(local) == 3


@pytest.mark.parametrize(
    ("path_map", "message"),
    [
        ({"D:/data": "/a", "d:\\data\\": "/b"}, r"path_map: D:/data and d:\\data\\ are one place; keep one"),
        ({" ": "/a"}, "path_map: a key is empty; write the beginning of the paths to map"),
        ({"/a": "az://b"}, "az:// is not known; use https://"),
    ],
)
def test_a_map_that_cannot_be_used_is_refused(path_map, message):
    with pytest.raises(InputError, match=message):
        image_locations("a.tif", "/a", "", "l.csv", path_map)
