"""The page holds what the profiles say; it asks nobody, and is the same for the same input."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cwamsn.atlas import AtlasInputs, AtlasOptions, make_atlas
from cwamsn.atlas.library import DISTRIBUTION, drawing_library
from cwamsn.errors import InputError
from cwamsn.pictures import PictureOptions, Thumbnails
from cwamsn.profiles import read_profiles
from tests.atlas.pages import Page
from tests.atlas.screens import GENES, wells_of, write_relationships, write_screen

FAST = AtlasOptions(umap=False, null_size=19, k=4, picture_size=32, sources=("One", "Two"))


@pytest.fixture(autouse=True)
def library(monkeypatch):
    """Pages need the bytes of the library, not the library."""
    for module in ("make", "page"):
        monkeypatch.setattr(f"cwamsn.atlas.{module}.drawing_library", lambda: ("globalThis.x = 1;", "a library"))


@pytest.fixture
def made(tmp_path):
    profiles, _, crops = write_screen(tmp_path / "s", simulated=True)
    pd.DataFrame({"perturbation": GENES, "score": np.arange(6.0)}).to_csv(tmp_path / "mine.csv", index=False)
    inputs = AtlasInputs(
        profiles=profiles, crops=crops, scores={"mine": tmp_path / "mine.csv"},
        annotations=str(write_relationships(tmp_path / "known")), aliases=None,
    )  # fmt: skip
    make_atlas(inputs, tmp_path / "a.html", FAST)
    return inputs, tmp_path / "a.html", crops


def test_points_wells_and_groups_are_those_of_the_profiles(made):
    inputs, path, _ = made
    page, profiles = Page(path), read_profiles(inputs.profiles)
    obs = profiles.obs.sort_index()
    groups = page.header["groups"]
    names, types, doses = page.texts(groups["names"]), page.texts(groups["types"]), page.array(groups["doses"])
    assert len(names) == 6 + 6 + 1 and groups["treated"] == 12
    code = page.array(groups["code"])
    assert page.texts(page.header["levels"]["wells"]["ids"]) == obs.index.tolist()
    assert [names[c] for c in code] == obs["Metadata_Perturbation"].tolist()
    np.testing.assert_allclose(doses[code], obs["Metadata_Concentration"].to_numpy(), rtol=1e-6, equal_nan=True)
    assert {types[c] for c in code} == {"CRISPR", "COMPOUND"}
    starts, members = page.array(groups["starts"]), page.array(groups["members"])
    for group in range(13):
        assert sorted(members[starts[group] : starts[group + 1]]) == np.flatnonzero(code == group).tolist()
    assert page.array(groups["counts"]).tolist() == np.bincount(code).tolist()
    points = page.array(page.header["levels"]["wells"]["maps"]["pca"]).reshape(-1, 2)
    vectors = profiles.vectors()[profiles.obs.index.get_indexer(obs.index)].astype(float)
    centred = vectors - vectors.mean(axis=0)
    np.testing.assert_allclose(np.abs(points).sum(), np.abs(centred @ np.linalg.svd(centred)[2][:2].T).sum(), rtol=1e-3)


def test_columns_to_colour_by_hold_metadata_scores_and_what_was_measured(made):
    page = Page(made[1])
    wells = wells_of().sort_values("well_id")
    assert page.column("wells", "cell count") == wells["cell_count"].tolist()
    assert page.column("wells", "plate") == (wells["experiment"] + " / " + wells["plate"]).tolist()
    assert page.column("wells", "control") == [c if isinstance(c, str) else None for c in wells["control"]]
    names = page.texts(page.header["groups"]["names"])
    score = dict(zip(names, page.column("perturbations", "score (mine)")))
    assert [score[gene] for gene in GENES] == list(range(6)) and np.isnan(score["taxol"])
    means = wells.groupby("perturbation")["cell_count"].mean()
    cells = dict(zip(names, page.column("perturbations", "cell count")))
    assert cells["TP53"] == pytest.approx(means["TP53"]) and cells["DMSO"] == pytest.approx(means["DMSO"])


def test_pictures_are_those_of_their_wells(made):
    _, path, crops = made
    page = Page(path)
    ids = page.texts(page.header["levels"]["wells"]["ids"])
    made_alone = Thumbnails(crops, options=PictureOptions(size=32, window=48))
    pictures = page.pictures()
    assert len(pictures) == 6 * 4 + 6 * 3 + 3 * 4
    for well, data in pictures.items():
        assert data == made_alone.of_well(ids[well])
    assert Image.open(io.BytesIO(data)).size == (page.header["pictures"]["width"],) * 2
    assert "Mito magenta" in page.header["pictures"]["words"]


def test_known_relationships_name_groups_of_their_genes(made):
    page = Page(made[1])
    known, names = page.header["known"], page.texts(page.header["groups"]["names"])
    pairs = zip(page.array(known["first"]), page.array(known["second"]))
    found = {frozenset(names[known["groups"][gene]] for gene in pair) for pair in pairs}
    assert found == {frozenset(p) for p in (("BRCA1", "BRCA2"), ("BRCA2", "RAD51"), ("MDM2", "TP53"))}
    assert known["sources"] == ["One", "Two"]


def test_the_page_asks_no_host_and_says_that_a_screen_is_simulated(made):
    text = made[1].read_text()
    assert "Simulated screen: the images were drawn by a program" in text
    assert not re.search(r"(src|href)=[\"'](https?:)?//", text) and "@import" not in text
    assert 'id="search"' in text and "{{" not in text and "{%" not in text


def test_a_type_that_is_missing_is_said_to_be_unknown(tmp_path):
    frame = pd.DataFrame({"Metadata_Plate": "p", "Metadata_Well": ["A01", "A02"], "Metadata_Perturbation": ["x", "y"]})
    frame = frame.assign(Metadata_PerturbationType=["CRISPR", None], feature_0=[0.0, 1.0], feature_1=1.0)
    frame.to_parquet(tmp_path / "p.parquet")
    make_atlas(AtlasInputs(profiles=tmp_path / "p.parquet"), tmp_path / "a.html", FAST)
    page = Page(tmp_path / "a.html")
    assert page.texts(page.header["groups"]["types"]) == ["CRISPR", "type not known"]


def test_equal_input_gives_an_equal_page_and_names_that_look_like_markup_stay_text(made, tmp_path):
    inputs, path, _ = made
    make_atlas(inputs, tmp_path / "b.html", FAST, title="<b>x</b>")
    make_atlas(inputs, tmp_path / "c.html", FAST)
    assert (tmp_path / "c.html").read_bytes() == path.read_bytes()
    assert "<b>x" not in (tmp_path / "b.html").read_text()


def test_embeddings_of_a_simulated_screen_are_known_by_its_folder(tmp_path):
    profiles, wells, _ = write_screen(tmp_path / "s")
    found = read_profiles(profiles)
    frame = pd.DataFrame(found.features, columns=found.names).assign(well_id=found.obs.index)
    frame.to_parquet(tmp_path / "e.parquet")
    inputs = AtlasInputs(profiles=tmp_path / "e.parquet", wells=wells)
    options = AtlasOptions(umap=False, null_size=19, sources=())
    make_atlas(inputs, tmp_path / "real.html", options)
    (tmp_path / "s/host/truth").mkdir(parents=True)
    (tmp_path / "s/host/truth/wells.parquet").touch()
    make_atlas(inputs, tmp_path / "drawn.html", options)
    assert "Simulated screen" not in (tmp_path / "real.html").read_text()
    assert "Simulated screen" in (tmp_path / "drawn.html").read_text()
    assert Page(tmp_path / "real.html").header["pictures"] is None


@pytest.mark.parametrize(
    ("change", "out", "words"),
    [
        ({}, "a.pdf", "end its name with .html"),
        ({"profiles": "nowhere.h5ad"}, "a.html", "no such file"),
        ({"scores": {"x": "nowhere.csv"}}, "a.html", "give a table with a column perturbation"),
        ({"scores": {"x": "bad.csv"}}, "a.html", "has no column perturbation or well_id"),
        ({"crops": "other.parquet"}, "a.html", "holds no crop of the wells"),
    ],
)
def test_files_that_do_not_belong_together_are_one_line(made, tmp_path, monkeypatch, change, out, words):
    inputs, _, crops = made
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("name,value\na,1\n")
    frame = pd.read_parquet(crops)
    frame.assign(well_id="x_" + frame["well_id"]).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match=words):
        make_atlas(AtlasInputs(**{**vars(inputs), **change}), tmp_path / out, FAST)


def test_a_library_that_is_not_installed_or_not_as_it_is_known_is_one_line(tmp_path, monkeypatch):
    from importlib import metadata

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("cwamsn.atlas.library.metadata.distribution", absent)
    with pytest.raises(InputError, match=rf"{DISTRIBUTION} is not installed.*cwamsn\[atlas\]"):
        drawing_library()

    class Other:
        version = "9"

        def locate_file(self, name):
            return tmp_path / "bundle.js"

    (tmp_path / "bundle.js").write_text("export { x as default };")
    monkeypatch.setattr("cwamsn.atlas.library.metadata.distribution", lambda _: Other())
    with pytest.raises(InputError, match="not the file that jupyter-scatter 1 has there"):
        drawing_library()
    text = "var createScatterplot = 1;\nvar createRenderer = 2;\nexport {\n  x as default\n};\n"
    (tmp_path / "bundle.js").write_text(text)
    code, licence = drawing_library()
    assert "export" not in code and "globalThis.createScatterplot = createScatterplot;" in code and "9" in licence
