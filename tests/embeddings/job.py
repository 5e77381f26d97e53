"""A process that embeds a store of 14 batches, slowly, to be killed: `python -m tests.embeddings.job FOLDER SECONDS`.

Prints a line per batch. SECONDS: between two parts.
"""

import sys
import time
from pathlib import Path

import pandas as pd

from cwamsn.crops import CropStore
from cwamsn.embeddings import EmbedOptions, images
from cwamsn.embeddings.encoder import load_encoder
from cwamsn.embeddings.parts import Parts
from cwamsn.files import read_json
from cwamsn.paths import ScreenPaths

OPTIONS = EmbedOptions(precision="float32", batch_size=8)


def encode(folder: Path, parts: Path | None, on_batch=lambda *_: None) -> pd.DataFrame:
    """Embed the screen of `folder` with its encoder; `on_batch` is called with each batch."""
    encoder, meta = load_encoder(folder / "model")
    encoder.register_forward_hook(on_batch)
    screen = ScreenPaths(folder / "screen")
    store = CropStore(screen.crops, screen.root)
    return images.embed(encoder, meta, store, read_json(screen.statistics), OPTIONS, parts=parts)


def slowly(*_: object) -> None:
    print("batch", flush=True)
    time.sleep(0.05)


if __name__ == "__main__":
    own, seconds = Path(sys.argv[1]), float(sys.argv[2])
    images.Parts = lambda folder, digest: Parts(folder, digest, seconds)
    encode(own, own / "parts", slowly)
