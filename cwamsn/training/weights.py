"""Trained weights as files: `encoder.safetensors` holds all networks, `encoder.json` the recipe and what came of it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import cwamsn
from cwamsn.errors import InputError
from cwamsn.files import atomic_path, read_json, write_json
from cwamsn.paths import ModelPaths
from cwamsn.training.model import Branch, Model
from cwamsn.training.recipe import Recipe

FEATURES = ("cls_last_block", "cls_norm", "head")


def save_encoder(model: Model, description: Mapping[str, object], folder: str | Path) -> None:
    """Write `encoder.safetensors` (named as in `Model.state_dict`) and `encoder.json` (description, digest)."""
    paths = ModelPaths(Path(folder))
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_path(paths.weights) as temporary:
        save_file(state, temporary)
    digest = hashlib.sha256(paths.weights.read_bytes()).hexdigest()
    write_json({**description, "weights_sha256": digest}, paths.description)


class Embedder(nn.Module):
    """Images (B, C, H, W), normalised, to features (B, D): the class token or the projection head's output."""

    def __init__(self, encoder: nn.Module, head: nn.Module | None, final_norm: bool):
        super().__init__()
        self.encoder, self.head, self.final_norm = encoder, head, final_norm

    def forward(self, images: Tensor) -> Tensor:
        features = self.encoder(images, final_norm=self.final_norm)
        return features if self.head is None else self.head(features)


def restore_encoder(
    folder: str | Path, network: str = "target", feature: str = "cls_last_block"
) -> tuple[Embedder, dict[str, Any]]:
    """The trained encoder of `folder`, in evaluation mode without gradients, and the content of its `encoder.json`.

    network: `target` (the moving average; the anchor where the objective keeps none) or `anchor`. feature:
    `cls_last_block` (class token without the final LayerNorm, as the MSN reference evaluates), `cls_norm` (with it),
    `head` (output of the projection head, BatchNorm with its running statistics). Every weight of the file must fit, by
    name and shape.
    """
    paths = ModelPaths(Path(folder))
    if feature not in FEATURES:
        raise InputError(f"embedding.feature: {feature!r} is not known; known: {', '.join(FEATURES)}")
    for path in (paths.description, paths.weights):
        if not path.exists():
            raise InputError(f"{path}: no such file; train the method first")
    description = read_json(paths.description)
    with torch.random.fork_rng(devices=[]):
        model = Model(Recipe.from_config(description["recipe"]), len(description["channels"]), description["classes"])
    path = paths.weights
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise InputError(
            f"{path}: does not fit its encoder.json ({' '.join(str(error).split())[:300]}); train again"
        ) from None
    branch = model.anchor if network == "anchor" or model.target is None else model.target
    embedder = Embedder(branch.encoder, branch.head if feature == "head" else None, feature != "cls_last_block")
    return embedder.eval().requires_grad_(False), description


def untrained_branch(recipe: Recipe, channels: int, classes: int) -> Branch:
    """Encoder and head as a training of `recipe` draws them from torch's generator, which it seeds with its seed."""
    return Model(recipe, channels, classes).anchor


def code_version() -> str:
    """Version of the package and a digest of the sources that weights depend on, so that a changed loop is noticed."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    folders = [path for name in ("training", "models", "loading") for path in sorted((package / name).rglob("*.py"))]
    for path in [*folders, package / "crops" / "store.py", package / "crops" / "codec.py"]:
        digest.update(path.read_bytes())
    return f"{cwamsn.__version__}+training.{digest.hexdigest()[:12]}"
