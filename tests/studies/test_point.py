"""One pair of tiny screens from images to scores, and what a killed job leaves."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from cwamsn import tables
from cwamsn.config import load_schema, resolve
from cwamsn.errors import InputError
from cwamsn.methods import PUBLISHED, Method, method_of
from cwamsn.paths import ScreenPaths
from cwamsn.recipes import recipe_of
from cwamsn.studies import point as point_module
from cwamsn.studies import score
from cwamsn.studies.compare import values_by_seed, values_of
from cwamsn.studies.plan import point_screens
from cwamsn.studies.point import Point, discard, run_point
from cwamsn.studies.score import Sections
from tests.workflow.chain import tiny as tiny_configuration

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("random", "oracle", "nuisance", "pixel-statistics", "untrained-vit", "single-well-msn", "cwa-msn")


@pytest.fixture(scope="module")
def tiny():
    """Configuration, screens and methods of the tiny run."""
    config = {k: v for k, v in tiny_configuration().items() if k != "extends"}
    models = yaml.safe_load((ROOT / "config/methods.yaml").read_text())
    schema = load_schema(ROOT / "config/schemas")
    config = resolve({**config, **models, "study": {"screen_seeds": [3]}}, schema)
    methods = [method_of(name, config["definitions"][name], [0]) for name in METHODS]
    for at, method in enumerate(methods):
        if method.kind.trains:
            recipe = recipe_of(config["training"], method.entry)
            methods[at] = replace(method, entry={**method.entry, "recipe": recipe})
    return config, point_screens(config, schema, "default", 3), methods


SECTIONS = ("crops", "channel_maps", "embedding", "alignment", "gene_gene")


def a_point(screens, sections, first="cwa-msn"):
    return Point("tiny", "default", 3, screens, first, sections)


def chosen(methods, *names, **also):
    return [replace(m, entry={**m.entry, **also}) for m in methods if m.name in names]


def test_a_training_holds_a_device_of_its_own(tiny, tmp_path, monkeypatch):
    config, screens, methods = tiny
    used = []

    @contextmanager
    def lease(device, key="training", gpus=0, say=print):
        yield [f"a device for {key}, {gpus} asked for"]

    monkeypatch.setattr(point_module, "leased_devices", lease)
    monkeypatch.setattr(point_module, "train", lambda *arguments, **named: used.append((arguments, named)))
    work = point_module._Work(a_point(screens, config), Sections(), tmp_path, {"training": ScreenPaths(tmp_path)}, 8)
    point_module._train(*chosen(methods, "cwa-msn", gpus=1), 5, work)
    assert len(used) == 1 and used[0][1]["device"] == "a device for training, 1 asked for"
    assert used[0][1]["threads"] == 8, "those of the job"
    assert used[0][1]["seed"] == 5 and used[0][0][2].name == "seed5"


def test_every_method_is_scored_and_nothing_is_left_behind(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, screens, methods = tiny
    config = config | {
        "gene_gene": config["gene_gene"] | {"thresholds": [[0.1, 0.9], [0.05, 0.95]]},
        "compound_gene": {"draws": 3, "negatives": "independent", "truth": None},
        "plate_probe": config["plate_probe"] | {"probes": ["knn"], "n_folds": 3, "neighbours": 2, "seed": 4},
        "bootstrap": {"resamples": 20, "seed": 5, "level": 0.5},
    }
    methods = [replace(m, seeds=(3, 4)) if m.name in ("untrained-vit", "cwa-msn") else m for m in methods]
    scores = run_point(a_point(screens, config), methods, Path("work"))
    tables.check(scores, "study", "scores")
    assert set(scores["method"]) == set(METHODS)
    seeds = scores.groupby("method")["seed"].unique().map(sorted).to_dict()
    assert seeds == {name: [3, 4] if name in ("untrained-vit", "cwa-msn") else [0] for name in METHODS}
    phenotype = values_by_seed(scores, "phenotype")["cwa-msn"].dropna()
    assert len(phenotype) == phenotype.nunique() == 2, "a training per seed"
    assert scores.groupby("benchmark")["screen"].unique().str.join(",").to_dict() == {
        "comparison": "evaluation",
        "compound_gene": "evaluation",
        "gene_gene": "evaluation",
        "latent_probe": "evaluation",
        "plate_probe": "evaluation",
        "training": "training",
    }
    # as the sections say
    probed = scores[scores["benchmark"] == "plate_probe"]
    assert probed["metric"].str.startswith("knn_macro_f1").all() and set(probed["fold"].dropna()) == {"0", "1", "2"}
    assert set(probed["controls"]) == {"only"} and set(probed["plate_reading"]) == {"experiment_plate"}
    assert scores["draw"].max() == 2
    assert values_of(scores, "recall").shape == (1, len(METHODS))
    recall = scores[(scores["metric"] == "recall") & (scores["source"] == "joint") & (scores["threshold_low"] == 0.1)]
    assert values_of(scores, "recall").iloc[0].to_dict() == recall.groupby("method")["value"].mean().to_dict(), (
        "the first threshold counts"
    )
    recall = recall.set_index(["method", "seed"])["value"]
    discard(Path("work"))
    assert not Path("work").exists()
    wide = scores.pivot_table("value", "metric", "method", aggfunc="first")
    assert wide.loc["phenotype_r2", "oracle"] > 0.99 > wide.loc["phenotype_r2", "random"]
    assert wide.loc["nuisance_r2", "nuisance"] > 0.9 > wide.loc["nuisance_r2", "random"]
    assert wide.loc["loss"].dropna().index.tolist() == ["cwa-msn", "single-well-msn"]
    compared = scores[(scores["benchmark"] == "comparison") & (scores["source"] == "joint")]
    compared = compared[compared["threshold_low"] == 0.1].set_index(["metric", "seed"])
    assert set(compared["method"]) == {"cwa-msn"}
    for other, own in (("untrained-vit", (3, 4)), ("pixel-statistics", (0, 0))):
        for seed, its in zip((3, 4), own):
            gain = compared.loc[(f"recall_minus_{other}", seed)]
            assert gain["value"] == pytest.approx(recall["cwa-msn", seed] - recall[other, its])
            assert gain["ci_low"] <= gain["value"] <= gain["ci_high"]
    others = {metric.removeprefix("recall_minus_") for metric, _ in compared.index}
    assert others == {"untrained-vit", "pixel-statistics"}, "neither bounds nor chance, nor without a seed in common"


def test_points_share_an_evaluation_screen_and_score_as_they_do_alone(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, screens, methods = tiny
    few, point, made = chosen(methods, "random", "pixel-statistics"), a_point(screens, config), []
    make = point_module.make_screen
    monkeypatch.setattr(point_module, "make_screen", lambda role, *rest: made.append(role) or make(role, *rest))
    alone = run_point(point, few, Path("alone"))
    for folder in ("first", "second"):
        pd.testing.assert_frame_equal(run_point(point, few, Path(folder), shared=Path("shared")), alone)
    assert sorted(made) == ["evaluation", "evaluation", "training", "training", "training"], "alone, shared once"
    monkeypatch.setattr(point_module, "code_digest", lambda: "another day's")
    run_point(point, few, Path("first"), shared=Path("shared"))
    assert made.count("evaluation") == 3, "other code makes another screen"


def test_a_killed_job_goes_on_with_the_methods_it_lacks(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, screens, methods = tiny
    few = chosen(methods, "untrained-vit", "cwa-msn")
    trained = []
    train = point_module.train

    def killed(recipe, *arguments, **options):
        if recipe.optimiser.epochs and "killed" not in trained:
            trained.append("killed")
            raise KeyboardInterrupt
        trained.append(recipe.optimiser.epochs)
        train(recipe, *arguments, **options)

    monkeypatch.setattr(point_module, "train", killed)
    point = a_point({"training": screens["training"]}, {name: config[name] for name in SECTIONS}, "x")
    with pytest.raises(KeyboardInterrupt):
        run_point(point, few, Path("w"))
    made = (Path("w") / "training" / "crops.parquet").stat().st_mtime_ns
    scores = run_point(point, few, Path("w"))
    assert (Path("w") / "training" / "crops.parquet").stat().st_mtime_ns == made
    assert set(scores["metric"]) >= {"heldout_map"} and set(scores["method"]) == {method.name for method in few}
    before = list(trained)
    again = run_point(point, few, Path("w"))
    assert trained == before  # nothing was trained twice
    pd.testing.assert_frame_equal(scores, again)
    few[1] = replace(few[1], entry={**few[1].entry, "recipe": few[1].entry["recipe"] | {"steps": 2}})
    other = run_point(point, few, Path("w"))
    loss = [t[t["metric"] == "loss"]["value"].item() for t in (scores, other)]
    assert loss[0] != loss[1], "scores of another recipe were not used again"


@pytest.mark.parametrize(
    "file",
    [
        "simulate/render.py",
        "crops/conversion.py",
        "training/loop.py",
        "embeddings/images.py",
        "alignment/pooling.py",
        "benchmarks/gene_gene.py",
        "studies/score.py",
    ],
)
def test_a_change_of_any_code_that_a_point_uses_is_noticed(tmp_path, monkeypatch, file):
    """In a copy of the package; what makes tables and reports of finished points is not part of them."""
    package = tmp_path / "cwamsn"
    shutil.copytree(ROOT / "cwamsn", package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(point_module, "PACKAGE", package)
    before = point_module.code_digest()
    for unused in ("reporting/render/html.py", "studies/report.py"):
        (package / unused).write_text("changed")
    assert point_module.code_digest() == before
    work = tmp_path / "work"
    point_module._keep_only(work, {"code": before})
    (work / "row.parquet").touch()
    path = package / file
    assert path.exists()
    path.write_text(path.read_text() + "\n# changed\n")
    point_module._keep_only(work, {"code": point_module.code_digest()})
    assert not (work / "row.parquet").exists(), "what other code had made is not used again"


def test_a_method_that_a_study_cannot_make_is_refused(tiny, tmp_path):
    config, screens, _ = tiny
    phenom = Method("phenom", "Phenom", PUBLISHED, (0,))
    with pytest.raises(InputError, match="method phenom is of kind published"):
        run_point(a_point(screens, config), [phenom], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_study_probes_plates_on_the_one_thread_of_its_job(tiny):
    config, _, _ = tiny
    sections = Sections.from_config({"plate_probe": config["plate_probe"] | {"threads": 8}})
    assert score._probed(sections.plate_probe).threads == 1


def test_the_order_of_keys_does_not_discard_what_a_killed_job_had_finished(tmp_path):
    point, work = a_point({"training": {"seed": 3, "sites": 1}}, {}), tmp_path / "work"
    point_module._keep_only(work, {"point": point})
    (work / "training.done").touch()
    point_module._keep_only(work, {"point": replace(point, screens={"training": {"sites": 1, "seed": 3}})})
    assert (work / "training.done").exists()
    point_module._keep_only(work, {"point": replace(point, screens={"training": {"sites": 2, "seed": 3}})})
    assert not (work / "training.done").exists()


@pytest.mark.slow
def test_methods_on_the_features_of_another_are_scored_and_a_head_is_learned_once(tiny, tmp_path):
    config, screens, methods = tiny
    entries = {
        "head": {
            "kind": "cwa-head",
            "features": "pixel-statistics",
            "scale": "screen",
            "head": {"steps": 4},
            "fields": True,
        },
        "centred": {"kind": "aligned", "features": "head", "alignment": "center-scale"},
    }
    on_others = [method_of(name, {"tables": [1], **entry}, [7, 8]) for name, entry in entries.items()]
    config = config | {
        "alignment": {"method": "none"},
        "compound_gene": {"draws": 2, "negatives": "independent", "truth": None},
        "plate_probe": config["plate_probe"] | {"probes": ["knn"], "n_folds": 3},
        "bootstrap": {"resamples": 10, "seed": 5, "level": 0.5},
    }
    point = a_point(screens, config, "head")
    scores = run_point(point, [*on_others, *chosen(methods, "pixel-statistics")], tmp_path / "work")
    read = scores[scores["metric"] == "nuisance_r2"].set_index(["method", "seed"])["value"]
    assert set(read.index) == {("pixel-statistics", 0), *[(name, seed) for name in entries for seed in (7, 8)]}
    assert read["head", 7] != read["head", 8] and read["centred", 7] != read["head", 7]
    assert sorted(path.name for path in (tmp_path / "work/heads/head").iterdir()) == ["seed7", "seed8"]
    compared = scores[(scores["benchmark"] == "comparison") & scores["metric"].eq("recall_minus_centred")]
    assert set(compared["seed"]) == {7, 8}, "seed by seed"
    with pytest.raises(InputError, match="no method is called 'pixel-statistics'"):
        run_point(point, on_others, tmp_path / "other")
