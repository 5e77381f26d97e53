"""MorphoHELM's well tables: which wells its code scores, against the golden values; hosts and their faults."""

import json

import numpy as np
import pandas as pd
import pytest

from cwamsn import screens
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs import lacks_images, parse_spec, units
from cwamsn.screen_specs.morphohelm import MODELS, MorphoHelmSpec, listed_files
from cwamsn.screens.sources.morphohelm import labels_of, pairs_of, table_of
from cwamsn.screens.sources.morphohelm.selection import (
    candidates_of_replicates,
    compounds_at_every_level,
    dense_subset,
    two_per_source,
)

from ...morphohelm_host import DMSO, POINTER, Host, counts_of, jump_wells, whole_host

ONE = ["cellprofiler"]


@pytest.fixture(scope="module")
def folder(golden):
    return golden / "morphohelm" / "golden"


@pytest.fixture(scope="module")
def expected(folder):
    return json.loads((folder / "replicate_expected.json").read_text())


@pytest.fixture(scope="module")
def replicates(folder, tmp_path_factory):
    """The golden replicate table on a host, as two sets; text in the cells as JUMP has it."""
    made = Host(tmp_path_factory.mktemp("host"))
    frame = pd.read_parquet(folder / "wells_normalized_expected.parquet")
    counts = pd.read_csv(folder / "cell_counts.csv", dtype={"Metadata_Plate": str})
    for name in ("cpg-tgt2", "cpg-compound"):
        spec = MorphoHelmSpec(set=name, models=ONE)
        made.models(spec, frame)
        made.table(spec.cell_counts_path(), counts)
    return made


def ids(wells):
    return (wells["plate"] + ":" + wells["address"]).tolist()


def in_table_order(run, section):
    wells = run(section).wells().sort_values("table_row")
    return wells[wells["control"].isna()]


# Selection -----------------------------------------------------------------------------------------------------------


def test_wells_with_few_cells_are_those_of_the_published_code(run, replicates, expected):
    this = run(replicates.section("cpg-tgt2", models=ONE))
    wells = this.wells()
    everything = run(replicates.section("cpg-tgt2", models=ONE, cell_count_quantile=None)).wells()
    dropped = set(ids(everything)) - set(ids(wells))
    assert sorted(dropped) == sorted(expected["qc"]["dropped_wells_default"])
    assert (wells["cell_count"] >= expected["qc"]["default"]["cell_count_threshold"]).all()
    assert (wells["control"] == "negative").sum() == (wells["perturbation"] == "DMSO").sum() > 0


@pytest.mark.parametrize("flow, quantile", [("compound_noqc", None), ("compound_qc5", 0.05)])
def test_compounds_and_wells_are_those_that_the_published_code_draws(run, replicates, expected, flow, quantile):
    wanted = expected[flow]["selection"]
    section = replicates.section("cpg-compound", models=ONE, cell_count_quantile=quantile)
    wells = in_table_order(run, section)
    assert ids(wells) == wanted["evaluation_wells_in_order"]
    assert sorted(wells["perturbation"].unique()) == wanted["selected_compounds"]
    whole = in_table_order(run, section | {"published_selection": False})
    candidates = whole[candidates_of_replicates(whole)]
    drawn = candidates.iloc[two_per_source(candidates["perturbation"].to_numpy(), candidates["source"].to_numpy())]
    drawn = drawn[drawn["perturbation"].isin(wanted["selected_compounds"])]
    assert sorted(ids(drawn)) == sorted(wanted["eligibility_wells"])


def test_a_compound_needs_one_pair_that_differs_in_source_and_position_at_once():
    def wells(*rows):
        return pd.DataFrame(rows, columns=["perturbation", "experiment", "source", "address"])

    both = wells(("x", "b1", "s1", "A01"), ("x", "b2", "s2", "A02"))
    apart = wells(("x", "b1", "s1", "A01"), ("x", "b2", "s1", "A02"), ("x", "b1", "s2", "A01"))
    apart.loc[3] = ("x", "b1", "s2", "A01")
    assert compounds_at_every_level(both) == {"x"}
    assert compounds_at_every_level(apart) == {"x"}  # A02 of s1 and A01 of s2
    assert compounds_at_every_level(apart[apart["address"] == "A01"]) == set()


