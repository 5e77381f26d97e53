"""What a compound is, and that its stereo-isomers stand in one part of a split."""

import pandas as pd
import pytest

from cwamsn.screens import splits

KEYS = pd.Series(["QNAYBMKLOCPYGJ-REOHCLBHSA-N", "QNAYBMKLOCPYGJ-UWTATZPHSA-N", "QNAYBMKLOCPYGJ", "CCO", None])
NAMES = pd.Series(["a", "b", "c", "d", "e"])


def test_a_compound_is_its_whole_inchikey_or_its_first_block_or_its_name():
    assert splits.identities(KEYS, NAMES, "inchikey").tolist() == [*KEYS[:3], "d", "e"]
    assert splits.identities(KEYS, NAMES, "connectivity").tolist() == ["QNAYBMKLOCPYGJ"] * 3 + ["d", "e"]


@pytest.mark.parametrize("seed", range(6))
def test_isomers_of_a_plate_map_are_two_perturbations_in_one_part(run, tmp_path, seed):
    others = [f"X{k}" for k in range(6)]
    rows = [("A01", "left", KEYS[0]), ("A02", "right", KEYS[1]), *((f"B0{k + 1}", x, "") for k, x in enumerate(others))]
    lines = ["well_position,broad_sample,key", *(",".join(row) for row in rows)]
    (tmp_path / "map.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "load_data.csv").write_text("Metadata_Plate,Metadata_Well,Metadata_Site\nP1,A01,1\n")
    spec = {
        "source": "load-data",
        "load_data": str(tmp_path / "load_data.csv"),
        "platemap": str(tmp_path / "map.csv"),
        "inchikey_column": "key",
        "concentration_column": None,
        "split": "own",
        "split_seed": seed,
    }
    wells = run(spec).wells()
    assert wells.loc[["P1_A01", "P1_A02"], "perturbation"].tolist() == KEYS[:2].tolist()
    assert wells.loc["P1_A01", "split"] == wells.loc["P1_A02", "split"] and wells["split"].notna().all()
    wells = run(spec | {"identity": "connectivity"}).wells()
    assert wells.loc["P1_A02", "perturbation"] == "QNAYBMKLOCPYGJ"
