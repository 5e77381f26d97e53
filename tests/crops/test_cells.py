"""Counting cells: simulated fields with known nuclei, real fields with CellProfiler's, and fields without any."""

import re

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from cwamsn import tables
from cwamsn.crops import compress_to_uint8
from cwamsn.crops.cells import find_nuclei, nuclear_channel, typical_diameter
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs.simulated import SimulatedBraySpec
from cwamsn.simulate import bray, render
from cwamsn.vocabulary import BRAY_STAINS
from tests.crops.screen import make_unit, write


def simulated_fields(monkeypatch, n: int, cell: int, confluence: float):
    """(plane, centres) of simulated fields: the nuclear stain as crops have it, and the cells within its border."""
    drawn = []
    centres = render._centres
    monkeypatch.setattr(render, "_centres", lambda *given: drawn.append(centres(*given)) or drawn[-1])
    size = {"field_height": 10 * cell, "field_width": 14 * cell, "cell_diameter": cell}
    simulation = bray.simulation(SimulatedBraySpec(**size, confluence=confluence))
    wells = simulation.design["well_id"].to_list()
    for k in range(n):
        field = simulation.field(wells[k * len(wells) // n], 0)
        inside = ((drawn[-1] > 0) & (drawn[-1] < field.shape[1:])).all(axis=1)
        yield compress_to_uint8(field[-1]), drawn[-1][inside]


def matched(found: np.ndarray, known: np.ndarray, within: float) -> int:
    """Pairs of a found and a known centre, each in one pair, at most `within` pixels apart."""
    distance = cdist(found, known)
    first, second = linear_sum_assignment(np.minimum(distance, within + 1))
    return int((distance[first, second] <= within).sum())


@pytest.mark.parametrize("confluence", [0.1, 0.4, 0.75])
@pytest.mark.parametrize("cell", [20, 50, 80])
def test_the_cells_of_a_simulated_field_are_found(monkeypatch, cell, confluence):
    fields = list(simulated_fields(monkeypatch, 4, cell, confluence))
    diameter = typical_diameter(plane for plane, _ in fields)
    assert 0.4 * cell < diameter < 0.75 * cell  # nuclei are half as wide as cells, and blurred
    found = [find_nuclei(plane, diameter) for plane, _ in fields]
    known = [centres for _, centres in fields]
    counts, wanted = np.array([len(c) for c in found]), np.array([len(k) for k in known])
    assert np.abs(counts - wanted).sum() <= 0.06 * wanted.sum()
    hits = sum(matched(c, k, diameter) for c, k in zip(found, known))
    assert hits >= 0.92 * max(counts.sum(), wanted.sum())


def test_real_nuclei_are_where_cellprofiler_has_them(shared):
    folder = shared / "lincs_a549"
    planes, known = [], []
    for path in sorted(folder.glob("locations/*/*-1-Nuclei.csv"))[::2]:
        row, column = ord(path.name[0]) - 64, int(path.name[1:3])
        image = folder / "images" / path.parent.name / f"r{row:02d}c{column:02d}f01p01-ch1sk1fk1fl1.png"
        planes.append(imagecodecs.imread(image))
        known.append(pd.read_csv(path).to_numpy()[:, ::-1])
    diameter = typical_diameter(planes[:4])
    assert diameter == pytest.approx(28, abs=2)
    found = [find_nuclei(plane, diameter) for plane in planes]
    counts, wanted = np.array([len(c) for c in found]), np.array([len(k) for k in known])
    # CellProfiler leaves out nuclei on the border, and cuts lobed nuclei into more
    assert np.corrcoef(counts, wanted)[0, 1] > 0.98
    assert np.abs(counts / wanted - 1).mean() < 0.1
    assert sum(matched(c, k, diameter / 2) for c, k in zip(found, known)) > 0.9 * wanted.sum()


@pytest.mark.parametrize(("name", "least", "most"), [("DMSO", 98, 104), ("AMG900", 34, 42)])
def test_the_nuclei_of_16_bit_fields_are_counted_as_by_eye(shared, name, least, most):
    (path,) = (shared / "jump_u2os" / name).glob("*ch5*.tiff")
    plane = compress_to_uint8(tifffile.imread(path))
    assert least <= len(find_nuclei(plane, 34)) <= most


def test_a_count_hardly_depends_on_the_diameter_that_is_given(shared):
    plane = compress_to_uint8(tifffile.imread(shared / "bray" / "field" / "Hoechst.tif"))
    counts = [len(find_nuclei(plane, diameter)) for diameter in (22, 25, 28, 31)]
    assert max(counts) < 1.1 * min(counts)


def empty_field(kind: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 5, (260, 348))
    slope = np.linspace(20, 200, 260)[:, None]
    plane = {"noise": 100 + 2 * noise, "photons": rng.poisson(30, noise.shape), "uneven light": slope + noise}
    return np.clip(plane.get(kind, np.full(noise.shape, 7)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["noise", "photons", "uneven light", "constant"])
def test_a_field_without_cells_has_none(kind):
    plane = empty_field(kind)
    assert len(find_nuclei(plane, 20)) == 0
    assert typical_diameter([plane]) is None


def test_debris_is_no_cell():
    plane = empty_field("photons")
    for row, column in ((50, 60), (120, 200)):
        plane[row : row + 16, column : column + 16] = 250
    for row, column in ((20, 300), (200, 40), (220, 300)):
        plane[row : row + 4, column : column + 4] = 250
    centres = find_nuclei(plane, 18)
    assert np.round(centres[np.argsort(centres[:, 0])]).tolist() == [[58, 68], [128, 208]]


@pytest.mark.parametrize("channels", [BRAY_STAINS, ("AGP", "DNA", "ER"), ("dapi", "Tubulin")])
def test_the_nuclear_stain_is_known_by_its_names(channels):
    assert channels[nuclear_channel(channels)] in ("Hoechst", "DNA", "dapi")
    assert nuclear_channel(channels, channels[0]) == 0


@pytest.mark.parametrize(
    ("channels", "name", "text"),
    [
        (("red", "green"), None, "none of the channels red, green is known as the nuclear stain; name it"),
        (("DNA", "Hoechst"), None, "more than one of the channels"),
        (("DNA", "ER"), "Hoechst", "there is no channel 'Hoechst'; there are DNA, ER"),
    ],
)
def test_a_nuclear_stain_that_cannot_be_told_is_one_line(channels, name, text):
    with pytest.raises(InputError, match=re.escape(text)):
        nuclear_channel(channels, name)


def blobs(positions, shape=(120, 150)) -> np.ndarray:
    """(5, H, W) uint16 field whose last channel has a nucleus of 14 pixels at each position."""
    rng = np.random.default_rng(3)
    field = rng.poisson(60, (5, *shape)).astype(float)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for y, x in positions:
        field[4] += 900 * ((rows - y) ** 2 + (columns - x) ** 2 <= 49)
    field[4, 0, 0] += rng.integers(1, 9)  # no two fields are equal
    return field.astype(np.uint16)


LATTICE = [(y, x) for y in (20, 50, 80) for x in (20, 50, 80, 110)]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_qc_table_has_the_count_of_each_field_and_crops_stay_the_same(tmp_path, sections, threads):
    fields = {"A01": blobs(LATTICE), "A02": blobs(LATTICE[:7]), "A03": blobs([]), "A04": blobs(LATTICE)}
    fields["A04"][3] = 5  # a constant channel: empty
    units = [make_unit(tmp_path / name, "p1", fields) for name in ("plain", "counted")]
    write(units[0], sections)
    write(units[1], sections, cells={"count": True}, threads=threads)
    plain, counted = (tables.read("qc", unit.qc) for unit in units)
    assert counted["cell_count"].tolist()[:3] == [12, 7, 0]
    assert np.isnan(counted["cell_count"][3]) and counted["status"][3] == "skipped"
    assert "cell_count" not in plain
    pd.testing.assert_frame_equal(counted.drop(columns="cell_count"), plain)
    shards = [(unit.shards / "crops.arrow").read_bytes() for unit in units]
    assert shards[0] == shards[1]


def test_a_plate_without_nuclei_says_that_their_size_is_assumed(tmp_path, sections):
    unit = make_unit(tmp_path, "p1", {"A01": blobs([(50, 50)]), "A02": blobs([])})
    with collected() as lines:
        write(unit, sections, cells={"count": True})
    assert lines == [
        "p1: too few nuclei to measure in 2 fields; cells are counted as if nuclei were 24 pixels wide, set "
        "crops.cells.diameter if they are not"
    ]
    with collected() as lines:
        write(unit, sections, cells={"count": True, "diameter": 14})
    assert lines == [] and tables.read("qc", unit.qc)["cell_count"].tolist() == [1, 0]
