"""Figures: what is drawn, and equal bytes for equal scores."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cwamsn.reporting import read_scores
from cwamsn.reporting.figures import FIGURES, doses, efficiency, figure3, save
from cwamsn.tables import InputError


def test_figure1_ratios_follow_from_table_1(entries, scores, setting):
    frame = efficiency(entries, scores, setting)
    own = frame[frame["status"] == "measured"].set_index("title").loc["CWA-MSN"]
    frame = frame[frame["status"] == "quoted"].set_index("title")
    assert own["per_images"] == pytest.approx(own["recall"] / 0.198609)
    assert own["per_product_excess"] == pytest.approx((own["recall"] - 0.1) / (0.198609 * 0.02186))
    phenom = frame.loc["Phenom-1"]
    assert phenom["recall"] == pytest.approx((0.395 + 0.482 + 0.188 + 0.349) / 4)
    assert phenom["per_images"] == pytest.approx(phenom["recall"] / 93)
    assert phenom["per_parameters"] == pytest.approx(phenom["recall"] / 0.307)
    assert np.isnan(frame.loc["CellProfiler", "per_images"])


def test_raw_ratios_credit_chance_to_small_models(entries, scores, setting):
    """Random vectors with a million parameters would lead per parameter; with chance taken off they have nothing."""
    small = [replace(e, parameters=1e6) if e.name == "random" else e for e in entries]
    frame = efficiency(small, scores, setting).set_index(["status", "title"])
    random = frame.loc["measured", "Random"]
    assert random["per_parameters"] > frame.loc["quoted", "per_parameters"].max()
    assert random["per_parameters_excess"] < 0.25 * random["per_parameters"]


def test_doses_stand_in_increasing_order_with_max_last():
    assert doses(["max", "10.0", "0.0025", "1.0"]) == ["0.0025", "1.0", "10.0", "max"]


def test_figure3_draws_every_row_and_the_baseline(entries, scores, setting):
    figure = figure3(entries, scores, setting)
    auc, ap = figure.axes
    assert [line.get_label() for line in auc.lines] == [e.title for e in entries] + ["Random scores"]
    assert auc.get_ylabel() == "AUC-ROC" and ap.get_ylabel() == "Average precision"
    assert [t.get_text() for t in auc.get_xticklabels()][-1] == "max" and len(auc.get_xticks()) == 9
    assert "simulated screens" in figure.get_suptitle()
    plt.close(figure)


@pytest.mark.parametrize("name", list(FIGURES))
def test_equal_scores_give_equal_bytes(name, entries, score_files, setting, tmp_path):
    paths = sorted(score_files.values())
    made = []
    for i, order in enumerate((paths, paths[::-1])):
        files = [tmp_path / f"{name}-{i}.{suffix}" for suffix in ("png", "svg")]
        save(FIGURES[name](entries, read_scores(order), setting), files)
        made.append([path.read_bytes() for path in files])
    assert made[0] == made[1]
    assert made[0][0].startswith(b"\x89PNG") and b"<svg" in made[0][1]
    assert b"<dc:date>" not in made[0][1]


@pytest.mark.parametrize("name", list(FIGURES))
def test_no_scores_is_a_clear_error(name, entries, setting):
    with pytest.raises(InputError, match=f"{name}: no row has"):
        FIGURES[name]([] if name == "figure3" else entries, read_scores([]), type(setting)(quoted_rows=False))
