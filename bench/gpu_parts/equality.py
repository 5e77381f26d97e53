"""The same weights and the same batch on the CPU in float32 and on the device: loss, gradients, embeddings."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from bench.gpu_parts.case import Case, batches_of
from bench.gpu_parts.figures import Figure
from cwamsn.crops import CropStore
from cwamsn.embeddings.images import embed
from cwamsn.embeddings.options import EmbedOptions
from cwamsn.models import autocast, products, resolve_precision
from cwamsn.training import Trainer
from cwamsn.training.batch import Batch, Group

CPU = torch.device("cpu")
PAIRS, CROPS = 4, 8
# Largest differences in relation to the value: loss, gradients (norm of the difference / norm), embeddings (likewise).
# The half precisions keep 8 and 11 bits of a number; the loss sharpens targets, which enlarges differences.
TOLERANCES = {
    "float32": (1e-5, 1e-3, 1e-3),
    "tf32": (1e-3, 3e-2, 1e-2),
    "float16": (1e-3, 3e-2, 1e-2),
    "bfloat16": (1e-2, 2e-1, 5e-2),
}


def measure(case: Case) -> Iterator[Figure]:
    reference = case.trainer(CPU, batch_size=PAIRS, precision="float32")
    with batches_of(reference) as batches:
        batch = reference.views(next(batches))
    wanted_loss, wanted_gradients = _loss_and_gradients(reference, batch)
    wanted_features = _features(case, reference, "float32")
    for precision in dict.fromkeys(("float32", resolve_precision("auto", case.device))):
        trainer = case.trainer(batch_size=PAIRS, precision=precision)
        loss, gradients = _loss_and_gradients(trainer, _moved(batch, case.device))
        features = _features(case, trainer, precision)
        of_loss, of_gradients, of_features = TOLERANCES[precision]
        name = f"{precision} on {case.device.type} against float32 on the CPU"
        yield Figure(f"loss, {name}", abs(loss / wanted_loss - 1), "", at_most=of_loss, equality=True)
        off = _distance(gradients, wanted_gradients)
        yield Figure(f"gradients, {name}", off, "", at_most=of_gradients, equality=True)
        off = _distance(features, wanted_features)
        yield Figure(f"embeddings, {name}", off, "", at_most=of_features, equality=True)


def _loss_and_gradients(trainer: Trainer, batch: Batch) -> tuple[float, Tensor]:
    """Loss, and all gradients as one vector, of one batch before any step."""
    # what the objective draws must be the same on both devices
    batch = replace(batch, generator=torch.Generator().manual_seed(0))
    with products(trainer.device, trainer.precision):
        with autocast(trainer.device, trainer.precision):
            loss = trainer.model(batch)["loss"]
        trainer.scaler.scale(loss).backward()
    gradients = [
        p.grad.flatten() / trainer.scaler.get_scale() for p in trainer.model.parameters() if p.grad is not None
    ]
    return float(loss.detach()), torch.cat(gradients).double().cpu()


def _moved(batch: Batch, device: torch.device) -> Batch:
    groups = [Group(g.images.to(device), None if g.keep is None else g.keep.to(device)) for g in batch.anchors]
    drawn = {name: values.to(device) for name, values in batch.drawn.items()}
    target, codes = batch.target.to(device), batch.perturbation.to(device)
    return replace(batch, anchors=groups, target=target, perturbation=codes, drawn=drawn)


def _features(case: Case, trainer: Trainer, precision: str) -> Tensor:
    """Embeddings of a few wells by the untrained encoder."""
    store = CropStore(case.data.store.frame.iloc[:CROPS], case.screen.root)
    channels = list(store.channels)
    meta = {"in_channels": len(channels), "view_size": trainer.recipe.views.rand_size, "channels": channels}
    statistics = case.data.statistics._asdict()
    frame = embed(
        trainer.model.anchor.encoder, meta, store, statistics, EmbedOptions(precision=precision), trainer.device
    )
    return torch.from_numpy(frame.drop(columns="well_id").to_numpy()).double()


def _distance(found: Tensor, wanted: Tensor) -> float:
    """Norm of the difference over the norm of what is wanted; NaN where anything is not finite."""
    return float((found - wanted).norm() / wanted.norm())
