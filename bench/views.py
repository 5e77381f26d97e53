"""Views of a batch, cut at once, against torchvision sample by sample, and as a share of the training step.

    python -m bench.views

Fields of 5 x 520 x 696 uint8; 1 target, 1 large and 10 small anchor views a pair, ViT-S/16, one thread, CPU time.
"""

import numpy as np
import torch
from torchvision.transforms import v2

from bench._measure import best, interleaved
from bench.training_step import make_step, paper, random_batch
from cwamsn.training.data import ChannelStatistics
from cwamsn.training.loader import PairImages
from cwamsn.training.multicrop import MultiCropViews
from cwamsn.training.sampler import Pairs

PAIRS = 8
MEAN, STD = [50.0] * 5, [40.0] * 5


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    anchor, target = torch.randint(0, 256, (2, PAIRS, 5, 520, 696), dtype=torch.uint8)
    numbers = np.arange(PAIRS)
    statistics = ChannelStatistics(MEAN, STD, list("abcde"))
    views = MultiCropViews(paper().views, (520, 696), (16, 16), statistics, torch.device("cpu"))

    def batched() -> None:
        drawn = views.draw(0, 0, PAIRS, slice(0, PAIRS))
        drawn.small["perturbation"] = torch.from_numpy(numbers)
        views(PairImages(0, Pairs(numbers, numbers, numbers), slice(0, PAIRS), anchor, target, drawn))

    def transform(size, scale):
        crop = v2.RandomResizedCrop(size, scale=scale, antialias=True)
        return v2.Compose([crop, v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32), v2.Normalize(MEAN, STD)])

    large, small = transform(224, (0.3, 1.0)), transform(96, (0.05, 0.3))

    def each_sample() -> None:
        torch.stack([large(image) for image in target])
        torch.stack([large(image) for image in anchor])
        torch.stack([small(image) for image in anchor for _ in range(10)])

    times = interleaved(
        {
            "batched": batched,
            "torchvision, sample by sample": each_sample,
        },
        repeats=5,
    )
    for name, milliseconds in times.items():
        print(f"{name:32s} {milliseconds / PAIRS:6.1f} ms a pair")
    _, step = make_step(paper(precision="bfloat16", attention="eager"), fused=True)
    batch = random_batch(PAIRS)
    step_time = best(lambda: step(batch), 3)
    print(f"{'training step':32s} {step_time / PAIRS:6.1f} ms a pair")
    print(f"batched views are {times['batched'] / step_time:.1%} of the step")


if __name__ == "__main__":
    main()
