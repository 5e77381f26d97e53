"""The page in a real browser: search, click, gallery, lasso, keys, address, two widths, light and dark, no error."""

import io

import pandas as pd
import pytest

from cwamsn.atlas import AtlasInputs, AtlasOptions, make_atlas
from cwamsn.atlas.library import drawing_library
from cwamsn.errors import InputError
from cwamsn.profiles import write_anndata
from tests.atlas.screens import profiles_of, wells_of, write_relationships, write_screen
from tests.browser import Browser
from tests.pictures.stores import noise, write_store

pytestmark = pytest.mark.privileged
READY = "document.documentElement.dataset.ready"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    try:
        drawing_library()
    except InputError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("atlas")
    profiles, _, crops = write_screen(folder / "s", simulated=True)
    inputs = AtlasInputs(
        profiles=profiles, crops=crops, annotations=str(write_relationships(folder / "known")), aliases=None
    )
    options = AtlasOptions(umap=False, null_size=19, k=4, picture_size=32, sources=("One", "Two"))
    make_atlas(inputs, folder / "atlas.html", options)
    return folder / "atlas.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
def opened(browser, page_file):
    """Opens the page; at the end no page may have said or asked anything that it should not."""
    pages = []

    def call(**named):
        pages.append(browser.open(page_file, **named))
        pages[-1].wait(READY, 60)
        return pages[-1]

    yield call
    for page in pages:
        assert page.problems == []
        page.call("Page.close")


@pytest.fixture(scope="module")
def odd_file(page_file, tmp_path_factory):
    """A screen whose ids do not begin with the plate, with doses of many digits, a gene and a compound of one name,
    and a name that begins a comment and a script."""
    folder = tmp_path_factory.mktemp("odd")
    wells = wells_of()
    wells["concentration"] /= 3**6
    names = {"KRAS": "taxol", "TP53": "<!--<script>'\"&amp;"}
    wells["perturbation"] = wells["perturbation"].replace(names)
    wells["well_id"] = [f"w_{i:03d}" for i in range(len(wells))]
    write_anndata(profiles_of(wells), folder / "profiles.h5ad")
    crops = write_store(folder, {well: [noise(i, 48, 48)] for i, well in enumerate(wells["well_id"])})
    options = AtlasOptions(umap=False, null_size=19, k=4, picture_size=32, sources=())
    make_atlas(AtlasInputs(profiles=folder / "profiles.h5ad", crops=crops), folder / "atlas.html", options)
    return folder / "atlas.html", wells


def heading(page):
    return page.run("document.getElementById('picked')?.textContent ?? ''")


def screen_position(page, name):
    """Where the point of a perturbation is drawn, in the window."""
    return page.run(
        "(() => { const g = atlas.data.names.indexOf('" + name + "'); const r = document.getElementById('canvas')"
        ".getBoundingClientRect(); const p = atlas.plot().getScreenPosition(g); return [r.x + p[0], r.y + p[1]] })()"
    )


def test_a_search_completes_and_shows_images_beside_controls_neighbours_and_relationships(opened):
    page = opened()
    assert page.run("document.querySelector('.banner').textContent").startswith("Simulated screen")
    page.key("/")
    page.type("brc")
    assert page.wait("[...document.querySelectorAll('#matches li')].map((x) => x.textContent).join() === 'BRCA1,BRCA2'")
    page.key("ArrowDown")
    page.key("Enter")
    page.wait("document.getElementById('picked')?.textContent === 'BRCA2'")
    images = "[...document.querySelectorAll('{} img')]"
    assert page.wait(f"{images.format('#gallery')}.every((i) => i.complete && i.naturalWidth > 0)")
    assert page.run(f"{images.format('#gallery')}.length") == 4
    assert page.run(f"{images.format('#controls')}.length") == 8
    assert page.run("document.querySelectorAll('#nearest tbody tr').length") == 4
    assert "p: how often as many random wells" in page.run("document.getElementById('panel').textContent")
    known = page.run("document.getElementById('known').textContent")
    assert "BRCA1" in known and "RAD51" in known and "One, Two" in known
    assert page.run("[...document.querySelectorAll('img')].every((i) => i.alt)")


