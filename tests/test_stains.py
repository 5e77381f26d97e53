"""One stain under two names: found by name, else by synonym, else refused with both lists."""

import pytest

from cwamsn.errors import InputError
from cwamsn.profiling.settings import Settings, settings_of
from cwamsn.stains import find_stains, plain_name
from cwamsn.vocabulary import BRAY_STAINS, SYNONYMS
from tests.workflow.chain import ROOT


def test_names_come_before_synonyms():
    assert find_stains(["ER", "DNA"], ["DNA", "ER", "Mito"]) == {"ER": "ER", "DNA": "DNA"}
    assert find_stains(["Hoechst"], ["DAPI", "Hoechst"]) == {"Hoechst": "Hoechst"}


def test_phalloidin_and_wga_together_are_one_exposure():
    assert find_stains(["Ph_golgi"], ["Phalloidin/WGA", "Mito"]) == {"Ph_golgi": "Phalloidin/WGA"}


def test_synonyms_stand_for_each_other_in_any_spelling():
    found = find_stains(BRAY_STAINS, ["OrigDNA", "con a", "SYTO 14", "AGP", "Mito-Tracker"])
    assert found == {
        "Mito": "Mito-Tracker",
        "ERSyto": "con a",
        "ERSytoBleed": "SYTO 14",
        "Ph_golgi": "AGP",
        "Hoechst": "OrigDNA",
    }


def test_no_name_stands_for_two_stains():
    names = [plain_name(name) for group in SYNONYMS for name in group]
    assert len(names) == len(set(names))


def test_what_is_missing_is_named_with_both_lists():
    with pytest.raises(InputError, match=r"takes DNA, Tubulin, the screen has DNA, ER: Tubulin is not among them"):
        find_stains(["DNA", "Tubulin"], ["DNA", "ER"])


def test_two_that_could_be_meant_are_refused():
    with pytest.raises(InputError, match=r"the encoder's Hoechst may be the screen's DAPI or DNA; .*Hoechst=DAPI"):
        find_stains(["Hoechst"], ["DAPI", "DNA"])
    with pytest.raises(InputError, match=r"the encoder's Hoechst and DNA would both be the screen's DNA"):
        find_stains(["Hoechst", "DNA"], ["DNA"])


def test_settings_of_a_package_are_those_of_the_schemas(tmp_path):
    """An installed package has no schemas: its defaults are of its own."""
    (tmp_path / "my.yaml").write_text("run: x\nembedding: {view: tiles}\n")
    found, default = settings_of(f"{tmp_path}/my.yaml:screen"), Settings()
    assert found.embedding.view == "tiles"
    assert (found.crops, found.alignment) == (default.crops, default.alignment)
    assert found.channel_maps["rxrx3_to_bray"] == default.channel_maps["rxrx3_to_bray"]
    assert settings_of(ROOT / "absent.csv") == default
