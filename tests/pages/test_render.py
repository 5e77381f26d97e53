"""Pages from templates of a package's own, on the shared layout."""

import jinja2
import pandas as pd
import pytest

from cwamsn.pages import renderer, shown

PAGE = """{% extends "base.html.j2" %}
{% from "macros.html.j2" import bullets, grid, picture, theme_switch %}
{% block title %}{{ title }}{% endblock %}
{% block body %}
{{ theme_switch() }}{{ grid(frame, "Wells") }}{{ bullets(["a < b"]) }}
{{ picture(png, "Figure 1", chart=true, alone="snakemake figure1") }}
{% endblock %}
"""


def test_a_package_fills_the_shared_layout_and_what_it_prints_is_escaped(tmp_path):
    (tmp_path / "own.html.j2").write_text(PAGE)
    frame = pd.DataFrame({"Plate <1>": ["A&B"], "Wells": [1234]})
    page = renderer(tmp_path)("own.html.j2", title="T", frame=frame, png=b"x")
    assert page.startswith("<!DOCTYPE html>") and "<title>T</title>" in page and "--series-0: #D55E00;" in page
    assert '<th scope="row">A&amp;B</th><td class="number" data-label="Wells">1,234</td>' in page.replace("\n", "")
    assert "Plate &lt;1&gt;" in page and "a &lt; b" in page and "<script" not in page
    assert 'id="theme-dark"' in page and 'alt="Figure 1"' in page and "snakemake figure1" in page


def test_a_value_that_is_not_given_is_an_error(tmp_path):
    (tmp_path / "own.html.j2").write_text("{{ nothing }}")
    with pytest.raises(jinja2.UndefinedError, match="nothing"):
        renderer(tmp_path)("own.html.j2")


def test_numbers_are_shown_as_a_reader_writes_them():
    assert [shown(v) for v in (1234, 0.25, float("nan"), "x")] == ["1,234", "0.2", "", "x"]
