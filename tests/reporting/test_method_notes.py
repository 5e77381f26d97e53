"""Notes of methods below a table."""

from cwamsn.files import write_json
from cwamsn.reporting import make_table
from cwamsn.reporting.method_notes import named_lines, notes_by_method
from cwamsn.reporting.render import to_csv, to_html, to_latex, to_markdown
from tests.reporting.conftest import parse


def test_what_jobs_noted_stands_below_the_table_by_method_once(methods, scores, context, tmp_path):
    def said(name, *lines):
        write_json(list(lines), tmp_path / f"{name}.json")
        return tmp_path / f"{name}.json"

    few, half = "179 of 512 dimensions: 180 controls", "<5 wells of 2 genes & more"
    notes = notes_by_method(
        {
            "cwa-msn": {0: [said("a", few, half)], 1: [said("b", few), said("c", few)]},
            "random": {0: [said("d", few)], 1: [said("e", few)]},
            "untrained-vit": {0: [said("f")]},
        }
    )
    assert notes == {"cwa-msn": [few, f"{half} (seed 0)"], "random": [few]}
    table = make_table("table1", methods, scores, context, notes)
    assert table.notes[:2] == [f"Random, CWA-MSN: {few}", f"CWA-MSN: {half} (seed 0)"]
    assert parse(to_csv(table))["cwa-msn"]["notes"] == f"{few}; {half} (seed 0)"
    for render in (to_markdown, to_latex, to_html):
        assert f"Random, CWA-MSN: {few}" in render(table)
    assert "&lt;5 wells of 2 genes &amp; more" in to_html(table) and r"$<$5 wells of 2 genes \& more" in to_latex(table)
    assert named_lines({"a": ["x"], "b": ["x"]}, {"a": "A", "b": "B"}) == ["Every method: x"]
