"""Speed and memory of a training step: ViT-S/16, 5 channels, 1 + 10 anchor views, one CPU thread.

    OMP_NUM_THREADS=1 python bench/training_step.py [--batch 16] [--repeats 3] [--compile]

Prints, from one run and in CPU seconds of the process, pairs per second of our step (the precision and attention that
`auto` takes here, fused optimiser) and of a plain float32 step as the MSN reference takes it, their ratio, the share of
the machine's matrix-product ceiling in that precision that our step reaches, and the peak memory of a process that
takes such steps. The steps and the products of the ceiling take turns, since other processes disturb them.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from torch.utils.flop_counter import FlopCounterMode

from bench._measure import interleaved
from cwamsn.models import autocast, compile_encoder, resolve_attention, resolve_precision
from cwamsn.models.precision import DTYPES
from cwamsn.training import Recipe
from cwamsn.training.batch import Batch, Group
from cwamsn.training.model import Model

ROOT = Path(__file__).resolve().parents[1]
CPU = torch.device("cpu")
PRECISION = resolve_precision("auto", CPU)
ATTENTION = resolve_attention("auto", CPU, PRECISION)
# on a bfloat16 machine and on others: ratio to the plain step, share of the ceiling
WANTED = (3.6, 0.80) if PRECISION == "bfloat16" else (1.0, 0.87)


def paper(**changes):
    """The recipe of the paper, with these keys of the section `training`."""
    return Recipe.from_config(changes)


def random_batch(batch):
    keep = torch.randperm(196)[:166]
    anchors = [
        Group(torch.randn(batch, 5, 224, 224), keep),
        Group(torch.randn(10 * batch, 5, 96, 96), None),
    ]
    return Batch(anchors, torch.randn(batch, 5, 224, 224), torch.arange(batch), torch.Generator())


def make_step(recipe, fused):
    """One optimiser step as the training loop takes it."""
    torch.manual_seed(0)
    model = Model(recipe, channels=5, classes=10).train()
    optimiser = torch.optim.AdamW(model.parameter_groups(), fused=fused, foreach=False)
    clipped = [p for g in optimiser.param_groups if g["clip"] for p in g["params"]]

    def step(batch):
        with autocast(CPU, recipe.run.precision):
            loss = model(batch)["loss"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(clipped, recipe.optimiser.clip_gradient)
        optimiser.step()
        model.update_target(0.996)

    return model, step


def make_reference_step():
    """The same step in plain float32 as the reference writes it: optimiser and average go parameter by parameter."""
    model, _ = make_step(paper(precision="float32", attention="eager"), fused=False)
    for branch in (model.anchor, model.target):
        blocks = branch.encoder.vit.blocks
        blocks[-1] = torch.nn.Sequential(blocks[-1])  # not a plain block: computed for all tokens, as by the reference
    optimiser = torch.optim.AdamW(model.parameter_groups(), fused=False, foreach=False)
    pairs = list(zip(model.target.parameters(), model.anchor.parameters()))

    def step(batch):
        optimiser.zero_grad()
        model(batch)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.anchor.parameters(), 3.0, foreach=False)
        optimiser.step()
        with torch.no_grad():
            for target, anchor in pairs:
                target.mul_(0.996).add_((1.0 - 0.996) * anchor.detach())

    return step


def products(rows):
    """(calls, their FLOP): a large square product; those of a block's Linear layers, forward and backward.

    rows: tokens that a Linear layer of the step sees at once.
    """
    dtype = DTYPES[PRECISION]
    square = torch.randn(2048, 2048, dtype=dtype)
    layers = []
    for fan_in, fan_out in [(384, 1152), (384, 384), (384, 1536), (1536, 384)]:
        shapes = (rows, fan_in), (fan_out, fan_in), (rows, fan_out)
        layers.append([torch.randn(shape, dtype=dtype) for shape in shapes])

    def own():
        for x, weight, gradient in layers:
            x @ weight.T
            gradient @ weight
            gradient.T @ x

    flops = sum(6 * x.shape[0] * x.shape[1] * weight.shape[0] for x, weight, _ in layers)
    return {"large": lambda: square @ square, "own": own}, {"large": 2 * 2048**3, "own": flops}


def memory(batch, steps):
    """Print the peak resident memory in MiB of this process after the second and after the last of `steps` steps."""
    _, step = make_step(paper(precision=PRECISION, attention=ATTENTION), fused=True)
    peaks = []
    for _ in range(steps):
        step(random_batch(batch))
        # not getrusage: its maximum starts with the parent's size
        status = Path("/proc/self/status").read_text()
        peaks.append(int(status.split("VmHWM:")[1].split()[0]) // 1024)
    print(peaks[1], peaks[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="our step with training.compile")
    parser.add_argument("--memory-of-steps", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.memory_of_steps:
        memory(options.batch, options.memory_of_steps)
        return

    batch = random_batch(options.batch)
    model, step = make_step(paper(precision=PRECISION, attention=ATTENTION), fused=True)
    with FlopCounterMode(display=False) as counter:
        model(batch)["loss"].backward()
    flops = counter.get_total_flops()
    if options.compile:
        compile_encoder(model.anchor.encoder)
        compile_encoder(model.target.encoder)
    calls, sizes = products(rows=37 * 10 * options.batch)
    reference = make_reference_step()
    calls |= {"ours": lambda: step(batch), "plain": lambda: reference(batch)}
    for call in calls.values():
        call()
    seconds = {name: value / 1000 for name, value in interleaved(calls, options.repeats).items()}
    ours, plain = seconds["ours"], seconds["plain"]
    large, own = (sizes[name] / seconds[name] for name in ("large", "own"))
    command = [sys.executable, __file__, "--batch", str(options.batch), "--memory-of-steps", "4"]
    first, last = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    ratio, share = WANTED
    kind = f"{PRECISION}, {ATTENTION} attention" + (", compiled" if options.compile else "")
    print(f"batch {options.batch}, one thread, {kind}, {flops / options.batch / 1e9:.1f} GFLOP per pair")
    print(f"ours       {options.batch / ours:6.3f} pairs per CPU-second")
    print(f"plain fp32 {options.batch / plain:6.3f} pairs per CPU-second")
    print(f"ratio      {plain / ours:6.2f}   (wanted: {ratio} or more)")
    reached = flops / ours
    print(f"step       {reached / 1e9:6.1f} GFLOP/s")
    wanted = f"(wanted: {share:.0%} or more)"
    print(f"ceiling    {own / 1e9:6.1f} GFLOP/s of its own products: {reached / own:.0%}   {wanted}")
    print(f"           {large / 1e9:6.1f} GFLOP/s of a large square product: {reached / large:.0%}")
    print(f"memory     {first} MiB after two steps, {last} after four   (wanted: 4096 or less, no growth)")


if __name__ == "__main__":
    main()
