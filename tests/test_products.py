"""Tables and figures as data: consistent with each other, and each with what makes it."""

import subprocess
import sys

import pytest

from cwamsn.products import FIGURES, PRODUCTS, TABLES
from cwamsn.reporting import BUILDERS, targets
from cwamsn.reporting.figures import FIGURES as DRAWN
from cwamsn.reporting.recall import LEADS


def test_tables_and_figures_are_all_products():
    assert [*TABLES, *FIGURES] == [*PRODUCTS] == [*targets.TABLES, *targets.FIGURES]


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_says_what_targets_say(name):
    product = PRODUCTS[name]
    assert product.needs == targets.NEEDS[name] and product.also == targets.ALSO.get(name, ())
    assert product.compares_variants == (name in targets.COMPARISONS)
    assert product.prints_sizes == (name in targets.SIZED)


def test_products_and_versions_need_no_pandas_and_no_torch():
    code = "import sys, cwamsn.products, cwamsn.version, cwamsn.where; print({'pandas', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_every_product_has_a_maker_and_known_columns():
    assert {p.builder for p in TABLES.values()} == set(BUILDERS)
    assert {p.builder for p in FIGURES.values()} == set(DRAWN)
    assert {p.lead for p in TABLES.values()} == set(LEADS)
