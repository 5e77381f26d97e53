"""Tables and figures as data: consistent with each other, and each with what makes it."""

import subprocess
import sys

from cwamsn.products import FIGURES, TABLES
from cwamsn.reporting import BUILDERS
from cwamsn.reporting.figures import FIGURES as DRAWN
from cwamsn.reporting.recall import LEADS


def test_products_and_versions_need_no_pandas_and_no_torch():
    code = "import sys, cwamsn.products, cwamsn.version, cwamsn.where; print({'pandas', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_every_product_has_a_maker_and_known_columns():
    assert {p.builder for p in TABLES.values()} == set(BUILDERS)
    assert {p.builder for p in FIGURES.values()} == set(DRAWN)
    assert {p.lead for p in TABLES.values()} == set(LEADS)
