"""Cost of a training step of the encoders for any number of channels, beside the plain vision transformer's.

    OMP_NUM_THREADS=1 python bench/channels.py [--batch 2] [--repeats 3] [--small]

Five channels, 1 + 10 anchor views, ViT-S/16 (`--small`: the default run's encoder and views), one CPU thread, the
precision and attention that `auto` takes here. Prints for each encoder pairs per CPU-second, GFLOP per pair, and both
as multiples of the plain encoder's, from one run in which the steps take turns.
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from torch.utils.flop_counter import FlopCounterMode

from bench._measure import interleaved
from bench.training_step import ATTENTION, PRECISION, make_step, paper
from cwamsn.training.batch import Batch, Group
from cwamsn.training.views import random_channels

SMALL = {"rand_size": 64, "focal_size": 32, "focal_views": 4, "hidden_dim": 256, "output_dim": 64, "prototypes": 128}
SMALL_VIT = {"embed_dim": 96, "depth": 4, "num_heads": 3, "patch_size": 8}
ENCODERS = {
    "vit": {},
    "bag-of-channels": {"encoder": "bag-of-channels", "channel_sampling": "hierarchical"},
    "channel-tokens": {"encoder": "channel-tokens", "channel_sampling": "hierarchical"},
}


def recipe_of(name, small):
    options, vit = SMALL_VIT if small else {}, "vit_tiny_patch16_224" if small else "vit_small_patch16_224"
    own = ENCODERS[name]
    backbone = {"encoder_options": options | {"backbone": vit}} if own else {"encoder": vit, "encoder_options": options}
    return paper(precision=PRECISION, attention=ATTENTION, **(SMALL if small else {}), **own, **backbone)


def random_batch(recipe, patch, batch, sampled):
    """Views of random pixels; a share of the large views' patches is left out, and of all views' channels if asked."""
    views, generator = recipe.views, torch.Generator().manual_seed(0)
    patches = (views.rand_size // patch[0]) * (views.rand_size // patch[1])
    keep = torch.randperm(patches, generator=generator)[: int(patches * (1 - views.mask_ratio))]
    groups = []
    for count, size, kept in ((1, views.rand_size, keep), (views.focal_views, views.focal_size, None)):
        images = torch.randn(count * batch, 5, size, size, generator=generator)
        groups.append(Group(images, kept, random_channels(len(images), 5, generator) if sampled else None))
    target = torch.randn(batch, 5, views.rand_size, views.rand_size, generator=generator)
    return Batch(groups, target, torch.arange(batch), generator)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="the default run's encoder and views")
    options = parser.parse_args()
    torch.set_num_threads(1)
    calls, flops = {}, {}
    for name in ENCODERS:
        recipe = recipe_of(name, options.small)
        model, step = make_step(recipe, fused=True)
        batch = random_batch(recipe, model.patch_size, options.batch, name != "vit")
        with FlopCounterMode(display=False) as counter:
            model(batch)["loss"].backward()
        flops[name] = counter.get_total_flops() / options.batch / 1e9
        calls[name] = lambda step=step, batch=batch: step(batch)
        calls[name]()
    seconds = {name: value / 1000 for name, value in interleaved(calls, options.repeats).items()}
    print(f"batch {options.batch}, one thread, {PRECISION}, {ATTENTION} attention{', small' if options.small else ''}")
    for name in ENCODERS:
        times, work = seconds[name] / seconds["vit"], flops[name] / flops["vit"]
        pairs = options.batch / seconds[name]
        print(f"{name:16} {pairs:8.3f} pairs per CPU-second, {times:5.2f} times the plain step's time")
        print(f"{'':16} {flops[name]:8.1f} GFLOP per pair,       {work:5.2f} times its operations")


if __name__ == "__main__":
    main()
