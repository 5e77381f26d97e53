"""Cost of a field of five stains in the open encoders, beside that of CWA-MSN's ViT-S/16.

    OMP_NUM_THREADS=1 python -m bench.open_encoders [--repeats 3] [NAME ...]

Weights are random, pixels too, one field at a time, one CPU thread, the precision and attention that `auto` takes here.
Prints processor seconds per field from one run in which the encoders take turns, and each as a multiple of the ViT's.
Cell Painting CNN sees 64 cells. All of them hold 1.5 GB of weights.
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench._measure import interleaved
from cwamsn.embeddings.images import arithmetic
from cwamsn.models import PRETRAINED, autocast, build_encoder, load_pretrained, set_attention
from cwamsn.vocabulary import BRAY_STAINS

PLAIN = "CWA-MSN (ViT-S/16)"
NAMES = ("morphem", "cell-painting-cnn", "resnet101-imagenet", "dinov2-base", "subcell")
CPU = torch.device("cpu")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    how = arithmetic(CPU, "auto")
    calls = {PLAIN: forward(build_encoder("vit_small_patch16_224", 5).eval(), 224, how)}
    for name in options.names or NAMES:
        network, _ = load_pretrained(name, 5, channels=BRAY_STAINS, untrained=0)
        calls[name] = forward(network, PRETRAINED[name].input_size, how)
    times = interleaved(calls, options.repeats)
    print(f"{how.precision}, attention {how.attention}, on {how.device}, one thread")
    for name, milliseconds in times.items():
        print(f"{name:20s} {milliseconds / 1000:7.3f} s per field, {milliseconds / times[PLAIN]:6.1f} x")


def forward(network, side, how):
    """A forward pass of one field; in its DNA stain 64 nuclei stand on a grid."""
    set_attention(network, how.attention)
    pixels = torch.rand(1, 5, side, side, generator=torch.Generator().manual_seed(0)) * 0.2
    step = side // 8
    for row in range(step // 2, side, step):
        for column in range(step // 2, side, step):
            pixels[0, -1, row - 8 : row + 8, column - 8 : column + 8] += 0.6

    def call():
        with torch.no_grad(), autocast(CPU, how.precision):
            return network(pixels)

    return call


if __name__ == "__main__":
    main()
