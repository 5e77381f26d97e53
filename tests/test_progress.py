"""How far trainings have come, told from their files."""

import math
import os

import pytest

from cwamsn.errors import InputError
from cwamsn.files import write_json
from cwamsn.progress import in_words, progress_of, sentence, summary, trainings_at

HEAD = "step,epoch,loss,cross_entropy,prototypes_used,seconds,images_per_second,waiting\n"
RECIPE = {"prototypes": 1024, "warmup_epochs": 15, "epochs": 100}


def write(folder, *losses, head=HEAD, steps=10_000, running=True, age=0.0):
    """A training with a window of 50 steps and 10 seconds per loss."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "progress.json" if running else "encoder.json"
    write_json({"steps": steps, "recipe": RECIPE}, folder / name)
    if losses:
        lines = [f"{50 * i},{i},{x + 0.01},{x},900.4,10.0,1234.5,0.031\n" for i, x in enumerate(losses, 1)]
        (folder / "log.csv").write_text(head + "".join(lines))
        os.utime(folder / "log.csv", (1e9 - age, 1e9 - age))
    return folder


def look(folder):
    return progress_of(folder, now=1e9)


def test_a_training_on_its_way(tmp_path):
    found = look(write(tmp_path / "cwa-msn" / "seed0", *[6.9, 6.5, 6.0, 5.2]))
    assert in_words(found) == [
        "cwa-msn/seed0: step 200 of 10,000 (2%), 33 min left",
        "  loss 5.200 (cross-entropy), ln K = 6.931 for K = 1,024 prototypes",
        "  prototypes used 900.4 of 1,024, 1.23e+03 images per second, 3% of the time waiting for batches",
        "  The loss has left its start: 25% below it.",
    ]
    assert found.seconds_left == pytest.approx((10_000 - 200) * 10 / 50)


def test_a_loss_that_has_not_left_its_start_is_said_so_once_the_warm_up_is_over(tmp_path):
    early = look(write(tmp_path / "early" / "seed0", *[6.93] * 4))
    assert sentence(early) == "Too early to judge the loss: look again after step 1,500."
    late = look(write(tmp_path / "late" / "seed0", *[6.93] * 40))
    assert sentence(late).startswith("The loss has not left its start: after 2,000 steps it is still that of a guess")
    moved = look(write(tmp_path / "moved" / "seed0", *[6.93] * 39, 0.97 * math.log(1024)))
    assert sentence(moved) == "The loss has left its start: 3% below it."


def test_an_objective_without_prototypes_starts_from_its_first_window(tmp_path):
    head = HEAD.replace("cross_entropy", "other").replace("prototypes_used", "more")
    found = look(write(tmp_path / "mae" / "seed0", *[0.5] * 40, head=head))
    assert found.prototypes is None and found.start == pytest.approx(0.51)
    assert "it is still that of its first window" in sentence(found)


def test_a_training_that_is_silent_over_or_not_begun(tmp_path):
    silent = look(write(tmp_path / "a" / "seed0", 6.0, 5.0, age=1500))
    assert sentence(silent).startswith("Silent: the last window ended 25 min ago, and one takes 10 s.")
    finished = look(write(tmp_path / "b" / "seed0", 6.0, 5.0, age=1e6, running=False, steps=100))
    assert sentence(finished) == "Finished: the loss has left its start: 28% below it."
    assert finished.seconds_left is None
    stuck = look(write(tmp_path / "e" / "seed0", 6.93, age=1e6, running=False, steps=50))
    assert sentence(stuck).startswith("Finished, but the loss has not left its start: after 50 steps")
    untrained = look(write(tmp_path / "f" / "seed0", running=False, steps=0))
    assert sentence(untrained) == "Finished: nothing to train."
    begun = look(write(tmp_path / "c" / "seed0"))
    assert in_words(begun) == ["c/seed0: step 0 of 10,000 (0%)", "  No window of its log is complete yet."]
    nan = look(write(tmp_path / "d" / "seed0", 6.0, float("nan")))
    assert sentence(nan) == "The loss is not finite: lower training.peak_lr."
    assert summary([]) == ["No training has begun."]


def test_a_log_of_before_has_no_time_left(tmp_path):
    folder = write(tmp_path / "a" / "seed0", 6.0, 5.0, head=HEAD.replace("seconds", "else"))
    assert look(folder).seconds_left is None and "left" not in in_words(look(folder))[0]


def test_a_run_one_training_or_its_log_is_given(tmp_path, monkeypatch):
    models = tmp_path / "results" / "demo" / "models"
    folders = [write(models / name / "seed0", 6.0) for name in ("a", "b")]
    monkeypatch.chdir(tmp_path)
    assert trainings_at(tmp_path / "results" / "demo") == folders
    assert [p.resolve() for p in trainings_at(type(tmp_path)("demo"))] == folders, "the name of a run"
    assert trainings_at(folders[0]) == [folders[0]] == trainings_at(folders[0] / "log.csv")
    assert trainings_at(tmp_path) == []
    with pytest.raises(InputError, match="nowhere: no such folder; give the folder of a run"):
        trainings_at(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("log.csv", "a,b\n1,2\n", "no column step"),
        ("log.csv", "step,loss\n1,x\n", "not the log of a training"),
        ("progress.json", "{", "not what a training writes"),
        ("progress.json", "{}", "'steps'"),
        ("progress.json", "[]", "not what a training writes"),
    ],
)
def test_a_file_that_is_something_else_is_one_line(tmp_path, name, text, message):
    folder = write(tmp_path / "a" / "seed0", 6.0)
    (folder / name).write_text(text)
    with pytest.raises(InputError, match=message):
        look(folder)
