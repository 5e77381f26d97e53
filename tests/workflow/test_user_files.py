"""The user's own files: an edited one is noticed, and no name of theirs costs other results."""

import pandas as pd
import yaml

from ..screens.loopback import plane, tiff
from .chain import snakemake

FIELDS = ["data/mine/fields/P1.parquet", "data/mine/fields/P2.parquet"]


def _screen(folder):
    """Two plates of two wells with two stains; its configuration."""
    rows = []
    for p, plate in enumerate(("P1", "P2")):
        for w, well in enumerate(("A01", "A02")):
            names = {}
            for c, channel in enumerate(("DNA", "ER")):
                name = f"{plate}-{well}-{channel}.tif"
                (folder / name).write_bytes(tiff(plane(100 * p + 10 * w + c)))
                names[f"FileName_{channel}"] = name
            rows.append({"Metadata_Plate": plate, "Metadata_Well": well, "Metadata_Site": 1} | names)
    pd.DataFrame(rows).to_csv(folder / "load_data.csv", index=False)
    (folder / "map.csv").write_text("well_position,broad_sample\nA01,X\nA02,DMSO\n")
    screen = {"source": "load-data", "load_data": "load_data.csv", "platemap": "map.csv", "concentration_column": None}
    screen |= {"channels": {"DNA": "DNA", "ER": "ER"}}
    config = {
        "run": "mine",
        "methods": [],
        "comparisons": [],
        "training_screen": "mine",
        "evaluate": {"mine": ["signal"]},
    }
    return config | {"screens": {"mine": screen}}


def _jobs(folder, *arguments, **options):
    """Names of the jobs that a dry run plans, with their part."""
    shown = snakemake(folder, "-n", *FIELDS, *arguments, config=folder / "config.yaml", **options).stdout.splitlines()
    rules = [k for k, line in enumerate(shown) if line.startswith(("rule ", "localrule "))]
    found = []
    for start, end in zip(rules, [*rules[1:], len(shown)]):
        part = next((line.split("unit=")[1] for line in shown[start:end] if "unit=" in line), "")
        found.append(f"{shown[start].split()[1].rstrip(':')} {part}".strip())
    return sorted(found)


def test_an_edited_table_or_image_is_noticed_and_only_its_plate_is_fetched_again(tmp_path):
    config = _screen(tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    snakemake(tmp_path, *FIELDS, config=tmp_path / "config.yaml")
    log = (tmp_path / "results/mine/logs/wells/mine.log").read_text()
    assert "mine: 4 wells on 2 plates" in log and "mine: 2 controls (negative)" in log and "1 perturbations in 2" in log
    assert _jobs(tmp_path) == []

    image = tmp_path / "P2-A01-ER.tif"
    image.write_bytes(tiff(plane(7)))
    assert _jobs(tmp_path) == ["fetch P2"]

    table = tmp_path / "load_data.csv"
    table.write_text(table.read_text() + "P1,A01,2,P1-A02-DNA.tif,P1-A02-ER.tif\n")
    (tmp_path / "map.csv").write_text("well_position,broad_sample\nA01,Y\nA02,DMSO\n")
    snakemake(tmp_path, *FIELDS, config=tmp_path / "config.yaml")
    assert len(pd.read_parquet(tmp_path / FIELDS[0])) == 3
    assert set(pd.read_parquet(tmp_path / "data/mine/wells.parquet")["perturbation"]) == {"Y", "DMSO"}


def test_images_of_a_screen_without_load_data_are_asked_for_in_one_line(tmp_path):
    config = _screen(tmp_path)
    config["screens"]["mine"] |= {"load_data": None, "plates": ["P1"]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    failed = snakemake(tmp_path, "-n", FIELDS[0], config=tmp_path / "config.yaml", check=False)
    assert failed.returncode
    said = "screens.mine.load_data: is null, and this run needs images of the screen"
    assert said in failed.stdout + failed.stderr
    assert "most recent call last" not in failed.stdout + failed.stderr
