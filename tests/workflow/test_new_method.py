"""docs/new_method.md, done as it says: its files are taken from the page and put where it puts them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cwamsn.config_files import configuration
from tests.training.tiny import SMALL, write_store
from tests.workflow.chain import tiny

COPIED = ["Snakefile", "config", "cwamsn", "profiles", "rules", "workflow_scripts", "envs", "docs"]


@pytest.fixture(scope="module")
def blocks(root):
    """Files of the page by name: what stands in a fence and names a file in its first line."""
    text = (root / "docs" / "new_method.md").read_text()
    found = re.findall(r"```(?:yaml|python)\n# (\S+)\n(.*?)```", text, flags=re.DOTALL)
    return dict(found)


@pytest.fixture(scope="module")
def copy(root, blocks, tmp_path_factory):
    """The repository with the page's files added."""
    folder = tmp_path_factory.mktemp("repository")
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / name)
    for name, content in blocks.items():
        (folder / name).write_text(content)
    return folder


def snakemake(copy, folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(copy / "Snakefile"), "--directory", str(folder)]
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    command += ["--cores", "2", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=copy)


def test_the_page_holds_the_files_it_speaks_of(blocks):
    assert set(blocks) == {
        "my_recipe.yaml",
        "my_objective.yaml",
        "my_encoder.yaml",
        "my_weights.yaml",
        "my_embeddings.yaml",
        "cwamsn/training/objectives/barlow.py",
    }


@pytest.mark.parametrize(
    "name", ["my_recipe.yaml", "my_objective.yaml", "my_encoder.yaml", "my_weights.yaml", "my_embeddings.yaml"]
)
def test_every_entry_is_a_valid_configuration(copy, name):
    found = configuration(copy, [copy / name], {}, lambda path: yaml.safe_load(Path(path).read_text()))
    assert found["methods"][-1] in {**found["definitions"], **found["embeddings"]}


def test_the_new_objective_trains_in_the_shared_loop(copy, blocks, tmp_path):
    """In a process of its own, where the copy with the new file is what is imported."""
    recipe = yaml.safe_load(blocks["my_objective.yaml"])["definitions"]["barlow-twins"]["recipe"]
    program = f"""
import csv, sys
from pathlib import Path
sys.path.insert(0, {str(copy)!r})
from cwamsn.config import load_schema, resolve
from cwamsn.recipes import recipe_of
from cwamsn.paths import ScreenPaths
from cwamsn.training import Recipe, restore_encoder, train
training = resolve({{}}, load_schema({str(copy / "config" / "schemas")!r}))["training"]
recipe = Recipe.from_config(recipe_of(training, {{"recipe": {SMALL | recipe | {"steps": 20, "peak_lr": 0.003}!r}}}))
out = Path({str(tmp_path / "out")!r})
train(recipe, ScreenPaths(Path({str(write_store(tmp_path / "screen").root)!r})), out, seed=0, threads=1)
losses = [float(row["loss"]) for row in csv.DictReader((out / "log.csv").open())]
assert losses[-1] < 0.9 * losses[0], losses
restore_encoder(out)
print("trained", recipe.objective)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "trained barlow" in result.stdout


def test_the_new_method_is_planned_from_training_to_table(copy, tmp_path):
    plan = snakemake(copy, tmp_path, "table1", "--dry-run", "--configfile", str(copy / "my_objective.yaml"))
    assert plan.returncode == 0, plan.stderr[-3000:]
    for path in ("models/barlow-twins/seed0/encoder.safetensors", "/barlow-twins/seed0/gene_gene"):
        assert path in plan.stdout + plan.stderr


def test_misspelt_rows_and_keys_offer_the_nearest(copy, blocks, tmp_path):
    wrong = copy / "wrong.yaml"
    wrong.write_text(blocks["my_objective.yaml"].replace("cwa-msn,", "cwa-mns,"))
    refused = snakemake(copy, tmp_path, "--dry-run", "--configfile", str(wrong))
    assert refused.returncode and "no method is called 'cwa-mns'; nearest: cwa-msn" in refused.stderr + refused.stdout
    wrong.write_text(blocks["my_recipe.yaml"].replace("mask_ratio", "mask_raito"))
    refused = snakemake(copy, tmp_path, "--dry-run", "--configfile", str(wrong))
    assert refused.returncode and "mask_raito: unknown key; nearest: mask_ratio" in refused.stderr + refused.stdout


@pytest.mark.slow
def test_the_new_method_appears_in_its_table(copy, tmp_path):
    """The whole way on the tiny screens: images, training, embeddings, scores, table 1."""
    (copy / "tiny.yaml").write_text(yaml.safe_dump(tiny() | {"extends": "config/small_vit.yaml"}))
    files = ["--configfile", str(copy / "tiny.yaml"), str(copy / "my_objective.yaml")]
    result = snakemake(copy, tmp_path, "table1", *files)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    assert "Barlow Twins across wells" in (tmp_path / "results" / "my-objective" / "tables" / "table1.md").read_text()
