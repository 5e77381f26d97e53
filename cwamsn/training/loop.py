"""The training loop, for every trained row."""

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.parallel import DistributedDataParallel

from cwamsn import tables
from cwamsn.crops import CropStore
from cwamsn.errors import InputError
from cwamsn.files import sha256
from cwamsn.live import Pace, say
from cwamsn.models import (
    autocast,
    averaged,
    device_name,
    gradient_scaler,
    resolve_attention,
    resolve_precision,
    set_attention,
    world,
)
from cwamsn.training.batch import ViewMaker
from cwamsn.training.checkpoint import identity, load_checkpoint, save_checkpoint
from cwamsn.training.data import agreement_codes, keep_usable, perturbation_table, read_statistics, select_crops
from cwamsn.training.log import TrainingLog
from cwamsn.training.model import Model
from cwamsn.training.objectives import objective_of
from cwamsn.training.processes import process_group
from cwamsn.training.sampler import Pairs, PairSampler
from cwamsn.training.schedule import Schedules, schedules
from cwamsn.training.stopping import stop, told_to_stop
from cwamsn.training.weights import code_version, save_encoder

# start and peak learning rate by reading of the paper's sentence, see docs/method.md
LR_READINGS = {"A": (2e-4, 1e-3), "B": (0.0, 2e-4), "B2": (2e-4, 2e-4)}
# defaults of what keeps the prototypes in use
BALANCE = {"sinkhorn_iterations": 3, "me_max_weight": 1.0}


def train(
    recipe: dict[str, Any],
    index_path: str | Path,
    data_root: str | Path,
    statistics_path: str | Path,
    wells_path: str | Path,
    out_dir: str | Path,
    seed: int,
    threads: int,
    device: str | None = None,
) -> None:
    """Train one row and write `encoder.safetensors`, `encoder.json`, `log.csv` and `events/` to `out_dir`.

    recipe: every key of the configuration's `training` section but those of how a job is run (see `recipe_of`).
    index_path, data_root: crops table and the folder of its shards; statistics_path: channel statistics; wells_path:
    wells table; device: a torch device in place of the recipe's. A run that was killed goes on from
    `out_dir/checkpoint/`. Under torchrun each process takes its share of the batch; the result does not depend on the
    number of processes but for rounding.

    Raises :class:`InputError` where no batch can be filled, and where the loss is not finite or the training has
    collapsed, with the step and the numbers that say so.
    """
    torch.set_num_threads(threads)
    with process_group(device or recipe["device"]) as own:
        _train(
            recipe,
            Path(index_path),
            Path(data_root),
            Path(statistics_path),
            Path(wells_path),
            Path(out_dir),
            seed,
            own,
        )


def _train(recipe, index_path, data_root, statistics_path, wells_path, out_dir, seed, device) -> None:
    store = CropStore(index_path, data_root)
    crops, counts = select_crops(store.frame, tables.read("wells", wells_path), recipe, index_path)
    chosen = objective_of(recipe)
    crops, counts = keep_usable(crops, counts, chosen.usable, wells_path)
    statistics = read_statistics(statistics_path, list(store.channels))
    data = {"crops": sha256(index_path), "wells": sha256(wells_path), "statistics": sha256(statistics_path)}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Model(recipe, len(store.channels), classes=crops["perturbation"].nunique()).to(device)
    model.load_frozen()
    precision = resolve_precision(recipe["precision"], device)
    attention = resolve_attention(recipe["attention"], device, precision)
    set_attention(model, attention)
    steps = 0
    if recipe["epochs"]:
        sampler = PairSampler(
            crops, recipe["batch_size"], seed, recipe["target_from"], recipe["epoch_unit"], recipe["batch_composition"]
        )
        counts |= {"perturbations_excluded": sampler.excluded, "batches_per_epoch": len(sampler)}
        steps = recipe["steps"] or recipe["epochs"] * len(sampler)
        if chosen.prepare:
            chosen.prepare(model, perturbation_table(crops, sampler.perturbations))
    rank, size = world()
    if rank == 0:
        print(f"seed {seed}, {steps} steps on {device.type}, {size} process(es); {counts}", flush=True)
        print(f"precision {precision}, attention {attention}, on {device_name(device)}", flush=True)
    log = TrainingLog(out_dir, writes=rank == 0)
    if steps:
        # weights that two precisions took turns in are those of neither
        name = identity(recipe | {"precision": precision}, seed, data)
        # torchrun stops its processes itself, each at a step of its own
        with told_to_stop() if size == 1 else nullcontext(lambda: None) as told:
            optimise(
                model,
                sampler,
                steps,
                recipe | {"precision": precision},
                store,
                crops,
                statistics,
                log,
                out_dir / "checkpoint" / "last.pt",
                seed,
                name,
                told,
            )
    log.close()
    if rank == 0:
        images = crops["crop"].nunique() if steps else 0
        description = {
            "recipe": recipe,
            "seed": seed,
            "steps": steps,
            "channels": statistics["channels"],
            "mean": statistics["mean"],
            "std": statistics["std"],
            "input_size": recipe["rand_size"],
            "classes": crops["perturbation"].nunique(),
            "counts": counts,
            "images": images,
            "networks": ["anchor"] if model.target is None else ["anchor", "target"],
            "data_sha256": data,
            "code_version": code_version(),
            "device": device_name(device),
            "precision": precision,
            "attention": attention,
        }
        save_encoder(model, description, out_dir)
        if not recipe["keep_checkpoint"]:
            shutil.rmtree(out_dir / "checkpoint", ignore_errors=True)