def test_the_subset_of_mechanisms_is_that_of_the_published_code(folder):
    wanted = json.loads((folder / "enrichment_expected.json").read_text())["cpg_moa"]
    wells = pd.read_parquet(folder / "cpgmoa_wells.parquet")
    labels = pd.read_csv(folder / "cpgmoa_labels.csv").groupby("Metadata_JCP2022")["Metadata_MoA"].first()
    moa = wells["Metadata_JCP2022"].map(labels)
    known = moa.notna()
    assert dense_subset(moa[known].tolist(), wells.loc[known, "Metadata_Source"].tolist()) == wanted["dropped_in_order"]
    with pytest.raises(InputError, match="ends with source_10, which the table has not"):
        dense_subset(["a"], ["source_2"])


# Sets ----------------------------------------------------------------------------------------------------------------


def test_mechanisms_and_controls_of_bbbc036_come_from_its_metadata(run, folder, tmp_path):
    made = Host(tmp_path / "repository")
    spec = MorphoHelmSpec(set="bbbc036", models=ONE)
    table = pd.read_parquet(folder / "bbbc_wells.parquet")
    known = pd.read_csv(folder / "bbbc_metadata.csv", dtype=str)
    made.models(spec, table)
    made.table(spec.bbbc036_metadata(), known.assign(Metadata_Well=known["Metadata_Well"].str.upper()))
    made.table(spec.cell_counts_path(), counts_of(table))
    section = made.section("bbbc036", models=ONE, cell_count_quantile=None)
    wells = run(section).wells()
    assert len(wells) == len(table) and set(wells["experiment"]) == {"bbbc036"} and "source" not in wells
    assert (wells["control"] == "negative").sum() == (known["Metadata_ASSAY_WELL_ROLE"] == "mock").sum() > 0
    labels, _ = labels_of(parse_spec(section), tmp_path)
    rows = known.dropna(subset=["Metadata_moa", "Metadata_broad_sample"])
    assert labels.to_dict() == rows.groupby("Metadata_broad_sample")["Metadata_moa"].first().to_dict()
    assert set(labels.index) <= set(wells["perturbation"])


def test_wells_of_cpg_moa_are_of_labelled_compounds_in_the_sources_that_are_kept(run, folder, tmp_path):
    made = Host(tmp_path / "repository")
    spec = MorphoHelmSpec(set="cpg-moa", models=ONE)
    table = pd.read_parquet(folder / "cpgmoa_wells.parquet")
    made.models(spec, table)
    made.labels(pd.read_csv(folder / "cpgmoa_labels.csv"))
    wanted = json.loads((folder / "enrichment_expected.json").read_text())["cpg_moa"]
    this = run(made.section("cpg-moa", models=ONE, cell_count_quantile=None))
    wells = this.wells()
    treated = wells[wells["control"].isna()]
    assert treated["perturbation"].nunique() == wanted["n_compounds_after_filter"]
    assert not set(treated["source"]) & set(wanted["dropped_in_order"])
    groups = treated.groupby(["perturbation", "source", "experiment"]).ngroups
    assert groups == wanted["n_profiles_after_filter"]
    facts = json.loads((this.screen.source).read_text())
    assert facts["compounds_kept"] == wanted["n_compounds_after_filter"]
    assert sorted(facts["dropped"]) == sorted(wanted["dropped_in_order"])


