"""What is said of a result is heard."""

import logging

from cwamsn.notes import collected, note


def test_lines_are_printed_once_where_nobody_has_set_up_logging(monkeypatch, capsys):
    monkeypatch.setattr(logging.getLogger("cwamsn"), "propagate", False)  # pytest listens above
    with collected() as outer, collected() as inner:
        note("8 wells are left out")
    assert outer == inner == ["8 wells are left out"]
    assert capsys.readouterr().err == "8 wells are left out\n"
    with collected(alone=True) as lines:
        note("said in another form")
    assert lines == ["said in another form"] and capsys.readouterr().err == ""