def test_a_click_on_a_point_picks_it_and_a_click_on_a_neighbour_goes_there(opened):
    page = opened()
    page.click(*screen_position(page, "TP53"))
    page.wait("document.getElementById('picked')?.textContent === 'TP53'")
    page.click_on("#nearest button.name")
    page.wait("document.getElementById('picked').textContent !== 'TP53'")
    page.key("Escape")
    page.wait("!document.getElementById('picked')")


def test_hovering_names_a_point_and_shows_its_cells(opened):
    page = opened()
    page.mouse("mouseMoved", *screen_position(page, "KRAS"))
    page.wait("!document.getElementById('hover').hidden")
    assert page.run("document.querySelector('#hover strong').textContent") == "KRAS"
    assert page.wait("document.querySelector('#hover img').naturalWidth > 0")


def test_the_doses_of_a_compound_stand_in_order(opened):
    page = opened()
    page.run("atlas.pick(atlas.data.names.lastIndexOf('taxol'))")
    page.wait("document.getElementById('doses') !== null")
    texts = page.run("[...document.querySelectorAll('#doses button')].map((b) => b.textContent)")
    assert texts == ["0.1 µM", "1 µM", "10 µM"]
    assert page.run("document.querySelector('#doses [aria-current]').textContent") == heading(page).removeprefix(
        "taxol at "
    )


def test_controls_beside_a_perturbation_lie_on_its_plates_whatever_the_ids(browser, odd_file):
    path, wells = odd_file
    page = browser.open(path)
    page.wait(READY, 60)
    page.run("atlas.pick(atlas.data.names.indexOf('aspirin'))")
    ids = "[...document.querySelectorAll('#{} figcaption')].map((c) => c.textContent)"
    plates = wells.set_index("well_id")["experiment"] + wells.set_index("well_id")["plate"]
    shown = set(plates[page.run(ids.format("gallery"))])
    assert set(plates[page.run(ids.format("controls"))]) == shown
    assert page.problems == []
    page.call("Page.close")


def test_the_address_and_a_lasso_keep_doses_of_many_digits(browser, odd_file):
    path, wells = odd_file
    page = browser.open(path)
    page.wait(READY, 60)
    taken = page.run("(async () => { await atlas.showLasso([...atlas.data.names.keys()]); return atlas.data.lasso })()")
    saved = pd.read_csv(io.StringIO(taken), float_precision="round_trip")
    assert set(saved["concentration"].dropna()) == set(wells["concentration"].dropna())
    assert set(saved["perturbation"]) == set(wells["perturbation"])
    doses = page.run("atlas.data.names.flatMap((name, i) => (name === 'taxol' && atlas.data.doses[i] > 0 ? [i] : []))")
    assert len(doses) == 3
    for group in doses:
        page.run(f"atlas.pick({group})")
        other = browser.open(path, fragment=page.run("location.hash").removeprefix("#"))
        other.wait(READY, 60)
        assert other.run("atlas.state.pick") == group and heading(other) == heading(page)
        assert other.problems == []
        other.call("Page.close")
    gone = browser.open(path, fragment="pick=taxol&type=COMPOUND&dose=0.5")
    gone.wait(READY, 60)
    assert gone.run("atlas.state.pick") is None
    page.call("Page.close")
    gone.call("Page.close")


def test_a_gene_and_a_compound_of_one_name_are_told_apart(browser, odd_file):
    page = browser.open(odd_file[0])
    page.wait(READY, 60)
    page.key("/")
    page.type("taxol")
    found = page.wait("((x) => x.length && x)([...document.querySelectorAll('#matches li')].map((x) => x.textContent))")
    assert "taxol (CRISPR)" in found and sum(text.startswith("taxol (compound) at ") for text in found) == 3
    page.call("Page.close")


