"""The training loop, for every objective and every recipe."""

import shutil
from contextlib import closing
from pathlib import Path

import torch

from cwamsn.files import write_json
from cwamsn.live import Pace, say
from cwamsn.models import device_name, fitting, is_main, prepare_deterministic, share_threads, world
from cwamsn.paths import ModelPaths, ScreenPaths
from cwamsn.training.checkpoint import Checkpoint
from cwamsn.training.data import read_training_data
from cwamsn.training.health import check_any_step, check_collapse, less_memory
from cwamsn.training.loader import LoaderLimit, Steps
from cwamsn.training.log import TrainingLog
from cwamsn.training.processes import process_group
from cwamsn.training.recipe import Recipe
from cwamsn.training.stopping import SameStep, stop, stop_requests
from cwamsn.training.trainer import Trainer
from cwamsn.training.weights import save_encoder


def train(
    recipe: Recipe,
    screen: ScreenPaths,
    out: Path,
    *,
    seed: int,
    threads: int | None = None,
    device: str | None = None,
    loader_threads: int | None = None,
    loader_depth: int = 3,
) -> None:
    """Train one encoder and write `encoder.safetensors`, `encoder.json`, `log.csv` and `events/` to `out`.

    A run that was killed resumes from `out/checkpoint/`. Under torchrun each process takes its share of the batch; the
    result does not depend on the number of processes but for rounding.

    Parameters
    ----------
    recipe : what is trained, and how.
    screen : files of the training screen: crops index and shards, wells table, channel statistics.
    out : folder of this training alone.
    seed : decides initial weights, pairs and views; and the subset, where the recipe takes some perturbations or wells.
    threads : threads of this process; None: 8 on a GPU, 1 on the CPU.
    device : a torch device in place of the recipe's.
    loader_threads : how many of them load batches ahead; None: all but one on a GPU, none on the CPU. They change no
        digit.
    loader_depth : batches that are loaded ahead.

    Raises
    ------
    InputError
        No batch can be filled, or a file does not fit the others.
    TrainingStopped
        The loss is not finite, or the training has collapsed; the message gives the step and the numbers.
    """
    if recipe.run.deterministic:
        prepare_deterministic()
    with process_group(device or recipe.run.device) as own:
        shared = share_threads(own, threads, loader_threads)
        torch.set_num_threads(shared.compute)
        data = read_training_data(screen, recipe, seed)
        trainer = Trainer(recipe, data, seed, own)
        _announce(trainer)
        log = TrainingLog(out, is_main(), trainer.precision)
        if trainer.steps:
            if is_main():  # for `cwamsn watch`
                write_json({"steps": trainer.steps, "recipe": recipe.to_config()}, ModelPaths(out).progress)
            advice = less_memory(trainer.precision, trainer.attention)
            file, minutes = out / "checkpoint" / "last.pt", recipe.run.checkpoint_minutes
            # torchrun waits for processes that were told to stop, and ends them
            with (
                stop_requests(insist=world()[1] == 1) as requested,
                SameStep(requested) as to_stop,
                fitting("training.batch_size", recipe.pairs.batch_size, own, advice),
                Checkpoint(file, trainer.fingerprint, minutes) as checkpoint,
            ):
                checkpoint.restore(trainer, log)
                if is_main() and not log.rows:
                    log.path.unlink(missing_ok=True)  # of another training; whoever watches must not take it for this
                with closing(trainer.remaining(threads=shared.loader, depth=loader_depth)) as batches:
                    _run(trainer, batches, log, checkpoint, to_stop)
        log.close()
        if is_main():
            save_encoder(trainer.model, trainer.description(), out)
            ModelPaths(out).progress.unlink(missing_ok=True)
            if not recipe.run.keep_checkpoint:
                shutil.rmtree(out / "checkpoint", ignore_errors=True)


def _run(trainer: Trainer, batches: Steps, log: TrainingLog, checkpoint: Checkpoint, to_stop: SameStep) -> None:
    """Take the remaining steps. After a requested stop: finish the step, save, obey the signal.

    What a step gave is read at the end of its window, so that the host is ahead of a GPU, and whenever the log's state
    is saved: no weights are written after a loss that is not finite. On the CPU reading is free.
    """
    pace, limit, seen = Pace(trainer.steps, trainer.done), LoaderLimit(batches.ahead), 0
    for images in batches:
        step = trainer.step(images)
        log.add_unread(step)
        seen += step.images
        last = trainer.done == trainer.steps
        window = last or trainer.done % trainer.recipe.run.log_every == 0
        if window or reading_is_free(trainer.device):
            log.settle()
            if is_main():
                pace(trainer.done, seen, {"loss": log.last["loss"]})
            seen = 0
        if window:
            at = trainer.schedules.at(images.step)
            row = log.close_window(trainer.done, trainer.epoch(), at, batches.ahead.waited())
            check_collapse(row, trainer.recipe, trainer.steps)
            limit.look_at(row["waiting"])
        signalled = None if last else to_stop()
        checkpoint.save_if_due(trainer, log, now=bool(signalled))
        if signalled:
            to_stop.together()
            if is_main():
                say(f"stopped after step {trainer.done} of {trainer.steps}; the same command goes on from there")
            stop(signalled)
    check_any_step(log.rows)


def reading_is_free(device: torch.device) -> bool:
    """Whether what a step gave can be read without waiting for the device."""
    return device.type == "cpu"


def _announce(trainer: Trainer) -> None:
    if is_main():
        device, processes = trainer.device, world()[1]
        print(f"seed {trainer.seed}, {trainer.steps} steps on {device.type}, {processes} process(es); {trainer.counts}")
        print(f"precision {trainer.precision}, attention {trainer.attention}, on {device_name(device)}", flush=True)
