"""The training log's file."""

import csv

from cwamsn.training.log import TrainingLog


def test_a_number_that_comes_later_or_not_always_has_a_column(tmp_path):
    log = TrainingLog(tmp_path)
    log.add({"loss": 1.0}, images=2)
    log.add({"loss": 3.0}, images=2)
    log.close_window(2, 0, {"lr": 0.1}, waited=0.0)
    log.add({"loss": 2.0, "late": 4.0}, images=2)
    log.add({"loss": 2.0}, images=2)
    log.close_window(4, 0, {"lr": 0.1}, waited=0.0)
    log.close()
    with (tmp_path / "log.csv").open() as handle:
        first, second = csv.DictReader(handle)
    assert (first["loss"], first["late"]) == ("2.0", "")
    assert (second["loss"], second["late"]) == ("2.0", "4.0")
