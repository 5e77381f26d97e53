"""What the kinds of methods can do, and what a configuration makes of them."""

import pytest
import yaml

from cwamsn.config import load_schema, resolve
from cwamsn.methods import KINDS, MAP, PUBLISHED, RANDOM, TRAINED, WELLS, methods_of, seeds_of


@pytest.fixture
def schema(root):
    return load_schema(root / "config" / "schemas")


def test_every_kind_of_the_schemas_is_known_and_no_other(schema):
    variants = [part.get("properties", {}).get("kind", {}) for part in schema["$defs"].values()]
    assert {variant["const"] for variant in variants if "const" in variant} == KINDS.keys()


def test_bounds_and_chance_are_not_ranked():
    assert [name for name, kind in KINDS.items() if not kind.ranked] == ["latent", "random"]


def test_a_finished_map_has_scores_of_genes_alone_and_published_numbers_have_none():
    assert MAP.has("gene_gene") and not MAP.has("compound_gene") and not PUBLISHED.has("gene_gene")
    assert WELLS.has("plate_probe")


def test_a_method_is_computed_with_its_own_seeds_or_the_runs_where_they_matter():
    assert seeds_of(TRAINED, None, [0, 1]) == (0, 1) == seeds_of(RANDOM, None, [0, 1])
    assert seeds_of(TRAINED, [7], [0, 1]) == (7,)
    assert seeds_of(WELLS, None, [0, 1]) == (0,) and seeds_of(PUBLISHED, None, [0, 1]) == ()


def test_methods_come_in_the_order_of_the_tables(root, schema):
    config = {}
    for name in ("config.yaml", "methods.yaml"):
        config |= yaml.safe_load((root / "config" / name).read_text())
    config |= {"methods": ["mine", "random", "cwa-msn"], "embeddings": {"mine": {"path": "x.parquet"}}, "seeds": [3, 4]}
    found = methods_of(resolve(config, schema))
    assert [(m.title, m.kind, m.seeds) for m in found] == [
        ("mine", WELLS, (0,)),
        ("Random", RANDOM, (3, 4)),
        ("CWA-MSN", TRAINED, (3, 4)),
    ]
    assert found[0].tables == (1, 2, 7, 8) and found[0].path == "x.parquet"
