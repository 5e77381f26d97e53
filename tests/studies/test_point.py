"""One pair of tiny screens from images to scores, and what a killed job leaves."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yaml

from cwamsn import tables
from cwamsn.config import load_schema, resolve
from cwamsn.errors import InputError
from cwamsn.options import Options
from cwamsn.recipes import recipe_of
from cwamsn.studies import point as point_module
from cwamsn.studies import score
from cwamsn.studies.plan import point_screens
from cwamsn.studies.point import discard, run_point
from tests.workflow.chain import tiny as tiny_configuration

ROOT = Path(__file__).resolve().parents[2]
ROWS = ("random", "oracle", "nuisance", "pixel-statistics", "untrained-vit", "single-well-msn", "cwa-msn")


@pytest.fixture(scope="module")
def tiny():
    """Configuration, screens and rows of the tiny run."""
    config = {k: v for k, v in tiny_configuration().items() if k != "extends"}
    models = yaml.safe_load((ROOT / "config/methods.yaml").read_text())
    schema = load_schema(ROOT / "config/schemas")
    config = resolve({**config, **models, "study": {"screen_seeds": [3]}}, schema)
    rows = {name: config["definitions"][name] | {"seeds": [0]} for name in ROWS}
    for row in rows.values():
        if row["kind"] == "trained":
            row["recipe"] = recipe_of(config["training"], row)
    return config, point_screens(config, schema, "default", 3), rows


KEYS = ("draws", "negatives", "n_folds", "neighbours", "classifier", "seed", "resamples", "level", "aliases")


def recorded(function, calls):
    """`function`, which notes in `calls` what it is given of the configuration."""

    def wrapper(*arguments, **named):
        given = named | {key: value for a in arguments if isinstance(a, Options) for key, value in vars(a).items()}
        calls.append({key: value for key, value in given.items() if key in KEYS})
        return function(*arguments, **named)

    return wrapper


def test_a_training_holds_a_device_of_its_own(tiny, tmp_path, monkeypatch):
    config, _, rows = tiny
    used = []

    @contextmanager
    def lease(device, key="training", gpus=0, say=print):
        yield [f"a device for {key}, {gpus} asked for"]

    monkeypatch.setattr(point_module, "leased_devices", lease)
    monkeypatch.setattr(point_module, "train", lambda *arguments: used.append(arguments[-1]))
    monkeypatch.setattr(point_module, "embed_method", lambda *_, **named: (None, {}))
    for name in ("heldout_retrieval", "_log"):
        monkeypatch.setattr(point_module, name, lambda *_: pd.DataFrame({"metric": ["x"]}))
    monkeypatch.setattr(point_module.tables, "read", lambda *_: None)
    point_module._row("cwa-msn", rows["cwa-msn"] | {"gpus": 1}, {"training": tmp_path}, config, tmp_path)
    assert used == ["a device for training, 1 asked for"]


def test_every_row_is_scored_and_nothing_is_left_behind(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, screens, rows = tiny
    config = config | {
        "compound_gene": {"draws": 3, "negatives": "independent", "truth": None},
        "plate_probe": config["plate_probe"] | {"probes": ["knn"], "n_folds": 3, "neighbours": 2, "seed": 4},
        "bootstrap": {"resamples": 20, "seed": 5, "level": 0.5},
    }
    modules = {
        "score_compounds": score.cg,
        "probe_plates": score.pp,
        "summary": score.gg,
        "paired_difference": score.gg,
    }
    asked = {name: [] for name in modules}
    for name, module in modules.items():
        monkeypatch.setattr(module, name, recorded(getattr(module, name), asked[name]))
    scores = run_point("default", 3, screens, rows, "cwa-msn", config, Path("work"))
    tables.check(scores, "study", "scores")
    assert set(scores["method"]) == set(ROWS)
    # as the sections say, which the tiny run leaves at their defaults here but for these
    assert scores[scores["metric"].str.endswith("_macro_f1")]["metric"].unique().tolist() == ["knn_macro_f1"]
    assert asked["score_compounds"] == [{"draws": 3, "negatives": "independent"}] * len(ROWS)
    assert asked["probe_plates"] == [{"n_folds": 3, "neighbours": 2, "classifier": "lda", "seed": 4}] * len(ROWS)
    assert asked["summary"] == [{"resamples": 1, "aliases": "hgnc"}] * len(ROWS)
    assert asked["paired_difference"] == [{"resamples": 20, "seed": 5, "level": 0.5, "aliases": "hgnc"}] * 2
    discard(Path("work"))
    assert not Path("work").exists()
    wide = scores.pivot_table("value", "metric", "method", aggfunc="first")
    assert wide.loc["phenotype_r2", "oracle"] > 0.99 > wide.loc["phenotype_r2", "random"]
    assert wide.loc["nuisance_r2", "nuisance"] > 0.9 > wide.loc["nuisance_r2", "random"]
    assert wide.loc["loss"].dropna().index.tolist() == ["cwa-msn", "single-well-msn"]
    compared = scores[scores["benchmark"] == "comparison"].pivot(index="source", columns="metric", values="value")
    recall = scores[(scores["metric"] == "recall") & (scores["source"] == "joint")].set_index("method")["value"]
    for other in ("untrained-vit", "single-well-msn"):
        gain = compared.loc[other]
        assert gain["difference"] == pytest.approx(recall["cwa-msn"] - recall[other])
        assert gain["ci_low"] <= gain["difference"] <= gain["ci_high"]


def test_a_killed_job_goes_on_with_the_rows_it_lacks(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, screens, rows = tiny
    few = {name: rows[name] for name in ("untrained-vit", "cwa-msn")}
    trained = []
    train = point_module.train

    def killed(recipe, *arguments, **options):
        if recipe.optimiser.epochs and "killed" not in trained:
            trained.append("killed")
            raise KeyboardInterrupt
        trained.append(recipe.optimiser.epochs)
        train(recipe, *arguments, **options)

    monkeypatch.setattr(point_module, "train", killed)
    sections = {name: config[name] for name in ("crops", "channel_maps", "embedding", "alignment", "gene_gene")}
    with pytest.raises(KeyboardInterrupt):
        run_point("default", 3, {"training": screens["training"]}, few, "x", sections, Path("w"))
    made = (Path("w") / "training" / "crops.parquet").stat().st_mtime_ns
    scores = run_point("default", 3, {"training": screens["training"]}, few, "x", sections, Path("w"))
    assert (Path("w") / "training" / "crops.parquet").stat().st_mtime_ns == made
    assert set(scores["metric"]) >= {"heldout_map"} and set(scores["method"]) == set(few)
    before = list(trained)
    again = run_point("default", 3, {"training": screens["training"]}, few, "x", sections, Path("w"))
    assert trained == before  # no row was trained twice
    pd.testing.assert_frame_equal(scores, again)
    few["cwa-msn"] = few["cwa-msn"] | {"recipe": few["cwa-msn"]["recipe"] | {"steps": 2}}
    other = run_point("default", 3, {"training": screens["training"]}, few, "x", sections, Path("w"))
    loss = [t[t["metric"] == "loss"]["value"].item() for t in (scores, other)]
    assert loss[0] != loss[1], "rows of another recipe were not used again"


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


def test_a_row_that_a_study_cannot_make_is_refused(tiny, tmp_path):
    config, screens, _ = tiny
    with pytest.raises(InputError, match="row phenom is of kind published"):
        run_point("default", 3, screens, {"phenom": {"kind": "published"}}, "x", config, tmp_path)
    assert not list(tmp_path.iterdir())
