"""A check of Zarr stores: what their images are, and planes of a store on a host."""

import numpy as np
import pytest

from cwamsn.checks import check_screen
from cwamsn.screen_specs import parse_spec
from tests.checks.plates import drawn, said
from tests.screens.loopback import Loopback
from tests.screens.plates import STAINS, MiniPlate


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Loopback(tmp_path)
    yield server
    server.close()


def plate_of_cells(folder):
    """A plate whose planes are drawn cells, five different ones per field."""
    plate = MiniPlate(folder, "0.5", "cyx")
    for w, (well, field) in enumerate(plate.images):
        image = np.stack([drawn((w, c), 96) for c in range(5)])[:, None]
        for level in range(2):
            for old in sorted((folder / f"{well}/{field}/scale{level}").rglob("*"), reverse=True):
                old.rmdir() if old.is_dir() else old.unlink()
            (folder / f"{well}/{field}/scale{level}").rmdir()
        plate.image(f"{well}/{field}", image, STAINS)
    return folder


def checked(store, **keys):
    spec = parse_spec({"source": "ome-zarr", "store": str(store), "retry": {"attempts": 2, "backoff_s": 0.01}, **keys})
    return check_screen(spec, sample=None)


def test_a_local_plate_is_decoded_and_its_files_are_counted(tmp_path):
    store = plate_of_cells(tmp_path / "P1.zarr")
    report = checked(store)
    assert said(report, "error") == []
    assert report.facts["Decoded"] == "all 6 fields (30 images)"
    assert report.facts["Pictures"] == "96 x 96 pixels, 16 bits, Zarr"
    assert "0.0 MB" not in report.facts["Files"]


def test_a_plate_on_a_host_is_sampled_without_the_rest_of_it(tmp_path, host):
    plate_of_cells(tmp_path / "P1.zarr")
    report = checked(f"{host.url}/P1.zarr", channels={"DNA": 0, "Mito": 4})
    assert said(report, "error") == []
    assert report.facts["Decoded"] == "all 6 fields (12 images)"
    (tmp_path / "P1.zarr/A/1/0/scale0/c/4/0/0").unlink()
    report = checked(f"{host.url}/P1.zarr", channels={"DNA": 0, "Mito": 4})
    assert "chunk c/4/0/0 is not there; copy the store again, or set empty_chunks: zero" in "\n".join(said(report))
