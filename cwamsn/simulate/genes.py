"""Genes and their relationships, from the annotation files that efaar-benchmarking ships."""

from collections import Counter, defaultdict
from functools import cache

from cwamsn.annotation_files import annotation_folder, read_pairs
from cwamsn.errors import InputError
from cwamsn.simulate.seeding import generator
from cwamsn.vocabulary import SOURCES


@cache
def relationships() -> dict[str, tuple[tuple[str, str], ...]]:
    """Pairs of genes of each source, each pair sorted and once."""
    found = {}
    for source in SOURCES:
        pairs = read_pairs(annotation_folder() / f"{source}.txt").itertuples(index=False, name=None)
        found[source] = tuple((str(a), str(b)) for a, b in pairs if "_" not in a + b)
    return found


@cache
def complexes(world_seed: int, count: int, size: int) -> tuple[tuple[str, ...], ...]:
    """`count` groups of `size` genes that the sources relate to each other; no gene is in two groups.

    A group starts from a pair of one source (in turn) and takes, one at a time, the gene with the most relationships to
    the genes it has, counted over all sources, so that a group is a complex or pathway in most of them.
    """
    rng = generator(world_seed, "complexes", count, size)
    sources = relationships()
    links: dict[str, Counter] = defaultdict(Counter)
    for pairs in sources.values():
        for a, b in pairs:
            links[a][b] += 1
            links[b][a] += 1
    starts = {s: rng.permutation(len(pairs)) for s, pairs in sources.items()}
    used: set[str] = set()
    groups: list[tuple[str, ...]] = []
    for step in range(count * 50):
        if len(groups) == count:
            return tuple(groups)
        source = SOURCES[len(groups) % len(SOURCES)]
        pair = sources[source][starts[source][step % len(starts[source])]]
        group = _grow(pair, links, used, size)
        if group:
            groups.append(tuple(group))
            used.update(group)
    raise InputError(
        f"complexes: {count} groups of {size} genes cannot be formed; lower complexes or genes_per_complex"
    )


def _grow(pair: tuple[str, str], links: dict[str, Counter], used: set[str], size: int) -> list[str] | None:
    """Extend a pair to `size` genes, or None where its neighbourhood is used up or too loosely related."""
    if used & set(pair) or any(links[gene].keys() & used for gene in pair):
        return None
    group = list(pair)
    while len(group) < size:
        score: Counter = Counter()
        linked: Counter = Counter()
        for gene in group:
            for other, weight in links[gene].items():
                if other not in used and other not in group:
                    score[other] += weight
                    linked[other] += 1
        # A newcomer must be related to most of the group, or the "complex" is a chain, and rather to none of the groups
        # before, since a relationship between two groups has no phenotype behind it.
        outside = {g: sum(w for other, w in links[g].items() if other in used) for g in score}
        close = [(outside[g] - score[g], g) for g in score if 2 * linked[g] > len(group) and outside[g] < score[g]]
        if not close:
            return None
        group.append(min(close)[1])
    return group[:size]