def test_genes_of_cpg_crispr_are_those_that_the_published_code_keeps(run, folder, tmp_path):
    made = Host(tmp_path / "repository")
    spec = MorphoHelmSpec(set="cpg-crispr", models=ONE)
    table = pd.read_parquet(folder / "crispr_wells.parquet").reset_index(drop=True)
    symbols = table["Metadata_Symbol"]
    jcp = pd.Series([f"JCP2022_8{code + 10:05d}" for code in pd.factorize(symbols)[0]], index=table.index)
    made.models(spec, table.assign(Metadata_JCP2022=jcp.where(symbols != "no-guide", "JCP2022_800001")))
    frames = {path.stem[3:]: pd.read_csv(path) for path in folder.glob("db_*.csv")}
    made.pairs(frames)
    wanted = json.loads((folder / "enrichment_expected.json").read_text())["crispr"]
    section = made.section("cpg-crispr", models=ONE, cell_count_quantile=None)
    this = run(section)
    wells = this.wells()
    treated = wells[wells["control"].isna()]
    assert treated["gene"].nunique() == wanted["n_genes"] and set(treated["perturbation_type"]) == {"CRISPR"}
    facts = json.loads(this.screen.source.read_text())
    unnamed = {"(missing)", "no-guide", "non-targeting"}
    assert facts["symbols_removed"] == sorted(set(wanted["removed_symbols"]) - unnamed)
    assert (wells["control"] == "negative").sum() == (symbols == "no-guide").sum() > 0
    pairs, _ = pairs_of(parse_spec(section), tmp_path)
    assert (pairs.groupby("database").size() == [len(f) for _, f in sorted(frames.items())]).sum() == 4
    assert (pairs["database"] == "StringDB").sum() == (frames["StringDB"]["combined_score"] > 950).sum()


# Hosts ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    """A host's folder `host`, which the fixture of that name serves too."""
    (tmp_path / "host").mkdir(exist_ok=True)
    made = Host(tmp_path / "host")
    spec = MorphoHelmSpec(set="cpg-tgt2")
    made.models(spec, jump_wells())
    made.table(spec.cell_counts_path(), counts_of(jump_wells()))
    return made


def test_the_published_list_of_files_has_every_file_of_every_set():
    known = listed_files(None)
    assert len(known) == 48
    for name in ("bbbc036", "cpg-moa", "cpg-crispr", "cpg-tgt2", "cpg-compound"):
        spec = MorphoHelmSpec(set=name)
        for path in [*map(spec.table, MODELS), spec.cell_counts_path()]:
            assert spec.remote(path).url == f"{spec.base_url}/{path}"
    with pytest.raises(InputError, match=r"has no data/.*/resnets_normalized.parquet; nearest: resnet_normalized.pa"):
        spec.remote(spec.table("resnets"))


def test_a_set_is_a_screen_without_images_of_one_unit(small):
    section = small.section("cpg-tgt2")
    assert units("s", section) == ["cpg-tgt2"] and lacks_images(section)
    with pytest.raises(InputError, match="has profiles and no images"):
        screens.sources.source_of(parse_spec(section)).acquire(parse_spec(section), None, None, None)


def test_tables_are_fetched_by_their_digest_and_resumed(host, run, small):
    section = small.section("cpg-tgt2", host.url, models=["cellprofiler", "subcell"])
    spec = parse_spec(section)
    path = spec.table("cellprofiler")
    host.faults[path] = ["cut"]
    this = run(section)
    wells = this.wells()
    assert len(wells) == len(jump_wells()) - json.loads(this.screen.source.read_text())["wells_with_fewer_cells"]
    asked = [headers for name, headers in host.requests if name == path]
    assert len(asked) == 2 and "Range" in asked[1]
    table_of(spec, "subcell", this.folder / "cache")
    before = len(host.requests)
    table_of(spec, "subcell", this.folder / "cache")
    assert len(host.requests) == before, "kept in the cache"


def test_another_file_than_the_published_one_is_refused(host, run, small):
    section = small.section("cpg-tgt2", host.url, models=ONE)
    path = parse_spec(section).table(ONE[0])
    (small.root / path).write_text(POINTER.format(digest="0" * 64, size=9))
    with pytest.raises(InputError, match="base_url must be one that sends large files"):
        run(section).wells()


def test_a_pointer_in_place_of_a_local_table_is_named(run, small):
    section = small.section("cpg-tgt2", models=ONE)
    file = small.root / parse_spec(section).table(ONE[0])
    file.write_text(POINTER.format(digest="0" * 64, size=9))
    with pytest.raises(InputError, match=r"cellprofiler_normalized.parquet: is a Git LFS pointer.*run `git lfs pull`"):
        run(section).wells()


def test_an_order_of_rows_that_changes_the_draws_is_noted(small, tmp_path):
    spec = parse_spec(small.section("cpg-tgt2"))
    table = pd.read_parquet(small.root / spec.table("resnet"))
    small.table(spec.table("resnet"), table.iloc[::-1])
    with collected() as notes:
        table_of(spec, "cloome", tmp_path)
        assert not notes
        table_of(spec, "resnet", tmp_path)
    assert len(notes) == 1 and "another order of rows" in notes[0]


