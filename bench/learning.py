"""What a small encoder learns of a simulated screen: one factor at a time, and what its architecture could learn.

    OMP_NUM_THREADS=1 python -m bench.learning [--only NAME ...] [--seed 1] [--field 128] [--folder DIR] [--out FILE]
    OMP_NUM_THREADS=1 python -m bench.learning --parameters [--only NAME ...] [--seed 1] [--field 128] [--folder DIR]

For each setting: trains an encoder on a simulated screen of 400 compounds, embeds an evaluation screen of 200 genes and
prints what the latent probe reads from it (share of the variance of phenotype and of nuisance, R²), the recall of known
relationships over all sources, compound-gene AP, and the plate probe. Settings called `latent ...` are trained to say
the phenotype that each well was drawn with: the ceiling of an architecture and a number of steps, not a method.
Settings that FILE has for this seed and field are left out, so that a stopped run goes on. Ten seconds to four minutes
per setting on one core. `--field` is the side of the evaluation screen's fields, pixels; with twice the side a well
has four times the cells. With `--parameters`: the share of the variance of each parameter that cells are drawn with
(docs/simulation.md) which ridge regression on the features predicts, for perturbations that it was not fitted on; of
the parameters that an axis of the phenotype moves.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
import yaml
from torch import nn

from cwamsn import tables
from cwamsn.benchmarks.latent_probe import latent_probe
from cwamsn.config import load_schema
from cwamsn.config_files import configuration
from cwamsn.embeddings import EmbedOptions, latent_columns
from cwamsn.embeddings.methods import embed_method
from cwamsn.methods import method_of
from cwamsn.paths import ScreenPaths
from cwamsn.recipes import complete_recipe
from cwamsn.simulate.phenotypes import INDEX, loadings
from cwamsn.studies.compare import METRICS, chosen_scores
from cwamsn.studies.plan import point_screens
from cwamsn.studies.score import Sections, evaluation_scores
from cwamsn.studies.screens import make_screen
from cwamsn.training import Recipe, train
from cwamsn.training.data import read_training_data
from cwamsn.training.trainer import Trainer
from cwamsn.training.weights import save_encoder

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("phenotype", "nuisance", "recall", "ap", "plate_linear")
SINGLE = {"target_from": "image"}
VIT = {
    "encoder": "vit_tiny_patch16_224",
    "encoder_options": {"embed_dim": 96, "depth": 4, "num_heads": 3, "patch_size": 8},
}


def _filters(**options: object) -> dict[str, object]:
    return {"encoder_options": options}


# the recipe of config/small_bank.yaml with what a name says
SETTINGS: dict[str, dict[str, object]] = {
    "texture": {},  # not an encoder: the features of docs/texture.md
    "untrained": {"epochs": 0},
    "untrained, from noise": _filters(start="noise") | {"epochs": 0},
    "untrained, one scale of 48": _filters(widths=[48]) | {"epochs": 0},
    "untrained, one scale of 48, 15 pixels": _filters(widths=[48], kernel=15) | {"epochs": 0},
    "untrained, 64 and 32": _filters(widths=[64, 32]) | {"epochs": 0},
    "untrained, stride 4": _filters(stride=4) | {"epochs": 0},
    "untrained, not standardised": _filters(standardise=False) | {"epochs": 0},
    "untrained ViT": VIT | {"epochs": 0},
    "200 steps": {"steps": 200},
    "400 steps": {"steps": 400},
    "800 steps": {},
    "2000 steps": {"steps": 2000},
    "single well": SINGLE,
    "single well, 2000 steps": SINGLE | {"steps": 2000},
    "from noise": _filters(start="noise"),
    "64 and 32": _filters(widths=[64, 32]),
    "64 and 32, 2000 steps": _filters(widths=[64, 32]) | {"steps": 2000},
    "64 and 32, 2000 steps, single well": _filters(widths=[64, 32]) | {"steps": 2000} | SINGLE,
    "24 features": _filters(features=24),
    "not standardised": _filters(standardise=False),
    "no masking": {"mask_ratio": 0},
    "views of a whole field": {"rand_scale": [0.3, 1.0]},
    "learning rate 1e-4": {"start_lr": 2e-5, "peak_lr": 1e-4},
    "learning rate 1e-3": {"peak_lr": 1e-3},
    "learning rate 3e-3": {"peak_lr": 3e-3},
    "batch of 128": {"batch_size": 128},
    "momentum .996": {"start_momentum": 0.996},
    "512 prototypes": {"prototypes": 512},
    "no Sinkhorn": {"sinkhorn_iterations": 0},
    "supervised contrast": {"objective": "supcon"},
    "SimCLR across wells": {"objective": "simclr"},
    "labels": {"objective": "wsl"},
    "ViT": VIT,
    "ViT, standard views": VIT | {"rand_scale": [0.3, 1.0], "focal_views": 4, "focal_size": 32},
    "latent": {"mask_ratio": 0},
    "latent, 64 and 32": _filters(widths=[64, 32]) | {"mask_ratio": 0},
    "latent, ViT": VIT | {"mask_ratio": 0},
}


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    torch.set_num_threads(1)
    own = [ROOT / "config" / "small_bank.yaml"]
    config = configuration(ROOT, own, {}, lambda path: yaml.safe_load(Path(path).read_text()))
    config["compound_gene"]["draws"] = 50  # beyond it the mean over draws no longer moves in the third digit
    genes: dict[str, object] = {"complexes": 40, "field_height": options.field, "field_width": options.field}
    config["study"]["points"] = {"learning": {"evaluation": genes}}
    folder = options.folder or Path(tempfile.mkdtemp(prefix="learning-"))
    screens = _screens(config, options.seed, folder / f"seed{options.seed}-{options.field}")
    names = options.only or SETTINGS
    if options.parameters:
        section = _sections(config, options.seed)["evaluation"]
        found = {name: _of_parameters(_embedded(name, config, screens, folder)[0], screens, section) for name in names}
        print(pd.DataFrame(found).round(2).to_markdown())
        return
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    fixed = {"seed": options.seed, "field": options.field}
    known = {row["name"] for row in rows if row["seed"] == options.seed and row.get("field", 128) == options.field}
    for name in names:
        if name in known:
            continue
        row = {"name": name} | fixed | _measured(name, config, screens, folder)
        print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        with options.out.open("a") as file:
            file.write(json.dumps(row) + "\n")


def _sections(config: Mapping[str, object], seed: int) -> dict[str, Mapping[str, object]]:
    return point_screens(config, load_schema(ROOT / "config" / "schemas"), "learning", seed)


def _screens(config: Mapping[str, object], seed: int, folder: Path) -> dict[str, ScreenPaths]:
    for role, section in _sections(config, seed).items():
        if not (folder / f"{role}.done").exists():
            make_screen(role, section, config, folder)
            (folder / f"{role}.done").touch()
    return {role: ScreenPaths(folder / role) for role in ("training", "evaluation")}


def _measured(name: str, config: Mapping, screens: Mapping[str, ScreenPaths], folder: Path) -> dict[str, object]:
    """What one setting reads of the evaluation screen, and what its training cost."""
    frame, found = _embedded(name, config, screens, folder)
    scores, _ = evaluation_scores(
        frame,
        screens["evaluation"],
        Sections.from_config(config),
        {"run": "x", "method": name, "seed": 0, "screen": "x"},
    )
    return found | _chosen(scores)


def _embedded(
    name: str, config: Mapping, screens: Mapping[str, ScreenPaths], folder: Path
) -> tuple[pd.DataFrame, dict[str, object]]:
    """The evaluation screen's embeddings by one setting; its features, and the seconds that training took."""
    schema = load_schema(ROOT / "config" / "schemas")
    began, found = time.process_time(), {}
    with tempfile.TemporaryDirectory(dir=folder) as out:
        trained = None if name == "texture" else Path(out)
        if trained:
            recipe = Recipe.from_config(complete_recipe(config, schema, "cwa-msn", SETTINGS[name]))
            if name.startswith("latent"):
                found = _say_the_phenotype(recipe, screens["training"], trained)
            else:
                train(recipe, screens["training"], trained, seed=0, threads=1, device="cpu")
        spent = time.process_time() - began
        kind = "cwa-msn" if trained else "texture"
        method = method_of(kind, config["definitions"][kind], [0])
        embedding = EmbedOptions.from_config(config["embedding"] | {"threads": 1})
        frame, _ = embed_method(method, screens["evaluation"], 0, embedding, trained, imaged_only=True)
    return frame, found | {"features": frame.shape[1] - 1, "seconds": round(spent)}


