"""Two runs that mean different things by one screen name do not overwrite each other; `make clean` spares both."""

import copy
import subprocess
from pathlib import Path

import pytest
import yaml

from cwamsn.clean import clean
from cwamsn.config import load_schema, resolve
from cwamsn.config_files import configuration
from cwamsn.errors import InputError
from cwamsn.screens_in_use import check, claim, others, settings


@pytest.fixture
def config(root):
    default = yaml.safe_load((root / "config" / "config.yaml").read_text())
    models = yaml.safe_load((root / "config" / "methods.yaml").read_text())
    return resolve(default | models, load_schema(root / "config" / "schemas"))


def changed(config, *keys, value):
    """A copy of `config` with the entry at `keys` set."""
    new = copy.deepcopy(config)
    section = new
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = value
    return new


@pytest.fixture
def used(config, tmp_path):
    """The folder of screen bray-sim, made by run `first`, which has results."""
    (tmp_path / "results" / "first").mkdir(parents=True)
    folder = tmp_path / "data" / "bray-sim"
    claim(folder, "first", tmp_path / "results" / "first", settings(config, "bray-sim"))
    return folder


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("crops", "size"), [64, 64], "crops.size: nothing, this run has [64, 64]"),
        (("crops", "qc", "min_std"), 2, "crops.qc.min_std: 0, this run has 2"),
        (("screens", "bray-sim", "compounds"), 7, "screens.bray-sim.compounds: "),
    ],
)
def test_another_run_with_other_settings_is_refused_with_the_key(config, used, keys, value, words):
    with pytest.raises(InputError) as error:
        check(used, "bray-sim", "second", settings(changed(config, *keys, value=value), "bray-sim"))
    assert words in str(error.value) and "run 'first' made" in str(error.value) and "\n" not in str(error.value)


def test_the_same_run_may_change_its_own_screen(config, used):
    check(used, "bray-sim", "first", settings(changed(config, "crops", "size", value=[64, 64]), "bray-sim"))
    lenient = changed(config, "crops", "plates", "lost", value="warn")  # judges what is there, and makes nothing else
    check(used, "bray-sim", "second", settings(lenient, "bray-sim"))


def test_runs_with_equal_settings_share_a_screen(config, used, tmp_path):
    same = settings(changed(config, "screens", "rxrx3-sim", "genes_per_complex", value=2), "bray-sim")
    check(used, "bray-sim", "second", same)
    (tmp_path / "results" / "second").mkdir()
    claim(used, "second", tmp_path / "results" / "second", same)
    assert others(used, "third") == ["first", "second"] and others(used, "first") == ["second"]
    with pytest.raises(InputError, match="run 'second' made"):
        check(used, "bray-sim", "first", settings(changed(config, "crops", "codec", value="zstd"), "bray-sim"))


def test_a_run_whose_results_are_gone_holds_nothing(config, used, tmp_path):
    (tmp_path / "results" / "first").rmdir()
    check(used, "bray-sim", "second", settings(changed(config, "crops", "size", value=[64, 64]), "bray-sim"))


def test_shipped_configurations_mean_the_same_by_one_screen_name(root, config):
    for path in sorted((root / "config").glob("*.yaml")):
        if path.name in ("config.yaml", "methods.yaml", "paper_methods.yaml"):
            continue
        found = configuration(root, [path], {}, lambda path: yaml.safe_load(Path(path).read_text()))
        for screen in {found["training_screen"], *found["evaluate"]} & config["screens"].keys():
            assert settings(found, screen) == settings(config, screen), path.name


def test_clean_removes_what_the_default_run_made_and_nothing_else(config, tmp_path):
    made = ["data/bray-sim", "data/rxrx3-sim", "results/demo"]
    kept = ["data/mine", "data/cache", "results/mine", "results/demo2", ".snakemake/metadata"]
    for name in made + kept:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("x")
    (tmp_path / "results" / "mine").mkdir(exist_ok=True)
    claim(tmp_path / "data" / "rxrx3-sim", "mine", tmp_path / "results" / "mine", settings(config, "rxrx3-sim"))
    assert clean(tmp_path) == [
        "removed results/demo",
        "removed data/bray-sim",
        "kept data/rxrx3-sim: run mine uses it",
    ]
    assert not (tmp_path / "data" / "bray-sim").exists() and not (tmp_path / "results" / "demo").exists()
    assert all((tmp_path / name / "file").exists() for name in [*kept, "data/rxrx3-sim"])
    (tmp_path / ".snakemake" / "locks").mkdir()
    (tmp_path / ".snakemake" / "locks" / "0.input.lock").write_text("")
    with pytest.raises(SystemExit, match="nothing was removed"):
        clean(tmp_path)


def test_clean_runs_in_the_environment_which_has_what_it_imports(root):
    """The first Python on the path has neither yaml nor psutil."""
    planned = subprocess.run(["make", "-n", "clean"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert ".venv/bin/python -m cwamsn.clean" in planned
