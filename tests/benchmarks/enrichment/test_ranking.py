"""Places of partners: as the naive ranking of one profile after another has them."""

import numpy as np
import pytest
from scipy import sparse

from cwamsn.benchmarks.enrichment import Consensus, rank_partners, ranking
from cwamsn.errors import InputError


def screen(seed, *, items=60, blocks=4, features=12):
    """Profiles in the order of items and blocks, some missing, some double, many of them copies; and a relation."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"c{i:03d}", f"b{b}") for i in range(items) for b in range(blocks) for _ in range(rng.choice([0, 1, 1, 2]))
    ]
    names, places = (np.array(column, dtype=object) for column in zip(*rows))
    vectors = rng.normal(size=(len(rows), features))[rng.integers(0, len(rows) // 2, len(rows))]
    vectors[rng.random(len(rows)) < 0.05] = 0
    count = len(set(names))
    pairs = np.triu(rng.random((count, count)) < 0.1, 1)
    return Consensus(vectors, names, places), sparse.csr_array(pairs | pairs.T)


def ranked_one_by_one(profiles, relation, across):
    names = sorted(set(profiles.items))
    norms = np.linalg.norm(profiles.vectors, axis=1, keepdims=True)
    unit = profiles.vectors / np.where(norms == 0, 1, norms)
    for query, (own, block) in enumerate(zip(profiles.items, profiles.blocks)):
        best = {}
        for other, (item, place) in enumerate(zip(profiles.items, profiles.blocks)):
            if item != own and not (across and place == block):
                best[item] = max(best.get(item, -2), round(float(unit[query] @ unit[other]), 12))
        order = sorted(best, key=lambda item: (-best[item], item))
        partners = {names[k] for k in np.flatnonzero(relation.toarray()[names.index(own)])}
        positions = [place for place, item in enumerate(order) if item in partners]
        if positions:
            yield own, block, len(order), positions


def plain(queries):
    return [(query.item, query.block, query.candidates, query.positions.tolist()) for query in queries]


@pytest.mark.parametrize("block", [7, 128])
@pytest.mark.parametrize("features", [1, 12])
def test_candidates_of_other_blocks_are_ranked_by_their_most_similar_profile(monkeypatch, features, block):
    monkeypatch.setattr(ranking, "_BLOCK", block)
    profiles, relation = screen(0, features=features)
    assert plain(rank_partners(profiles, relation, across=True)) == list(ranked_one_by_one(profiles, relation, True))


def test_one_profile_per_item_is_ranked_among_all_others_and_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(ranking, "_BLOCK", 5)
    profiles, relation = screen(1, blocks=1)
    first = np.unique(profiles.items.astype(str), return_index=True)[1]
    profiles = Consensus(*(column[first] for column in profiles))
    found = plain(rank_partners(profiles, relation))
    assert found == list(ranked_one_by_one(profiles, relation, False))
    assert plain(rank_partners(profiles, relation, threads=3)) == found


def test_equal_profiles_tie_whatever_order_a_product_adds_in():
    """Copies of one vector at the edge of a product, where its sums are made in another order."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(259, 301))
    vectors[1:] = vectors[1]
    names = np.array([f"c{i:03d}" for i in range(259)], dtype=object)
    relation = sparse.csr_array(~np.eye(259, dtype=bool))
    found = rank_partners(Consensus(vectors, names, np.full(259, "", dtype=object)), relation)
    assert all(query.positions.tolist() == list(range(258)) for query in found) and len(found) == 259


def test_items_that_no_other_block_holds_have_no_query():
    profiles = Consensus(np.eye(4), np.array(list("abcd"), dtype=object), np.array(list("xxxx"), dtype=object))
    assert rank_partners(profiles, sparse.csr_array(~np.eye(4, dtype=bool)), across=True) == []


def test_a_relation_of_other_items_and_unmarked_profiles_of_one_item_are_refused():
    profiles, relation = screen(2)
    with pytest.raises(InputError, match="a relation of 3 items for"):
        rank_partners(profiles, sparse.csr_array(np.eye(3, dtype=bool)), across=True)
    with pytest.raises(InputError, match="several profiles of one item; take their mean, or rank across blocks"):
        rank_partners(profiles, relation)