def broken(made, spec, change):
    path = spec.table(spec.models[0])
    made.table(path, change(pd.read_parquet(made.root / path)))


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda t: t.drop(columns="Metadata_JCP2022"), "has no column Metadata_JCP2022, which tells what is in a well"),
        (lambda t: t.drop(columns="Metadata_Batch"), "has no column Metadata_Batch"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "row 336: well 200_A01 appears twice"),
        (lambda t: t.replace({"Metadata_Well": {"A01": "A-1x"}}), "'A-1x' is not a well address"),
        (lambda t: t.assign(Metadata_Plate=t["Metadata_Plate"] + "x"), "wells have no cell_count"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(run, small, change, text):
    section = small.section("cpg-tgt2", models=ONE)
    broken(small, parse_spec(section), change)
    with pytest.raises(InputError, match=text) as caught:
        run(section).wells()
    assert "\n" not in str(caught.value)


def test_the_first_of_several_counts_of_a_well_is_taken(run, small):
    section = small.section("cpg-tgt2", models=ONE)
    path = parse_spec(section).cell_counts_path()
    counts = pd.read_parquet(small.root / path)
    before = run(section).wells()["cell_count"]
    small.table(path, pd.concat([counts, counts.iloc[:2].assign(cell_count=1)]))
    with collected() as notes:
        pd.testing.assert_series_equal(run(section).wells()["cell_count"], before)
    assert any("2 wells have several counts (as 200_A01); the first is taken" in line for line in notes)


def test_scores_of_pairs_that_are_no_numbers_are_one_line(run, tmp_path):
    made = whole_host(tmp_path / "whole")
    spec = parse_spec(made.section("cpg-crispr"))
    frame = pd.read_parquet(made.root / spec.pairs("StringDB"))
    made.table(spec.pairs("StringDB"), frame.astype({"combined_score": str}))
    with pytest.raises(InputError, match=r"StringDB\.parquet: cannot be read as the published Parquet file") as caught:
        pairs_of(spec, tmp_path)
    assert "\n" not in str(caught.value)
    made.table(spec.pairs("StringDB"), frame.drop(columns="combined_score"))
    with pytest.raises(InputError, match="has no column combined_score"):
        pairs_of(spec, tmp_path)


def test_what_a_set_does_not_have_is_said(small, tmp_path):
    spec = parse_spec(small.section("cpg-tgt2"))
    with pytest.raises(InputError, match="set cpg-tgt2: has no mechanisms"):
        labels_of(spec, tmp_path)
    with pytest.raises(InputError, match="pairs of genes belong to cpg-crispr"):
        pairs_of(spec, tmp_path)
    with pytest.raises(InputError, match="models: has no resnets; nearest: resnet"):
        table_of(spec, "resnets", tmp_path)
    with pytest.raises(InputError, match=r"files: none\.csv: no such file on this machine"):
        parse_spec(small.section("cpg-tgt2", files="none.csv")).remote("x")


def test_compounds_are_selected_only_where_every_model_has_them(run, tmp_path):
    made = Host(tmp_path / "repository")
    models = ["cellprofiler", "subcell"]
    spec = MorphoHelmSpec(set="cpg-compound", models=models)
    wells = jump_wells()
    made.models(spec, wells)
    lacking = pd.read_parquet(made.root / spec.table("subcell"))
    gone = (lacking["Metadata_JCP2022"] == "JCP2022_100003") & (lacking["Metadata_Source"] != "source_2")
    made.table(spec.table("subcell"), lacking[~gone])
    section = made.section("cpg-compound", models=models, cell_count_quantile=None)
    found = run(section).wells()
    treated = found[found["control"].isna()]
    assert "JCP2022_100003" not in set(treated["perturbation"]) and treated["perturbation"].nunique() == 39
    assert treated.groupby(["perturbation", "source"]).size().max() == 2
    assert (found["treatment"] == DMSO).sum() == (wells["Metadata_JCP2022"] == DMSO).sum()
    few = run(section | {"sample": 5}).wells()
    assert few.loc[few["control"].isna(), "perturbation"].nunique() == 5
    assert np.array_equal(np.sort(few["table_row"]), np.arange(len(few)))
