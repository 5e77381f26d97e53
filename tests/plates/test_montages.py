"""Pictures of whole plates: each well at its place, in the contrast of the plate."""

import io

import numpy as np
import pandas as pd
from PIL import Image

from cwamsn.pictures import PictureOptions, Thumbnails
from cwamsn.plates import plate_pictures, write_montages
from tests.pictures.stores import noise, write_store


def thumbnails_of(folder):
    crops = write_store(folder, {well: [noise(i, 64, 64)] for i, well in enumerate(("P_A02", "P_B03"))})
    return Thumbnails(crops, options=PictureOptions(size=16))


def placed(wells):
    return pd.DataFrame({"plate": "P", "well_id": wells, "row": [1, 2], "column": [2, 3]})


def test_a_well_lies_at_its_row_and_column_and_other_places_are_black(tmp_path):
    thumbnails = thumbnails_of(tmp_path)
    whole, *channels = plate_pictures(thumbnails, placed(["P_A02", "P_B03"]), (2, 3), 16)
    assert whole.shape == (34, 51, 3)
    np.testing.assert_array_equal(whole[0:16, 17:33], thumbnails.pixels(thumbnails.crops_of("P_A02")[0]))
    np.testing.assert_array_equal(whole[17:33, 34:50], thumbnails.pixels(thumbnails.crops_of("P_B03")[0]))
    outside = np.ones(whole.shape[:2], bool)
    outside[0:16, 17:33] = outside[17:33, 34:50] = False
    assert not whole[outside].any()
    assert len(channels) == len(thumbnails.channels)
    assert all(not channel[outside].any() and channel.any() for channel in channels)


def test_files_are_the_same_with_one_thread_and_two_and_a_plate_without_crops_has_none(tmp_path):
    wells = pd.concat([placed(["P_A02", "P_B03"]), placed(["Q_A02", "Q_B03"]).assign(plate="Q")])
    found = []
    for threads in (1, 2):
        thumbnails = thumbnails_of(tmp_path)
        folder = tmp_path / str(threads) / "montages"
        montages = write_montages(thumbnails, wells, (8, 12), folder, threads=threads)
        assert list(montages.files) == ["P"] and montages.tile == 17
        found.append([(folder.parent / name).read_bytes() for name in montages.files["P"]])
    assert found[0] == found[1]
    assert Image.open(io.BytesIO(found[0][0])).size == (12 * 17, 8 * 17)
