"""Cells that are counted on the way: in the QC table, in alignments and scores; and which files that needs."""

import json

import pandas as pd
import pytest
import yaml

from cwamsn.cell_counts import counts_of_qc
from cwamsn.errors import InputError
from cwamsn.needs import Needs
from tests.plans import SCREENS, plan_of, wells
from tests.workflow.chain import snakemake, tiny

COUNTED = {"cells": {"count": True}}
MINE = {"mine": wells()}


def test_counts_are_waited_for_where_something_takes_them():
    assert Needs(plan_of(MINE, crops=COUNTED)).cells("e") == {}
    for taken in ({"minimum_cells": {"number": 1}}, {"alignment": {"also": ["regress-cell-count"]}}):
        assert Needs(plan_of(MINE, crops=COUNTED, **taken)).cells("e") == {"qc": "d/e/qc.parquet"}
        assert Needs(plan_of(MINE, **taken)).cells("e") == {}  # the wells table may have them


def test_the_users_counts_go_before_those_that_are_counted(tmp_path):
    path = tmp_path / "counts.csv"
    screens = {**SCREENS, "e": {**SCREENS["e"], "cell_counts": str(path)}}
    needs = Needs(plan_of(MINE, crops=COUNTED, screens=screens, minimum_cells={"number": 1}))
    with pytest.raises(InputError, match=r"screens\.e\.cell_counts: .*counts\.csv: no such file; correct the path"):
        needs.cells("e")
    path.write_text("well_id,cell_count\n")
    assert needs.cells("e") == {"counts": str(path)}
    assert "cell_counts" not in needs.source_spec("e")  # another table fetches nothing again


def test_crops_that_are_not_counted_are_made_from_what_they_were():
    assert "cells" not in Needs(plan_of(MINE)).crop_options("e")
    assert Needs(plan_of(MINE, crops=COUNTED)).crop_options("e")["cells"]["count"]


@pytest.mark.slow
def test_a_run_counts_cells_and_leaves_wells_with_few_of_them_out(tmp_path):
    config = tiny() | {"run": "counted", "methods": ["random"], "training_screen": None}
    config["evaluate"] = {"rxrx3-tiny": ["gene_gene", "compound_gene", "plate_probe", "retrieval"]}
    config["alignment"] = {"method": "counted", "recipes": {"counted": ["regress-cell-count+screen", "center-scale"]}}
    config |= {"crops": COUNTED, "minimum_cells": {"quantile": 0.2}}
    path = tmp_path / "counted.yaml"
    path.write_text(yaml.safe_dump(config))
    snakemake(tmp_path, "scores", "tables", config=path)
    screen, results = tmp_path / "data" / "rxrx3-tiny", tmp_path / "results" / "counted"
    all_wells = pd.read_parquet(screen / "wells.parquet")
    counts = counts_of_qc(pd.read_parquet(screen / "qc.parquet"))["cell_count"].reindex(all_wells["well_id"])
    threshold = counts.quantile(0.2)
    few = int((counts < threshold).sum())
    assert 0 < few < 0.25 * len(counts) and counts.median() > 5
    scores = pd.read_parquet(results / "scores.parquet").set_index(["benchmark", "metric"])["value"].sort_index()
    for benchmark in config["evaluate"]["rxrx3-tiny"]:
        assert set(scores.loc[benchmark, "minimum_cells"]) == {threshold}
        assert set(scores.loc[benchmark, "wells_below_minimum_cells"]) == {few}
    map_of = pd.read_parquet(next(results.glob("maps/rxrx3-tiny/random/seed0.parquet")))
    assert map_of["n_wells"].sum() <= len(counts) - few
    notes = json.loads(next(results.glob("maps/rxrx3-tiny/random/seed0.notes.json")).read_text())
    assert f"{few} of {len(counts)} wells have fewer than {threshold:g} cells and are left out" in notes
    queries = set(pd.read_parquet(next(results.glob("scores/rxrx3-tiny/random/seed0/retrieval.parquet")))["well_id"])
    assert queries and not queries & set(counts.index[counts < threshold])
