"""Which plane of a file is meant stands in its name or in the key `images.planes`, and nowhere twice."""

import pytest

from cwamsn.errors import InputError
from cwamsn.screen_specs.selection import WHOLE, Selection, chosen_plane, split_selection


@pytest.mark.parametrize(
    ("text", "name", "selection"),
    [
        ("a/f.tif", "a/f.tif", WHOLE),
        ("a/b!c.tif", "a/b!c.tif", WHOLE),
        ("f.tif!c=2", "f.tif", Selection(channel=2)),
        ("f.tif!page=3", "f.tif", Selection(page=3)),
        ("f.tif!c=1,z=max", "f.tif", Selection(channel=1, z="max")),
        ("f.tif!z=sharpest,t=0", "f.tif", Selection(z="sharpest", time=0)),
        ("a.zip!m/f.tif!z=4", "a.zip!m/f.tif", Selection(z=4)),
    ],
)
def test_a_selection_stands_behind_the_name(text, name, selection):
    assert split_selection(text) == (name, selection)
    assert split_selection(f"{name}{selection}") == (name, selection)


@pytest.mark.parametrize("tail", ["c=-1", "c=DNA", "z=mean", "c=1,c=2", "c=1,q=2", "page=1,c=0", "c="])
def test_a_selection_that_means_nothing_is_refused_with_what_to_write(tail):
    with pytest.raises(InputError, match=r"f\.tif!.*(write c=, z= or t= with a number from 0|page= stands alone)"):
        split_selection(f"f.tif!{tail}")


def test_the_key_planes_names_the_channel_of_a_stain():
    planes = {"DNA": 0, "ER": 1}
    assert chosen_plane("f.tif", "ER", planes, "row 3") == ("f.tif", Selection(channel=1))
    assert chosen_plane("f.tif!z=2", "ER", planes, "row 3") == ("f.tif", Selection(channel=1, z=2))
    assert chosen_plane("f.tif!c=1", "ER", None, "row 3") == ("f.tif", Selection(channel=1))
    assert chosen_plane("", "ER", planes, "row 3") == ("", WHOLE)
    with pytest.raises(InputError, match=r"images\.planes: has no stain RNA, only DNA, ER; add its channel"):
        chosen_plane("f.tif", "RNA", planes, "row 3")
    with pytest.raises(InputError, match=r"row 3: f\.tif!c=0 selects another plane than images\.planes \(ER: 1\)"):
        chosen_plane("f.tif!c=0", "ER", planes, "row 3")
