"""Which wells have a picture: every perturbation before any has two, plates in turn, controls of each plate."""

import numpy as np

from cwamsn.atlas.images import note_without_picture, wells_to_picture
from cwamsn.atlas.options import AtlasOptions
from cwamsn.notes import collected

# two perturbations and a control group (2); three plates
CODE = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, -1])
PLATE = np.array([0, 0, 1, 1, 1, 0, 0, 1, 2, 0])
ALL = np.ones(10, bool)


def chosen(**options):
    return wells_to_picture(CODE, PLATE, 2, options.pop("imaged", ALL), AtlasOptions(**options)).tolist()


def test_every_perturbation_comes_first_then_controls_of_every_plate_then_other_plates():
    assert chosen() == [0, 3, 5, 7, 8, 2, 4, 6, 1]
    assert chosen(pictures=3) == [0, 3, 5]
    assert chosen(pictures_each=1, pictures_of_controls=1) == [0, 3, 5, 7, 8]
    assert chosen(pictures_of_controls=0, pictures_each=2) == [0, 3, 2, 4]


def test_wells_without_a_crop_or_a_known_perturbation_have_none():
    imaged = ALL.copy()
    imaged[[0, 8]] = False
    found = chosen(imaged=imaged)
    assert 0 not in found and 8 not in found and 9 not in found and found[0] == 1


def test_a_note_says_how_many_perturbations_have_no_picture_and_why():
    with collected(alone=True) as lines:
        note_without_picture(CODE, 2, np.array([0]), ALL)
        note_without_picture(CODE, 2, np.array([0]), np.array([True] * 3 + [False] * 7))
        note_without_picture(CODE, 2, np.array([0, 3]), ALL)
    assert lines == [
        "atlas: 1 of 2 perturbations have no picture: 1 for want of room (atlas.pictures)",
        "atlas: 1 of 2 perturbations have no picture: their wells have no crop",
    ]