def _of_parameters(frame: pd.DataFrame, screens: Mapping[str, ScreenPaths], section: Mapping[str, object]) -> pd.Series:
    """R² of each drawing parameter's shift, by the latent probe with a parameter in place of the phenotype."""
    wells = tables.read("wells", screens["evaluation"].wells).set_index("well_id").loc[frame["well_id"]].reset_index()
    truth = pd.read_parquet(screens["evaluation"].simulated_truth)
    latent = truth[latent_columns(truth, "phenotype")].to_numpy()
    shifts = pd.DataFrame(latent @ loadings(section["world_seed"], latent.shape[1]), columns=list(INDEX))
    moved = [name for name in shifts if shifts[name].std() > 0]  # some parameters no axis moves
    features, truth = frame.drop(columns="well_id").to_numpy(float), shifts.assign(well_id=truth["well_id"])
    found = latent_probe(features, wells, truth, {name: [name] for name in moved})
    return pd.Series(found["value"].to_numpy(), moved)


def _chosen(scores: pd.DataFrame) -> dict[str, float]:
    """The numbers of the table, as a study takes them."""
    chosen = {name: chosen_scores(scores, METRICS[name].where)["value"].iloc[0] for name in SHOWN}
    return {key: round(float(value), 3) for key, value in chosen.items()}


