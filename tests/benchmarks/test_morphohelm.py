"""MorphoHELM's scores as its code computes them: equal to the golden values, from the screen's own tables."""

import json

import numpy as np
import pandas as pd
import pytest

from cwamsn import screens, tables
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.morphohelm import Relations, drawn_queries, score
from cwamsn.errors import InputError
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import parse_spec
from cwamsn.screen_specs.morphohelm import MorphoHelmSpec
from cwamsn.screens.sources.morphohelm import labels_of, pairs_of

from ..morphohelm_host import Host

ONE, FEW = ["cellprofiler"], BootstrapOptions(resamples=20)


@pytest.fixture(scope="module")
def folder(golden):
    return golden / "morphohelm" / "golden"


@pytest.fixture(scope="module")
def expected(folder):
    read = (json.loads((folder / f"{name}_expected.json").read_text()) for name in ("replicate", "enrichment"))
    return next(read), next(read)


@pytest.fixture(scope="module")
def host(folder, tmp_path_factory):
    """The golden tables of all sets, in the layout of the repository."""
    made = Host(tmp_path_factory.mktemp("host"))
    replicates = pd.read_parquet(folder / "wells_normalized_expected.parquet")
    counts = pd.read_csv(folder / "cell_counts.csv", dtype={"Metadata_Plate": str})
    bray = pd.read_csv(folder / "bbbc_metadata.csv", dtype=str)
    genes = pd.read_parquet(folder / "crispr_wells.parquet").reset_index(drop=True)
    codes = pd.factorize(genes["Metadata_Symbol"])[0]
    jcp = pd.Series([f"JCP2022_8{code + 10:05d}" for code in codes])
    genes = genes.assign(Metadata_JCP2022=jcp.where(genes["Metadata_Symbol"] != "no-guide", "JCP2022_800001"))
    moa = pd.read_parquet(folder / "cpgmoa_wells.parquet")
    features = [name for name in moa if name.startswith("PC_")]
    moa[features] = moa[features].fillna(0)  # as the published code has it
    sets = {
        "cpg-tgt2": replicates,
        "cpg-compound": replicates,
        "bbbc036": pd.read_parquet(folder / "bbbc_wells.parquet"),
        "cpg-moa": moa,
        "cpg-crispr": genes,
    }
    for name, frame in sets.items():
        spec = MorphoHelmSpec(set=name, models=ONE)
        made.models(spec, frame)
    made.table(MorphoHelmSpec(set="cpg-tgt2").cell_counts_path(), counts)
    made.table(MorphoHelmSpec(set="bbbc036").bbbc036_metadata(), bray)
    made.labels(pd.read_csv(folder / "cpgmoa_labels.csv"))
    made.pairs({path.stem[3:]: pd.read_csv(path) for path in folder.glob("db_*.csv")})
    return made


def scored(host, folder, name, quantile=None):
    """Scores by source, metric and null, as a run computes them: its wells from the screen, its vectors by well."""
    spec = parse_spec(host.section(name, models=ONE, cell_count_quantile=quantile))
    screen = ScreenPaths(folder / "screen")
    screens.write_wells(screen, spec, folder / "cache")
    wells = tables.read("wells", screen.wells)
    table = pd.read_parquet(host.root / spec.table(ONE[0]))
    vectors = table.filter(like="PC_").set_axis(table["Metadata_Plate"] + table["Metadata_Well"].str.upper())
    features = vectors.loc[wells["plate"] + wells["address"]].to_numpy()
    labels = labels_of(spec, folder)[0] if name in ("bbbc036", "cpg-moa") else None
    pairs = pairs_of(spec, folder)[0] if name == "cpg-crispr" else None
    result = score(features, wells, name, FEW, relations=Relations(labels, pairs))
    found = result.scores(run="r", screen=name, method="m", seed=0, benchmark="morphohelm", alignment="none", null="-")
    return found.set_index(["source", "metric", "null"])[["value", "n"]]


