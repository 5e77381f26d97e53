"""Cross-Well Aligned Masked Siamese Networks for Cell Painting: the library behind the workflow.

Stages, in the direction data flows: screens, crops, training, embeddings, alignment, benchmarks, reporting.
A stage may use :mod:`cwamsn.tables`, :mod:`cwamsn.files` and the public face of an earlier stage, never a later one.
"""

import importlib
from typing import Any

__version__ = "0.1.0"


def load(folder: str, network: str = "target", feature: str = "cls_last_block", *, sha256: str | None = None) -> Any:
    """An encoder of a training or an export: :func:`cwamsn.profiling.load`, found when it is called.

    `cwamsn.load(folder).embed("load_data.csv", "platemap.csv").align().to_anndata("profiles.h5ad")`. It unpacks as
    `encoder, meta`, as :func:`cwamsn.embeddings.images.embed` takes them.
    """
    module = importlib.import_module("cwamsn.profiling")  # imports torch, which `import cwamsn` must not
    return module.load(folder, network, feature, sha256=sha256)