def _say_the_phenotype(recipe: Recipe, screen: ScreenPaths, out: Path) -> dict[str, object]:
    """Train the encoder by regression on the phenotype that each view's well was drawn with, and save it."""
    trainer = Trainer(recipe, read_training_data(screen, recipe, 0), 0, torch.device("cpu"))
    encoder, truth = trainer.model.anchor.encoder, pd.read_parquet(screen.host / "truth" / "wells.parquet")
    wells = truth.set_index("well_id").loc[trainer.data.crops["well_id"]]
    latent = wells[latent_columns(truth, "phenotype")].to_numpy(np.float32)
    latent = latent[:, latent.std(axis=0) > 0]  # some axes occur in evaluation screens only
    wanted = torch.from_numpy((latent - latent.mean(axis=0)) / latent.std(axis=0))
    head = nn.Linear(encoder.num_features, wanted.shape[1])
    weights = [*encoder.parameters(), *head.parameters()]
    optimiser, losses = torch.optim.AdamW(weights, weight_decay=0.05), []
    for images in trainer.remaining():
        for group in optimiser.param_groups:
            group["lr"] = float(trainer.schedules.lr[images.step])
        of_batch = wanted[torch.from_numpy(images.pairs.anchor)]
        views = trainer.views(images).anchors[0].images
        loss = F.mse_loss(head(encoder(views)), of_batch.repeat(len(views) // len(of_batch), 1))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 3.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    trainer.model.target.load_state_dict(trainer.model.anchor.state_dict())
    save_encoder(trainer.model, trainer.description(), out)
    return {"squared_error": round(float(np.mean(losses[-50:])), 3)}


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.learning", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(SETTINGS), metavar="NAME", help="of the settings in SETTINGS")
    parser.add_argument("--seed", type=int, default=1, help="of the pair of screens (1)")
    parser.add_argument("--field", type=int, default=128, help="side of the evaluation screen's fields, pixels (128)")
    parser.add_argument("--parameters", action="store_true", help="what is read of each parameter of the cells")
    parser.add_argument("--folder", type=Path, help="where the screens are kept; default: a temporary folder")
    parser.add_argument(
        "--out", type=Path, default=Path("learning.jsonl"), help="one line per setting (learning.jsonl)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
