"""Tables as files."""

from dataclasses import replace

import numpy as np

from cwamsn.products import TABLES
from cwamsn.reporting import make_table
from cwamsn.reporting.render import fragment, to_csv, to_html, to_html_page
from tests.reporting.conftest import parse


def test_csv_numbers_read_back(methods, scores, context):
    for name in TABLES:
        for line in parse(to_csv(make_table(name, methods, scores, context))).values():
            for key, value in line.items():
                if key.endswith(("_std", "_difference")) and value:
                    assert np.isfinite(float(value))


def test_a_tables_page_stands_alone_and_gives_back_its_fragment(methods, scores, context):
    table = make_table("table1", methods, scores, replace(context, run_title="My <plates>"))
    page = to_html_page(table)
    assert page.startswith("<!DOCTYPE html>") and "td.best { font-weight: 700; }" in page
    assert f"<title>{table.title} · My &lt;plates&gt;</title>" in page and "<h1>My &lt;plates&gt;</h1>" in page
    assert fragment(page) == to_html(table)
