"""Stage embeddings: one vector a well of the evaluation screen, from an encoder trained here or from a file.

Names are loaded on first use, so that what reads a file does not import torch.
"""

from cwamsn.lazy import lazy_names

_HOME = {
    "load_encoder": "encoder",
    "embed": "images",
    "arithmetic": "images",
    "count_wells": "external",
    "load_features": "external",
    "read_embeddings": "external",
    "read_map": "external",
    "random_embeddings": "gaussian",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