@pytest.mark.parametrize(
    "name, flow, quantile",
    [
        ("cpg-tgt2", "tgt2_noqc", None),
        ("cpg-tgt2", "tgt2_qc5", 0.05),
        ("cpg-compound", "compound_noqc", None),
        ("cpg-compound", "compound_qc5", 0.05),
    ],
)
def test_replicates_are_retrieved_as_by_the_published_code(host, tmp_path, expected, name, flow, quantile):
    found = scored(host, tmp_path, name, quantile)
    for level in ("NR", "NSB", "NSS", "NSL"):
        wanted = expected[0][flow][level]["repo"]
        for metric, null, key in (
            ("recall_at_1", "perturbations", "recall_at_1_percent"),
            ("mean_average_precision", "perturbations", "map_percent"),
            ("mean_average_precision", "controls", "negcon_map_percent"),
        ):
            row = found.loc[(f"{name} {level}", metric, null)]
            assert 100 * row["value"] == pytest.approx(wanted[key], rel=1e-9), (level, metric, null)
        assert found.loc[(f"{name} {level}", "recall_at_1", "perturbations"), "n"] == wanted["recall_n_eligible"]


def check(found, source, wanted, share="fraction_significant", ratio="geometric_mean_or"):
    assert found.loc[(source, "share_significant", "-"), "value"] == pytest.approx(wanted[share], rel=1e-9)
    assert found.loc[(source, "geometric_mean_odds_ratio", "-"), "value"] == pytest.approx(wanted[ratio], rel=1e-9)


def test_mechanisms_are_enriched_as_by_the_published_code(host, tmp_path, expected):
    check(scored(host, tmp_path / "b", "bbbc036"), "bbbc036 NR", expected[1]["bbbc036_moa"]["repo"])
    found = scored(host, tmp_path / "c", "cpg-moa")
    for level in ("NR", "NSB", "NSS"):
        check(found, f"cpg-moa {level}", expected[1]["cpg_moa"][level]["repo"])


def test_pathways_are_enriched_as_by_the_published_code(host, tmp_path, expected):
    found = scored(host, tmp_path, "cpg-crispr")
    for level in ("NR", "NSB"):
        wanted = expected[1]["crispr"][level]
        for database in ("CORUM", "HuMAP", "REACTOME", "SIGNOR", "StringDB"):
            check(found, f"cpg-crispr {database} {level}", wanted[database]["repo"])
        keys = "fraction_significant_arithmetic_mean", "geometric_mean_or_geometric_mean"
        check(found, f"cpg-crispr {level}", wanted["average_over_databases"], *keys)


# Own data ------------------------------------------------------------------------------------------------------------


def wells(n=60):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "well_id": [f"w{i:02d}" for i in range(n)],
            "experiment": draw.choice(["b1", "b2"], n),
            "source": draw.choice(["s1", "s2"], n),
            "address": draw.choice(["A01", "A02", "B01"], n),
            "perturbation": [f"c{i % 12}" for i in range(n)],
            "control": None,
            "table_row": np.arange(n),
        }
    )
    return draw.normal(size=(n, 5)), frame


def test_row_order_changes_no_score_and_table_order_does():
    features, frame = wells()
    order = np.random.default_rng(1).permutation(len(frame))
    results = [
        score(features[rows], frame.iloc[rows], "cpg-tgt2", FEW).scores(
            run="r", screen="s", method="m", seed=0, benchmark="morphohelm", alignment="none"
        )
        for rows in (np.arange(len(frame)), order)
    ]
    pd.testing.assert_frame_equal(*results)
    other = frame.assign(table_row=order)
    in_order = [f.sort_values("table_row", ignore_index=True) for f in (frame, other)]
    drawn = [set(f["well_id"][drawn_queries(f)]) for f in in_order]
    assert len(drawn[0]) == len(drawn[1]) == 12 and drawn[0] != drawn[1]


@pytest.mark.parametrize(
    "name, change, text",
    [
        ("cpg-tgt2", {"table_row": None}, "have no table_row; score a screen of the source morphohelm"),
        ("cpg-moa", {}, "cpg-moa needs the labels of its compounds"),
        ("cpg-crispr", {}, "cpg-crispr needs the pairs of its genes"),
    ],
)
def test_what_is_missing_is_one_line(name, change, text):
    features, frame = wells()
    with pytest.raises(InputError, match=text):
        score(features, frame.drop(columns=list(change)), name, FEW)


def test_labels_of_no_compound_are_refused():
    features, frame = wells()
    with pytest.raises(InputError, match="no well of bbbc036 is of a compound with a label"):
        score(features, frame, "bbbc036", FEW, relations=Relations(labels=pd.Series({"x": "m"})))
