"""Embedding on the CPU: share of the encoder's own speed, and what tiles of large fields cost the system.

    python -m bench.embedding [--images 32] [--repeats 3]

ViT-S/16 on fields of 5 x 520 x 696 read from a store of its own making, and the default run's small encoder on ten
fields of 1080 pixels in tiles of 64. One thread, processor time; what is compared is taken in turns.
"""

import argparse
import contextlib
import io
import resource
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bench._measure import interleaved
from cwamsn.crops import CropStore
from cwamsn.crops.store import SHARD, ShardWriter
from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.images import arithmetic, embed
from cwamsn.gpus import views_at_once
from cwamsn.memory import freed_memory_kept
from cwamsn.models import autocast, build_encoder, set_attention

CHANNELS = ["DNA", "ER", "RNA", "AGP", "Mito"]
STATISTICS = {"mean": [50.0] * 5, "std": [40.0] * 5}
CPU = torch.device("cpu")
DEMO = {"embed_dim": 96, "depth": 4, "num_heads": 3, "patch_size": 8}


def field(number: int, shape: tuple[int, int]) -> np.ndarray:
    """Bright spots of some twenty pixels and a little noise, (5, H, W) uint8."""
    rng = np.random.default_rng(number)
    coarse = rng.gamma(0.3, 60, (len(CHANNELS), *(-(-side // 10) for side in shape)))
    spread = torch.nn.functional.interpolate(torch.from_numpy(coarse)[None], size=shape, mode="bicubic")[0].numpy()
    return (spread + rng.normal(20, 3, spread.shape)).clip(0, 255).astype(np.uint8)


def made_store(folder: Path, count: int, shape: tuple[int, int]) -> CropStore:
    """A store of `count` fields of so many pixels."""
    folder.mkdir()
    names = [f"c{number:04d}" for number in range(count)]
    with ShardWriter(folder / SHARD, CHANNELS, "lz4") as writer:
        rows = [writer.add(name, field(number, shape)) for number, name in enumerate(names)]
    index = pd.DataFrame({"crop_id": names, "field_id": names, "well_id": names, "shard_row": rows})
    index = index.assign(shard=SHARD, plate="p", perturbation=None, split=None, saturation=0.0, focus=1.0)
    return CropStore(index.assign(y=0, x=0, height=shape[0], width=shape[1]), folder)


def network(name: str, size: int, **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_encoder(name, len(CHANNELS), img_size=size, final_norm=False, **options).eval().requires_grad_(False)


def quietly(encoder, size: int, store: CropStore, options: EmbedOptions) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        embed(encoder, {"in_channels": 5, "view_size": size, "channels": CHANNELS}, store, STATISTICS, options)


def share_of_ceiling(folder: Path, images: int, repeats: int) -> None:
    encoder, store = network("vit_small_patch16_224", 224), made_store(folder, images, (520, 696))
    how, views = arithmetic(CPU, "auto"), views_at_once(None, gpu=False)
    set_attention(encoder, how.attention)
    inputs = torch.randn(views, len(CHANNELS), 224, 224)

    @torch.no_grad()
    def alone() -> None:
        with freed_memory_kept(), autocast(CPU, how.precision):
            for _ in range(images // views):
                encoder(inputs)

    rows = [np.arange(start, start + views) for start in range(0, images, views)]
    out = np.empty((views, len(CHANNELS), 520, 696), np.uint8)
    times = interleaved(
        {
            "encoder alone, on ready tensors": alone,
            "decoding alone": lambda: [store.load_batch(batch, out=out) for batch in rows],
            "embedding": lambda: quietly(encoder, 224, store, EmbedOptions()),
        },
        repeats,
    )
    print(f"ViT-S/16, {how.precision}, {views} views at once, fields of 5 x 520 x 696")
    for name, ms in times.items():
        print(f"{name:34} {ms / images:7.2f} ms per image, {1000 * images / ms:7.1f} images per second")
    share = times["encoder alone, on ready tensors"] / times["embedding"]
    print(f"share of the encoder's ceiling     {share:.0%}   (wanted: 75 % or more)")
    print(f"222,601 images                     {222_601 * times['embedding'] / images / 3.6e6:.1f} h on one core")


def tiles(folder: Path, repeats: int) -> None:
    encoder, store = network("vit_tiny_patch16_224", 64, **DEMO), made_store(folder, 10, (1080, 1080))
    options = EmbedOptions(view="tiles", tile_size=64)
    quietly(encoder, 64, store, options)
    before, memory = resource.getrusage(resource.RUSAGE_SELF), peak()
    for _ in range(repeats):
        quietly(encoder, 64, store, options)
    after = resource.getrusage(resource.RUSAGE_SELF)
    system = after.ru_stime - before.ru_stime
    total = system + after.ru_utime - before.ru_utime
    faults = (after.ru_minflt - before.ru_minflt) // repeats
    print("tiles of 64 pixels, ten fields of 1080, the default run's encoder")
    print(f"processor time                     {total / repeats:.2f} s   (wanted: 4.5 or less)")
    print(f"of it in the kernel                {system / total:.0%}, {faults} page faults   (wanted: 10 % or less)")
    print(f"peak memory of the process         {memory} MiB")


def peak() -> int:
    """MiB; not getrusage, whose maximum starts with the parent's size."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="bench-embedding-") as folder:
        tiles(Path(folder) / "large", given.repeats)
        share_of_ceiling(Path(folder) / "fields", given.images, given.repeats)


if __name__ == "__main__":
    main()
