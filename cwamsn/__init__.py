"""Cross-Well Aligned Masked Siamese Networks for Cell Painting: the library behind the workflow.

Stages, in the direction data flows: screens, crops, training, embeddings, alignment, benchmarks, reporting.
A stage may use :mod:`cwamsn.tables`, :mod:`cwamsn.files` and the public face of an earlier stage, never a later one.
"""

import importlib
from typing import Any

__version__ = "0.1.0"


def load(folder: str, network: str = "target", feature: str = "cls_last_block", *, sha256: str | None = None) -> Any:
    """An encoder of a training or an export: :func:`cwamsn.embeddings.encoder.load_encoder`, found when it is called.

    Returns `encoder, meta`, as :func:`cwamsn.embeddings.images.embed` takes them.
    """
    module = importlib.import_module("cwamsn.embeddings.encoder")  # imports torch, which `import cwamsn` must not
    return module.load_encoder(folder, network, feature, sha256=sha256)
