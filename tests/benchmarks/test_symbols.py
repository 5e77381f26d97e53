"""Names that match nothing are said, and names of one gene find each other."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks.annotations import joint_relationships, matched_names, relationships
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.split_half import split_half_by_guide
from cwamsn.benchmarks.symbols import names_in_map, previous_symbols, table_path
from cwamsn.embeddings import read_map
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.vocabulary import SOURCES


@pytest.fixture
def annotations(tmp_path):
    """A source that knows a ring of twelve genes, the first by its symbol of today."""
    names = ["ATP5F1A", *[f"GENE{i}" for i in range(1, 12)]]
    pairs = pd.DataFrame({"entity1": names, "entity2": [*names[1:], names[0]]})
    pairs.to_csv(tmp_path / "mine.txt", index=False)
    return tmp_path


def gene_map(genes, values=None):
    x = np.random.default_rng(0).standard_normal((len(genes), 5)) if values is None else values
    frame = pd.DataFrame(x, columns=[f"feature_{i}" for i in range(x.shape[1])])
    keys = {"perturbation_type": "CRISPR", "perturbation": genes, "concentration": np.nan, "n_wells": 1}
    return pd.concat([pd.DataFrame(keys, index=frame.index), frame], axis=1)


def score(genes, folder, aliases="hgnc", values=None):
    with collected() as said:
        found = gg.Similarities(gene_map(genes, values))
        options = gg.GeneGeneOptions(sources=["mine"], thresholds=[(0.05, 0.95)], annotations=folder, aliases=aliases)
        table = gg.summary(found, options, BootstrapOptions(resamples=2))
    return int(table[table["source"] == "mine"]["n"].iloc[0]) if len(table) else 0, " | ".join(said)


def test_a_previous_symbol_finds_its_pairs_and_is_said(annotations):
    genes = ["ATP5A1", *[f"GENE{i}" for i in range(1, 12)], "EMPTY_control"]
    n, said = score(genes, annotations)
    assert n == 12 and "1 of 12 genes of the map are in the annotations by another symbol (ATP5A1 is ATP5F1A" in said
    n, said = score(genes, annotations, None)
    assert n == 10 and "1 of 12 genes of the map are in no annotation" in said and "would find 1 of them" in said


def test_names_that_differ_in_case_or_spaces_are_one_gene(annotations):
    n, said = score(["atp5f1a", " GENE1", *[f"gene{i}" for i in range(2, 12)]], annotations)
    assert n == 12 and "12 of 12 genes of the map are in the annotations by another symbol" in said


def test_a_map_without_any_known_gene_says_so(annotations):
    n, said = score(["ENSG1", "ENSG2", "ENSG3", "2-Sep"], annotations)
    assert n == 0 and "none of 4 genes of the map is in an annotation (such as 2-Sep, ENSG1" in said
    assert "1 genes of the map are named like dates (2-Sep)" in said
    assert "3 are Ensembl, Entrez or other identifiers: annotations have gene symbols" in said
    assert "no two of the 4 genes of the map are a known pair of any annotation, which gives no recall" in said


@pytest.mark.parametrize("name", ["1-Mar", "Sep-02", "01. Sep", "1-Dec-22", "2023-09-01", "9/2/2023", "Mrz 01"])
def test_a_gene_that_a_spreadsheet_made_a_date_is_said(annotations, name):
    assert f"named like dates ({name})" in score([name, "GENE1", "GENE2"], annotations)[1]
    assert "dates" not in score(["MARCH1", "SEP15", "DEC1", "NOV", "APR-2B", "HLA-A", "GENE1"], annotations)[1]


def test_what_may_mean_two_genes_is_left_alone():
    assert names_in_map(["ATP5F1A"], ["ATP5A1"], "hgnc") == {"ATP5F1A": "ATP5A1"}
    assert names_in_map(["ATP5F1A"], ["ATP5A1", "ATP5F1A"], "hgnc") == {}  # the map has the gene by its own name
    assert names_in_map(["ATP5F1A", "ATP5A1"], ["ATP5A1"], "hgnc") == {}  # the annotation has it by the map's
    assert names_in_map(["ATP5F1A"], ["ATP5A1", "atp5a1"], "hgnc") == {}  # two of the map
    assert names_in_map(["SEPT7"], ["SEPTIN7"], "hgnc") == {"SEPT7": "SEPTIN7"}  # an annotation older than the map
    assert names_in_map(["ATP5F1A"], ["ATP5A1"], None) == {}


def test_the_built_in_table_names_no_gene_twice_and_no_symbol_of_today():
    table = previous_symbols("hgnc")
    wanted = {"AARS": "AARS1", "WHSC1": "NSD2", "MARCH5": "MARCHF5", "C10orf2": "TWNK", "H2AFX": "H2AX"}
    assert len(table) > 6000 and {name: table[name] for name in wanted} == wanted
    lines = [line for line in table_path("hgnc").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == len(table) + 1 and not set(table) & set(table.values())


def test_a_table_of_the_users(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("previous,symbol\nOLD1,NEW1\nOLD2,NEW2\nOLD2,NEW3\n")
    assert previous_symbols(str(own)) == {"OLD1": "NEW1"}
    hgnc = tmp_path / "hgnc_complete_set.txt"
    hgnc.write_text('hgnc_id\tsymbol\tprev_symbol\n1\tNEW1\t"OLD1|OLDER1"\n2\tNEW2\t\n3\tX\tNEW2\n')
    assert previous_symbols(str(hgnc)) == {"OLD1": "NEW1", "OLDER1": "NEW1"}
    with pytest.raises(InputError, match=r"aliases: no such file .*absent.tsv; give hgnc, null or a table"):
        previous_symbols(str(tmp_path / "absent.tsv"))
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="lacks the columns previous and symbol"):
        previous_symbols(str(tmp_path / "bad.csv"))


def test_previous_symbols_of_real_gene_profiles(shared):
    path = shared / "profiles" / "PERISCOPE_HeLa_HPLM_hits_PCA56.csv"
    genes = read_map(path, {"perturbation_column": "Metadata_Foci_Barcode_MatchedTo_GeneCode"})[0]["perturbation"]
    assert len(genes) - len(matched_names(SOURCES, genes)[0]) == 781
    known, renamed = matched_names(SOURCES, genes, aliases="hgnc")
    assert (len(genes) - len(known), len(set(renamed.values()))) == (709, 73)
    assert len(joint_relationships(SOURCES, genes)) == 20928
    assert len(joint_relationships(SOURCES, genes, aliases="hgnc")) == 21608


def test_rxrx3_core_has_no_previous_symbol_that_counts(shared):
    genes = pd.read_csv(shared / "rxrx3_core" / "genes_735.csv")["gene"]
    counts = [len(relationships(source, genes, aliases="hgnc")) for source in SOURCES]
    assert counts == [1209, 958, 569, 495, 1737]


def test_a_recall_of_zero_has_its_cause_beside_it(annotations):
    genes = ["ATP5F1A", *[f"GENE{i}" for i in range(1, 12)], *[f"X{i}" for i in range(40)]]
    values = np.tile([[1.0, 0, 0]], (len(genes), 1))
    values[40:] = np.random.default_rng(0).standard_normal((12, 3))
    _, said = score(genes, annotations, values=values)
    assert "recall of mine is 0 of 12 pairs where chance is 0.10: 59% of all pairs have the same cosine (1)" in said


def test_a_map_whose_vectors_tell_nothing_apart_is_refused():
    with pytest.raises(InputError, match=r"all 190 pairs of the map have the same cosine \(1\)"):
        gg.Similarities(gene_map([f"G{i}" for i in range(20)], np.tile([[1.0, 2.0]], (20, 1))))


def test_split_halves_need_no_columns_that_a_screen_may_lack():
    rng = np.random.default_rng(0)
    wells = pd.DataFrame({"well_id": [f"w{i:02d}" for i in range(60)], "perturbation_type": "CRISPR", "control": None})
    wells["perturbation"] = [f"G{i % 5}" for i in range(60)]
    x = rng.standard_normal((60, 8)) + rng.standard_normal((5, 8))[np.arange(60) % 5] * 3
    with collected() as said:
        assert split_half_by_guide(x, wells).empty
    assert said == ["split_half_recall: 0 genes have two guides or more, two are needed: no noise ceiling"]
    guides = wells.assign(guide=[f"G{i % 5}_{i // 5 % 4}" for i in range(60)])
    table = split_half_by_guide(x, guides)
    assert table["n_genes"].eq(5).all() and table["top1"].mean() > 0.9
    pd.testing.assert_frame_equal(table, split_half_by_guide(x, guides.assign(gene=guides["perturbation"])))


def test_a_screen_of_one_experiment_has_no_recall_of_experiments():
    wells = pd.DataFrame({"perturbation": ["MCM2", "MCM3", "MCM4"], "perturbation_type": "CRISPR", "experiment": "e1"})
    table = gg.experiment_recall(
        wells, gg.GeneGeneOptions(sources=["CORUM"], thresholds=[(0.05, 0.95)], aliases=None), draws=2
    )
    assert table["recall"].isna().all() and len(table) == 1


def test_a_recall_of_nothing_among_few_pairs_is_laid_to_chance(annotations):
    _, said = score(["ATP5F1A", "GENE1", "GENE5"], annotations, values=np.array([[1, 0.1], [0.4, 0.9], [1, 0.2]]))
    assert "recall of mine is 0 of 1 pairs where chance is 0.10: with so few pairs that happens by chance" in said


def test_a_map_of_one_dimension_is_refused():
    with pytest.raises(InputError, match="the map has one dimension, in which every cosine is 1 or -1"):
        gg.Similarities(gene_map(["A", "B", "C"], np.array([[1.0], [2.0], [-3.0]])))


@pytest.mark.parametrize("content", [b"", b"gene1,gene2\nA,B\n", "entity1,entity2\nA,B\n".encode("utf-16")])
def test_annotations_of_the_users_that_are_none_are_one_line(tmp_path, content):
    (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"mine.txt: not a table of relationships, CSV with entity1,entity2"):
        relationships("mine", folder=tmp_path)
