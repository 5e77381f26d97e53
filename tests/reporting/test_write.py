"""Tables as files."""

from cwamsn.reporting import drop_all_incomplete


def test_what_a_failed_run_left_is_removed_on_every_screen(tmp_path):
    for folder in ("incomplete", "bray/incomplete"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "table1.csv").write_text("gaps")
    (tmp_path / "bray" / "table2.csv").write_text("finished")
    drop_all_incomplete(tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.csv")] == ["bray/table2.csv"]
    assert not list(tmp_path.rglob("incomplete"))
    drop_all_incomplete(tmp_path / "none")
