"""Known relationships among the genes of a map, each once with all that know it."""

from itertools import combinations

import numpy as np
import pytest

from cwamsn.atlas.known import known_relationships, with_similarity
from cwamsn.errors import InputError
from cwamsn.vectors import unit_rows
from tests.atlas.screens import GENES, write_relationships


def test_a_pair_of_two_sources_stands_once_with_both(tmp_path):
    known = known_relationships(GENES, ["One", "Two"], str(write_relationships(tmp_path)))
    pairs = {(known.genes[a], known.genes[b]): int(by) for a, b, by in zip(known.first, known.second, known.by)}
    assert pairs == {("BRCA1", "BRCA2"): 3, ("BRCA2", "RAD51"): 1, ("MDM2", "TP53"): 2}


def test_a_relationship_is_set_beside_all_pairs_of_genes(tmp_path):
    unit = unit_rows(np.random.default_rng(0).normal(size=(9, 5)))
    groups = np.array([1, 2, 4, 5, 7, 8])  # of the genes, in their order
    known = with_similarity(
        known_relationships(GENES, ["One", "Two"], str(write_relationships(tmp_path))), groups, unit
    )
    every = [unit[groups[a]] @ unit[groups[b]] for a, b in combinations(range(6), 2)]
    for a, b, similarity, percentile in zip(known.first, known.second, known.similarity, known.percentile):
        own = unit[groups[a]] @ unit[groups[b]]
        assert similarity == pytest.approx(own, abs=1e-6)
        assert percentile == pytest.approx(100 * np.mean([value < own - 1e-7 for value in every]))


def test_without_genes_or_sources_nothing_is_read_and_a_missing_file_of_the_user_is_told(tmp_path):
    assert not len(known_relationships([], ["One"], "nowhere").first)
    assert not len(known_relationships(GENES, [], "nowhere").first)
    with pytest.raises(InputError, match="no such file of relationships"):
        known_relationships(GENES, ["One"], str(tmp_path))
