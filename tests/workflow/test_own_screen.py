"""The commands of docs/own_screen.md run as they are printed, on the real images that it names."""

import os
import re
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from cwamsn.vocabulary import BRAY_STAINS
from tests.lab import write_encoder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(root):
    return blocks(root, "own_screen.md")


def blocks(root, page):
    """A page's blocks as (language, text)."""
    text = (root / "docs" / page).read_text()
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)


def of(page, language):
    return [text for name, text in page if name == language]


@pytest.fixture(scope="module")
def lab(page, root, shared, tmp_path_factory):
    """The folder that the page is read in, after its shell commands; their output."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "plates").symlink_to(shared / "lincs_a549" / "images")
    (folder / "jump").symlink_to(shared / "jump_u2os")
    write_encoder(folder / "results/demo/models/cwa-msn/seed0", BRAY_STAINS)
    script = "\n".join(of(page, "sh"))
    command = f'set -eu\ncwamsn() {{ "{sys.executable}" -m cwamsn "$@"; }}\n{script}'
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=_here(root), capture_output=True, text=True)
    assert not done.returncode, done.stdout[-2000:] + done.stderr[-3000:]
    return folder, done.stdout + done.stderr


def _here(root):
    return os.environ | {"PYTHONPATH": str(root)}


def test_the_commands_leave_what_the_page_says(lab):
    folder, said = lab
    wells = pd.read_parquet(folder / "profiles" / "wells.parquet")
    assert len(wells) == 20 and wells["Metadata_Plate"].nunique() == 5
    assert sorted(pd.read_parquet(folder / "profiles/perturbations.parquet")["Metadata_Perturbation"]) == [
        "lonafarnib",
        "orantinib",
    ]
    assert set(pd.read_csv(folder / "hits.csv")["perturbation"]) == {"lonafarnib", "orantinib"}
    assert len(pd.read_parquet(folder / "jump_profiles" / "wells.parquet")) == 2
    assert "replicates: mean similarity" in said


def test_what_the_page_prints_is_what_the_commands_say(lab, page):
    """Its times are its own, and lines that it shortens end in dots."""
    said = " ".join(lab[1].split())
    for block in of(page, ""):
        for line in block.splitlines():
            text = " ".join(line.split()).removesuffix("...").strip()
            if text and not text.startswith(("plates/", "Time", "snakemake")):
                assert text in said, line


def test_the_python_of_the_page_runs(lab, page, monkeypatch, capsys):
    monkeypatch.chdir(lab[0])
    names = {}
    for block in of(page, "python"):
        exec(block, names)
    assert (lab[0] / "same.h5ad").is_file()


def test_the_ten_lines_run_on_the_same_plates(lab, root, monkeypatch, capsys):
    monkeypatch.chdir(lab[0])
    names = {}
    for block in of(blocks(root, "ten_lines.md"), "python"):
        exec(block, names)
    assert {"lonafarnib", "orantinib"} <= set(capsys.readouterr().out.split())
    assert names["adata"].shape[0] == 20 and (lab[0] / "perturbations.parquet").is_file()


def test_the_workflow_plans_the_targets_of_the_page(lab, page, root):
    folder, _ = lab
    config = yaml.safe_load((folder / "my.yaml").read_text())
    config |= yaml.safe_load(*of(page, "yaml"))
    (folder / "with_encoder.yaml").write_text(yaml.safe_dump(config))
    targets = ["check", "profiles", "neighbours", "hits"]
    command = [sys.executable, "-m", "snakemake", "-n", "-q", "--snakefile", str(root / "Snakefile"), "--cores", "1"]
    done = subprocess.run(
        [*command, *targets, "--configfile", "with_encoder.yaml"],
        cwd=folder,
        env=_here(root),
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stdout[-2000:] + done.stderr[-2000:]