def test_a_lasso_holds_names_that_can_be_saved(opened):
    page = opened()
    page.click_on("input[name=tool][value=lasso]")
    x, y, width, height = page.run(
        "(() => { const r = document.getElementById('canvas').getBoundingClientRect(); "
        "return [r.x, r.y, r.width, r.height] })()"
    )
    inside = [
        (0.02, 0.02),
        (0.98, 0.02),
        (0.98, 0.5),
        (0.98, 0.98),
        (0.5, 0.98),
        (0.02, 0.98),
        (0.02, 0.5),
        (0.02, 0.03),
    ]
    page.wait("atlas.plot().get('mouseMode') === 'lasso'")
    page.drag([(x + a * width, y + b * height) for a, b in inside])
    page.wait("document.getElementById('picked')?.textContent === '13 perturbations'")
    lines = page.run("atlas.data.lasso").splitlines()
    assert lines[0] == "perturbation,perturbation_type,concentration" and len(lines) == 14
    assert {"TP53,CRISPR,", "taxol,COMPOUND,10", "DMSO,COMPOUND,"} <= set(lines)
    assert page.run("document.getElementById('save').download") == "selection.csv"


def test_the_address_keeps_the_view_for_a_colleague(opened):
    page = opened()
    page.run("atlas.change({ level: 'wells', colour: 'Metadata_CellCount' })")
    page.run("atlas.pick(atlas.data.names.indexOf('MDM2'))")
    page.run("atlas.plot().zoomToLocation([0.2, -0.1], 0.5, { transition: false })")
    page.wait("location.hash.includes('view=')")
    fragment = page.run("location.hash").removeprefix("#")
    other = opened(fragment=fragment)
    state = "[atlas.state.level, atlas.state.colour, atlas.data.names[atlas.state.pick]]"
    assert other.run(state) == ["wells", "Metadata_CellCount", "MDM2"] == page.run(state)
    assert other.run("Math.abs(atlas.plot().get('cameraDistance') - 0.5)") < 1e-3
    assert heading(other) == "MDM2"
    gone = opened(fragment="pick=NOSUCH&type=CRISPR&colour=nothing&level=planets")
    assert "no NOSUCH in this map" in gone.run("document.getElementById('said').textContent")
    assert gone.run("atlas.state.level") == "perturbations"


def test_keys_move_and_zoom_the_map(opened):
    page = opened()
    page.run("document.getElementById('canvas').focus()")
    page.key("ArrowRight")
    page.wait("atlas.plot().get('cameraTarget')[0] > 0.1")
    page.key("+")
    page.wait("atlas.plot().get('cameraDistance') < 0.9")
    page.key("0")
    page.wait("Math.abs(atlas.plot().get('cameraTarget')[0]) < 1e-3")


def test_colours_of_classes_can_be_shown_alone(opened):
    page = opened()
    page.click_on("#legend button.entry")
    page.wait("atlas.state.only !== null && location.hash.includes('only=')")
    assert page.run("document.querySelector('#legend [aria-pressed=true]') !== null")
    page.run("atlas.change({ colour: 'concentration' })")
    assert page.wait("document.querySelector('#legend .bar') !== null")
    assert "7 without a value" in page.run("document.getElementById('legend').textContent")


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_two_widths_and_both_themes(opened, width, dark):
    page = opened(width=width, height=800, dark=dark, fragment="pick=BRCA1&type=CRISPR")
    assert heading(page) == "BRCA1"
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 25, 31)" if dark else "rgb(255, 255, 255)")
    page.run("document.getElementById('theme-light').click()")
    page.wait("getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'")


def test_the_page_measures_itself(opened):
    page = opened()
    assert page.run("atlas.milliseconds") > 0
    assert page.run("atlas.panRate(5)") > 0


def test_a_large_map_draws_some_of_its_points_while_it_moves_and_all_when_it_rests(opened):
    page = opened(fragment="level=wells")
    count = page.run("atlas.plot().get('points').length")
    page.run("atlas.pick(0)")
    page.run("new Promise(done => setTimeout(done, 1500))")  # until the map has gone there and rests
    page.run("atlas.thinning.to = 5; atlas.thinning.rest = 1000")
    picked = page.run("atlas.plot().get('selectedPoints')")
    shown = "atlas.plot().get('filteredPoints')"
    page.run("document.getElementById('canvas').focus()")
    page.key("ArrowLeft")
    few = page.wait(f"{shown}.length < {count} && {shown}")
    assert set(picked) <= set(few)
    page.wait(f"{shown}.length === {count}")
    assert page.run("atlas.plot().get('selectedPoints')") == picked
