"""One theme: every colour twice, each readable on its ground, no two series alike to a colour-blind reader."""

import itertools
import re

import numpy as np
import pytest

from cwamsn import palette
from cwamsn.pages import style_sheet
from cwamsn.pages.theme import DARK, LIGHT


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """Of WCAG 2.2, 1 to 21."""
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def test_light_and_dark_name_the_same_colours():
    assert LIGHT.keys() == DARK.keys() and len(palette.SERIES) == len(palette.DARK_SERIES)
    for name in LIGHT:
        assert style_sheet().count(f"--{name}:") == 5, "the default, a dark system, each choice, print"


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_is_readable_on_its_ground(theme):
    """4.5 for text and links, as WCAG's level AA asks."""
    for text in ("ink", "soft", "link", "mark", "fault", "good"):
        assert contrast(theme[text], theme["page"]) >= 4.5, text
    for text, ground in (("ink", "shade"), ("soft", "shade"), ("on-fault", "fault")):
        assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
    for name in ("mark", "fault", "good"):
        assert contrast(theme["ink"], theme[f"{name}-shade"]) >= 4.5, name
        assert contrast(theme[name], theme[f"{name}-shade"]) >= 4.5, name


# Viénot, Brettel and Mollon (1999), doi:10.1002/(SICI)1520-6378(199908)24:4<243::AID-COL5>3.0.CO;2-3: linear RGB as a
# dichromat sees it.
DICHROMATS = {
    "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


def lab(rgb):
    """CIE L*a*b* (D65) of linear RGB."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ rgb, 0, None) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("series", [palette.SERIES, palette.DARK_SERIES], ids=["light", "dark"])
@pytest.mark.parametrize("vision", [None, *DICHROMATS])
def test_no_two_series_look_alike(series, vision):
    """At least 10 of CIE76's ΔE, where 2.3 is just noticeable."""
    seen = [lab(np.array(DICHROMATS[vision]) @ linear(c) if vision else linear(c)) for c in series]
    for (i, one), (j, other) in itertools.combinations(enumerate(seen), 2):
        assert np.linalg.norm(one - other) >= 10, (series[i], series[j])


def test_the_style_sheet_asks_no_other_host():
    assert not re.search(r"@import|url\(|https?:", style_sheet())
