"""Figures: what is drawn, and equal bytes for equal scores."""

from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cwamsn import tables
from cwamsn.errors import InputError
from cwamsn.palette import style
from cwamsn.reporting import read_scores
from cwamsn.reporting.drawing import save
from cwamsn.reporting.figures import FIGURES, doses, efficiency, figure3


def test_figure1_ratios_follow_from_table_1(methods, scores, on_rxrx3_core):
    frame = efficiency(methods, scores, on_rxrx3_core)
    own = frame[frame["status"] == "measured"].set_index("title").loc["CWA-MSN"]
    frame = frame[frame["status"] == "quoted"].set_index("title")
    assert own["per_images"] == pytest.approx(own["recall"] / 0.198609)
    assert own["per_product_excess"] == pytest.approx((own["recall"] - 0.1) / (0.198609 * 0.02186))
    phenom = frame.loc["Phenom-1"]
    assert phenom["recall"] == pytest.approx((0.395 + 0.482 + 0.188 + 0.349) / 4)
    assert phenom["per_images"] == pytest.approx(phenom["recall"] / 93)
    assert phenom["per_parameters"] == pytest.approx(phenom["recall"] / 0.307)
    assert np.isnan(frame.loc["CellProfiler", "per_images"])


def test_raw_ratios_credit_chance_to_small_models(methods, scores, on_rxrx3_core):
    """Random vectors with a million parameters would lead per parameter; with chance taken off they have nothing."""
    small = [replace(e, parameters=1e6) if e.name == "random" else e for e in methods]
    frame = efficiency(small, scores, on_rxrx3_core).set_index(["status", "title"])
    random = frame.loc["measured", "Random"]
    assert random["per_parameters"] > frame.loc["quoted", "per_parameters"].max()
    assert random["per_parameters_excess"] < 0.25 * random["per_parameters"]


def test_doses_stand_in_increasing_order_with_max_last():
    assert doses(["max", "10.0", "0.0025", "1.0"]) == ["0.0025", "1.0", "10.0", "max"]


def test_figure3_draws_every_row_and_the_baseline(methods, scores, context):
    figure = figure3(methods, scores, context)
    auc, ap = figure.axes
    assert [line.get_label() for line in auc.lines] == [e.title for e in methods] + ["Random scores"]
    assert auc.get_ylabel() == "AUC-ROC" and ap.get_ylabel() == "Average precision"
    assert [t.get_text() for t in auc.get_xticklabels()][-1] == "max" and len(auc.get_xticks()) == 9
    assert "simulated screens" in figure.get_suptitle()
    plt.close(figure)


@pytest.mark.parametrize("name", list(FIGURES))
def test_equal_scores_give_equal_bytes(name, methods, score_files, context, tmp_path):
    paths = sorted(score_files.values())
    made = []
    for i, order in enumerate((paths, paths[::-1])):
        files = [tmp_path / f"{name}-{i}.{suffix}" for suffix in ("png", "svg")]
        save(FIGURES[name](methods, read_scores(order), context), files)
        made.append([path.read_bytes() for path in files])
    assert made[0] == made[1]
    assert made[0][0].startswith(b"\x89PNG") and b"<svg" in made[0][1]
    assert b"<dc:date>" not in made[0][1]


@pytest.mark.parametrize("name", list(FIGURES))
def test_no_scores_is_a_clear_error(name, methods, context):
    with pytest.raises(InputError, match=f"{name}: no method has"):
        FIGURES[name]([] if name == "figure3" else methods, read_scores([]), type(context)(published_methods=False))


@pytest.fixture
def many(methods, score_files, tmp_path):
    """Sixteen rows with long titles, and their scores."""
    wide, files = [], []
    for i in range(16):
        like = methods[i % len(methods)]
        title = f"Row {i} with an encoder standing in for another one (and a remark on top of it)"
        wide.append(replace(like, name=f"row-{i}", title=title, seeds=(0,)))
        for benchmark in ("gene_gene", "compound_gene"):
            frame = tables.read("scores", score_files[like.name, 0, benchmark]).assign(method=f"row-{i}")
            files.append(tmp_path / f"{i}-{benchmark}.parquet")
            tables.write(frame, "scores", files[-1])
    return wide, read_scores(files)


def _inside(box, frame):
    return box.x0 >= -1 and box.y0 >= -1 and box.x1 <= frame.x1 + 1 and box.y1 <= frame.y1 + 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", list(FIGURES))
def test_many_rows_with_long_titles_fit(name, many, context):
    """No text leaves the figure, and the titles of one panel do not reach into the next."""
    figure = FIGURES[name](*many, context)
    figure.canvas.draw()
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    if name == "figure1":
        texts = [t for axes in figure.axes for t in (*axes.get_yticklabels(), axes.xaxis.label)]
        rows = [t.get_window_extent() for t in figure.axes[0].get_yticklabels()]
        assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(rows))
    outside = [t.get_text() for t in texts if not _inside(t.get_window_extent(), figure.bbox)]
    assert not outside
    for axes in figure.axes:
        left = min((t.get_window_extent().x0 for t in axes.get_yticklabels()), default=axes.bbox.x0)
        others = [a.bbox.x1 for a in figure.axes if a.bbox.y0 < axes.bbox.y1 and axes.bbox.y0 < a.bbox.y1]
        assert not [edge for edge in others if left < edge <= axes.bbox.x0]
    plt.close(figure)


def test_no_two_rows_of_a_figure_look_alike():
    assert len({tuple(style(i).values()) for i in range(64)}) == 64
