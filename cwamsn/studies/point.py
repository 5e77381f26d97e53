"""One point of a study: a pair of simulated screens, every row on it, all scores."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import cwamsn
from cwamsn import tables
from cwamsn.benchmarks.compound_gene import load_truth
from cwamsn.config import embedding_of_method
from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.methods import embed_method
from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.live import say
from cwamsn.methods import method_of
from cwamsn.models import leased_devices
from cwamsn.paths import ScreenPaths
from cwamsn.studies.plan import check_sections
from cwamsn.studies.score import evaluation_scores, heldout_retrieval, recall_differences
from cwamsn.studies.screens import make_screen
from cwamsn.training import Recipe, train

PACKAGE = Path(cwamsn.__file__).parent
# what is used after all points are there
UNUSED = ("reporting", "studies/compare.py", "studies/figures.py", "studies/prediction.py", "studies/report.py")
KINDS = ("trained", "random", "latent", "handcrafted")


def run_point(
    point: str,
    screen_seed: int,
    screens: Mapping[str, dict[str, Any]],
    rows: Mapping[str, dict[str, Any]],
    first: str,
    sections: Mapping[str, Any],
    work: Path,
) -> pd.DataFrame:
    """Scores of every row on one pair of screens that is made for it in `work` (contract `study`).

    screens: `training` and, where the rows are to be scored on it, `evaluation`, as resolved. rows: entries of the
    configuration; a trained one's `recipe` is complete, and `gpus: 1` refuses the CPU. first: row that the other
    trained ones are compared with on resampled genes. sections: of the configuration `crops`, `channel_maps`,
    `embedding`, `alignment`, `gene_gene` and, with the benchmarks' defaults where they are absent, `compound_gene`,
    `plate_probe`, `replicate_map`, `bootstrap`. work: folder of this point alone, for the caller to :func:`discard`
    once the scores are written. What a killed run of the same point left in it is used again as far as it is whole:
    finished rows, and a training's checkpoint; what was left by another configuration or code is removed.
    """
    for name, row in rows.items():
        if row["kind"] not in KINDS:
            raise InputError(f"study: row {name} is of kind {row['kind']}; a study takes {', '.join(KINDS)}")
    check_sections(sections)
    torch.set_num_threads(1)  # two jobs that each use both of two cores run several times slower
    _keep_only(work, {"screens": screens, "rows": rows, "sections": sections, "code": code_digest()})
    folders = {role: _screen(role, spec, sections, work) for role, spec in screens.items()}
    found = []
    for name, row in rows.items():
        path = work / "rows" / f"{name}.parquet"
        if not path.exists():
            scores = _row(name, row, folders, sections, work)
            tables.write(scores.assign(point=point, screen_seed=screen_seed, method=name), "study", path)
        found.append(tables.read("study", path))
    trained = [name for name, row in rows.items() if row["kind"] == "trained" and "evaluation" in folders]
    maps = {name: tables.read("map", work / "maps" / f"{name}.parquet") for name in trained}
    compared = recall_differences(maps, first, sections)
    found.append(compared.assign(point=point, screen_seed=screen_seed, method=first))
    found = [table for table in found if len(table)]
    return pd.concat(found, ignore_index=True)


def code_digest() -> str:
    """Digest of every file of the package that a point depends on: simulator, crops, training, embeddings, alignment,
    benchmarks, and the tables that come with them."""
    digest = hashlib.sha256(cwamsn.__version__.encode())
    for path in sorted(PACKAGE.rglob("*")):
        name = path.relative_to(PACKAGE).as_posix()
        if path.is_file() and path.suffix != ".pyc" and not name.startswith(UNUSED):
            digest.update(f"{name} {path.stat().st_size} ".encode() + path.read_bytes())
    return digest.hexdigest()


def discard(work: Path) -> None:
    """Remove a point's folder; killed on the way, it leaves nothing that looks whole."""
    (work / "plan.json").unlink()
    shutil.rmtree(work)


def _keep_only(work: Path, plan: Mapping[str, Any]) -> None:
    """Empty `work` unless it was begun with the same plan."""
    path = work / "plan.json"
    text = json.dumps(plan, sort_keys=True, default=str)
    if not path.exists() or path.read_text() != text:
        shutil.rmtree(work, ignore_errors=True)
        with atomic_path(path) as temporary:
            temporary.write_text(text)


def _screen(role: str, spec: dict[str, Any], sections: Mapping[str, Any], work: Path) -> Path:
    """The screen's folder, made unless it is there in whole."""
    done = work / f"{role}.done"
    if not done.exists():
        shutil.rmtree(work / role, ignore_errors=True)
        make_screen(role, spec, sections, work)
        done.touch()
    return work / role


def _row(name: str, row: dict[str, Any], folders: Mapping[str, Path], sections, work: Path) -> pd.DataFrame:
    encoder = work / "encoders" / name
    if row["kind"] == "trained" and not (encoder / "encoder.json").exists():
        folder = folders["training"]
        recipe = Recipe.from_config(row["recipe"])
        with leased_devices(recipe.run.device, gpus=row.get("gpus", 0), say=say) as (device,):
            train(recipe, ScreenPaths(folder), encoder, seed=row["seeds"][0], threads=1, device=device)
    parts = []
    if "evaluation" in folders:
        folder = folders["evaluation"]
        wells = tables.read("wells", folder / "wells.parquet")
        latent = pd.read_parquet(folder / "host" / "truth" / "wells.parquet")
        frame = _embeddings(name, row, folder, encoder, sections)
        own = sections.get("compound_gene", {}).get("truth")
        truth = load_truth(own or folder / "compound_gene_truth.csv", wells)
        scores, found = evaluation_scores(frame, wells, truth, latent, sections)
        parts.append(scores)
        tables.write(found, "map", work / "maps" / f"{name}.parquet")
    elif row["kind"] == "trained":
        folder = folders["training"]
        frame = _embeddings(name, row, folder, encoder, sections)
        parts.append(heldout_retrieval(frame, tables.read("wells", folder / "wells.parquet"), sections))
    if row["kind"] == "trained":
        parts.append(_log(encoder))
    if not parts:
        raise InputError(f"study: row {name} is not trained, and there is no evaluation screen to score it on")
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _embeddings(
    name: str, row: Mapping[str, Any], folder: Path, encoder: Path, sections: Mapping[str, Any]
) -> pd.DataFrame:
    """Embeddings of the wells that have an image, so that all rows are scored on the same ones."""
    seed = (row.get("seeds") or [0])[0]
    options = embedding_of_method(sections["embedding"], row.get("title") or "row", row.get("embedding"))
    frame, _ = embed_method(
        method_of(name, row, [seed]),
        ScreenPaths(folder),
        seed,
        EmbedOptions.from_config(options),
        encoder if row["kind"] == "trained" else None,
        imaged_only=True,
        max_missing_share=1.0,
    )
    return frame


def _log(encoder: Path) -> pd.DataFrame:
    """The last window of the training log: what the loss came to, and the pairs that were really drawn."""
    path, rows = encoder / "log.csv", []
    if path.stat().st_size and len(table := pd.read_csv(path)):
        wanted = [c for c in ("loss", "cross_entropy", "prototypes_used", "same_plate_map") if c in table]
        rows = [{"metric": c, "value": float(table[c].iloc[-1])} for c in wanted]
    numbers = pd.DataFrame(rows, columns=["metric", "value"])
    return numbers.assign(benchmark="training", source=None, n=pd.NA)