def optimise(
    model: Model,
    sampler: PairSampler,
    steps: int,
    recipe: dict[str, Any],
    store: CropStore,
    crops: pd.DataFrame,
    statistics: dict[str, list],
    log: TrainingLog,
    checkpoint: Path,
    seed: int,
    name: str,
    told: Callable[[], int | None] = lambda: None,
) -> None:
    """Take optimiser steps until there are `steps`, from the checkpoint if it has this `name`.

    The recipe's precision is a resolved one, not `auto`. Once `told` gives a signal, the step is finished, a checkpoint
    written, and the signal obeyed.
    """
    device = next(model.parameters()).device
    rank, size = world()
    if recipe["batch_size"] % size:
        raise InputError(f"training.batch_size: {recipe['batch_size']} does not divide over {size} processes")
    share = slice(recipe["batch_size"] // size * rank, recipe["batch_size"] // size * (rank + 1))
    plan = plan_of(recipe, steps, len(sampler))
    groups = model.parameter_groups()
    optimiser = torch.optim.AdamW(groups, betas=tuple(recipe["betas"]), eps=recipe["adam_eps"], fused=True)
    scaler = gradient_scaler(device, recipe["precision"])
    clipped = [p for g in groups if g["clip"] for p in g["params"]]
    unclipped = [p for g in groups if not g["clip"] for p in g["params"]]
    images, codes = crops["crop"].to_numpy(), agreement_codes(crops)
    views = ViewMaker(
        recipe, tuple(store.frame.loc[images[0], ["height", "width"]]), model.patch_size, statistics, device
    )

    step = 0
    if state := load_checkpoint(checkpoint, name, device):
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        scaler.load_state_dict(state["scaler"])
        log.resume(state["log"])
        torch.set_rng_state(state["rng"].cpu())
        step = state["step"]
        if rank == 0:
            say(f"resumed after step {step} of {steps}")
    model.train()
    parallel = DistributedDataParallel(model, forward_sync_buffers=False) if size > 1 else model
    saved, pace = time.monotonic(), Pace(steps, step)

    def load(pairs: Pairs) -> tuple[torch.Tensor, torch.Tensor]:
        anchor, target = (images[x[share]] for x in (pairs.anchor, pairs.target))
        same = (anchor == target).all()
        batch = store.load_batch(anchor if same else np.concatenate([anchor, target]))
        batch = torch.from_numpy(batch).to(device, non_blocking=True)
        return (batch, batch) if same else batch.chunk(2)

    for number, pairs in batches(sampler, step, steps):
        batch = views(pairs, *load(pairs), share, seed, number)
        with autocast(device, recipe["precision"]):
            numbers = parallel(batch)
        optimiser.zero_grad(set_to_none=True)
        for group in optimiser.param_groups:
            group["lr"] = float(plan.lr[number])
            group["weight_decay"] = float(plan.weight_decay[number]) if group["decay"] else 0.0
        scaler.scale(numbers["loss"]).backward()
        scaler.unscale_(optimiser)
        if recipe["reference_prototype_gradients"]:
            torch._foreach_mul_([p.grad for p in unclipped], size)
        numbers["gradient_norm"] = torch.nn.utils.clip_grad_norm_(clipped, recipe["clip_gradient"] or math.inf)
        numbers = averaged(numbers)
        # float16 starts with too large a scale on purpose: the scaler leaves such a step out and halves the scale
        overflow = not math.isfinite(numbers["gradient_norm"]) and scaler.is_enabled() and scaler.get_scale() > 1
        if not math.isfinite(numbers["loss"]) or not (math.isfinite(numbers["gradient_norm"]) or overflow):
            raise InputError(
                f"training stopped: step {number + 1} gave {numbers}; lower training.peak_lr"
                + ("" if recipe["precision"] == "float32" else " or use precision: float32")
            )
        scale = scaler.get_scale()
        scaler.step(optimiser)
        scaler.update()
        if scaler.is_enabled():
            numbers["skipped_steps"] = float(scaler.get_scale() < scale)
        if overflow:
            del numbers["gradient_norm"]
        model.update_target(plan.momentum[number])

        same = {key: float(np.mean(code[pairs.anchor] == code[pairs.target])) for key, code in codes.items()}
        seen = len({*pairs.anchor, *pairs.target})
        log.add(numbers | same, images=seen)
        step = number + 1
        if rank == 0:
            pace(step, seen, {"loss": numbers["loss"]})
        if step % recipe["log_every"] == 0 or step == steps:
            row = log.close_window(step, number // len(sampler), {k: v[number] for k, v in plan._asdict().items()})
            refuse_collapse(row, recipe, steps)
        signalled = told() if step < steps else None
        due = signalled or time.monotonic() - saved >= 60 * recipe["checkpoint_minutes"]
        if rank == 0 and step < steps and due:
            state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "log": log.state}
            state["scaler"] = scaler.state_dict()
            save_checkpoint(checkpoint, state | {"step": step, "identity": name, "rng": torch.get_rng_state()})
            saved = time.monotonic()
        if signalled:
            say(f"stopped after step {step} of {steps}; the same command goes on from there")
            stop(signalled)
    if not any("gradient_norm" in row for row in log.rows):
        raise InputError("training stopped: every step overflowed in float16, so no step was taken; use float32")


def batches(sampler: PairSampler, first: int, last: int) -> Iterator[tuple[int, Pairs]]:
    """Steps `first` to `last` - 1 with their pairs, epoch after epoch."""
    step = first
    while step < last:
        epoch, skipped = divmod(step, len(sampler))
        for pairs in islice(sampler.epoch(epoch), skipped, None):
            if step == last:
                return
            yield step, pairs
            step += 1


def plan_of(recipe: dict[str, Any], steps: int, batches_per_epoch: int) -> Schedules:
    """The recipe's schedules. With `steps` given, the warm-up keeps its share of the training."""
    start, peak = LR_READINGS[recipe["learning_rate_reading"]]
    start = start if recipe["start_lr"] is None else recipe["start_lr"]
    peak = peak if recipe["peak_lr"] is None else recipe["peak_lr"]
    alike = ("final_lr", "start_weight_decay", "final_weight_decay", "start_momentum", "final_momentum", "stretch")
    return schedules(
        iterations_per_epoch=1 if recipe["steps"] else batches_per_epoch,
        epochs=steps if recipe["steps"] else recipe["epochs"],
        warmup_epochs=warmup_steps(recipe, steps) if recipe["steps"] else recipe["warmup_epochs"],
        start_lr=start,
        peak_lr=peak,
        **{name: recipe[name] for name in alike},
    )


def warmup_steps(recipe: dict[str, Any], steps: int) -> int:
    return int(steps * recipe["warmup_epochs"] / recipe["epochs"])


def refuse_collapse(row: dict[str, float], recipe: dict[str, Any], steps: int) -> None:
    """Stop where, after the warm-up, the targets of a batch fall on so few prototypes that nothing is told apart."""
    use = row.get("prototype_use")
    if use is not None and row["step"] > warmup_steps(recipe, steps) and use < recipe["min_prototype_use"]:
        changed = [key for key, value in BALANCE.items() if recipe[key] != value]
        advice = "".join(f", or take {key}: {BALANCE[key]} in place of {recipe[key]}" for key in changed)
        raise InputError(
            f"training stopped: collapsed at step {row['step']}: the targets of a batch have {use:.1%} of the distinct "
            f"nearest prototypes they could have (min_prototype_use: {recipe['min_prototype_use']:.1%}, loss "
            f"{row['loss']:.3f}); lower training.peak_lr{advice}"
        )
