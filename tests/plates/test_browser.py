"""The page of plates in a real browser: what is drawn, clicked, pressed, and what the address keeps."""

import numpy as np
import pytest

from cwamsn.pictures import PictureOptions, Thumbnails
from cwamsn.plates import write_plates
from tests.browser import Browser
from tests.pictures.stores import noise, write_store
from tests.plates.test_numbers import profiles_of, wells_of

pytestmark = pytest.mark.privileged


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four plates in two batches, with profiles and pictures; P1_B02 has no well."""
    path = tmp_path_factory.mktemp("plates")
    wells = wells_of(("P1", "P2", "P3", "P4"), rows=4)
    wells["experiment"] = np.where(wells["plate"] < "P3", "first", "second")
    wells = wells[wells["well_id"] != "P1_B02"].reset_index(drop=True)
    vectors = np.random.default_rng(0).normal(size=(len(wells), 3)).astype(np.float32)
    crops = write_store(path / "store", {well: [noise(i, 32, 32)] for i, well in enumerate(wells["well_id"])})
    write_plates(
        path,
        wells,
        title="four plates",
        profiles={"": profiles_of(wells, vectors)},
        thumbnails=Thumbnails(crops, options=PictureOptions(size=32)),
        simulated=True,
    )
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


READY = "document.documentElement.dataset.ready"


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (400, True)])
def test_every_plate_is_drawn_and_nothing_is_wider_than_the_window(browser, folder, width, dark):
    page = browser.open(folder / "plates.html", width=width, dark=dark)
    page.wait(READY)
    assert page.run("document.querySelectorAll('#grid canvas').length") == 4
    named = page.run("[...document.querySelectorAll('#grid span')].map(e => e.textContent)")
    assert named == ["P1, batch first", "P2, batch first", "P3, batch second", "P4, batch second"]
    assert page.run("document.documentElement.scrollWidth") <= width
    assert "Simulated images" in page.run("document.body.innerText")
    # a known well is coloured, the place of the missing one is not
    pixel = "[...document.querySelector('#grid canvas').getContext('2d').getImageData({}, {}, 1, 1).data].join()"
    cell = page.run("document.querySelector('#grid canvas').width") / 4
    known, missing = (page.run(pixel.format(int(cell * (c + 0.3)), int(cell * 1.2))) for c in (0, 1))
    assert known != missing
    assert page.problems == []


def test_a_click_opens_a_plate_and_arrow_keys_move_over_its_wells(browser, folder):
    page = browser.open(folder / "plates.html")
    page.wait(READY)
    page.click_on("#grid button[aria-label^='Plate P1']")
    page.wait("document.getElementById('one').open")
    assert page.run("document.querySelector('#well h3').textContent").startswith("A01: DMSO, negative control")
    page.key("ArrowDown")
    page.key("ArrowRight")
    assert page.run("document.querySelector('#well h3').textContent") == "B02: no well"
    page.key("ArrowRight")
    assert page.run("document.querySelector('#well h3').textContent") == "B03: drug"
    assert "well=B03" in page.run("location.hash")
    page.wait("document.getElementById('picture').naturalWidth > 0")
    assert page.run("document.querySelectorAll('#tiles figure').length") == 4  # all stains and each of three
    page.key("Escape")
    page.wait("!document.getElementById('one').open && !location.hash.includes('plate=')")
    assert page.problems == []


def test_the_address_brings_back_what_was_shown(browser, folder):
    page = browser.open(folder / "plates.html", fragment="batch=second&plate=P4&well=C02&picture=Mito&scale=own")
    page.wait(READY)
    assert page.run("document.getElementById('one-title').textContent") == "Plate P4 (batch second)"
    assert page.run("document.querySelector('#well h3').textContent") == "C02: drug"
    assert page.run("document.getElementById('channel').selectedOptions[0].textContent") == "Mito"
    assert page.run("document.querySelectorAll('#grid canvas').length") == 2
    page.key("PageUp")
    assert page.run("document.getElementById('one-title').textContent") == "Plate P3 (batch second)"
    assert page.problems == []
