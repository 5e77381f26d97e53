"""Views of a batch, in each way that runs on the CPU, against torchvision sample by sample and the training step.

    python -m bench.views

Fields of 5 x 520 x 696 uint8; 1 target, 1 large and 10 small anchor views per pair, ViT-S/16, one thread, CPU time.
What travels to the device with the images of a step is counted as well: boxes, turns, masks and labels.
"""

from collections.abc import Callable

import numpy as np
import torch
from torchvision.transforms import v2

from bench._measure import best, interleaved
from bench.training_step import make_step, paper, random_batch
from cwamsn.loading import ViewCutter
from cwamsn.training.data import ChannelStatistics
from cwamsn.training.loader import PairImages
from cwamsn.training.multicrop import MultiCropViews
from cwamsn.training.sampler import Pairs

PAIRS, STEP = 8, 64
MEAN, STD = [50.0] * 5, [40.0] * 5


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    anchor, target = torch.randint(0, 256, (2, PAIRS, 5, 520, 696), dtype=torch.uint8)
    numbers = np.arange(PAIRS)
    statistics = ChannelStatistics(MEAN, STD, list("abcde"))
    views = MultiCropViews(paper().views, (520, 696), (16, 16), statistics, torch.device("cpu"))

    def batched(way: str) -> Callable[[], object]:
        cutter = ViewCutter(MEAN, STD, torch.device("cpu"), antialias=paper().views.antialias, way=way)

        def call() -> None:
            drawn = views.draw(0, 0, PAIRS, slice(0, PAIRS))
            drawn.small["perturbation"] = torch.from_numpy(numbers)
            views.cutter = cutter
            views(PairImages(0, Pairs(numbers, numbers, numbers), slice(0, PAIRS), anchor, target, drawn))

        return call

    def transform(size, scale):
        crop = v2.RandomResizedCrop(size, scale=scale, antialias=True)
        return v2.Compose([crop, v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32), v2.Normalize(MEAN, STD)])

    large, small = transform(224, (0.3, 1.0)), transform(96, (0.05, 0.3))

    def each_sample() -> None:
        torch.stack([large(image) for image in target])
        torch.stack([large(image) for image in anchor])
        torch.stack([small(image) for image in anchor for _ in range(10)])

    times = interleaved(
        {way: batched(way) for way in ("sparse", "dense")} | {"torchvision, sample by sample": each_sample}, repeats=5
    )
    for name, milliseconds in times.items():
        print(f"{name:32s} {milliseconds / PAIRS:6.1f} ms per pair")
    small = views.draw(0, 0, STEP, slice(0, STEP)).small
    travelling = sum(tensor.nbytes for tensor in small.values()) + 8 * STEP
    print(f"{'to the device':32s} {travelling / 1e6:6.2f} MB per step of {STEP} pairs beside the images")
    _, step = make_step(paper(precision="bfloat16", attention="eager"), fused=True)
    batch = random_batch(PAIRS)
    step_time = best(lambda: step(batch), 3)
    print(f"{'training step':32s} {step_time / PAIRS:6.1f} ms per pair")
    print(f"sparse views are {times['sparse'] / step_time:.1%} of the step")


if __name__ == "__main__":
    main()
