"""Stage embeddings: one vector a well of the evaluation screen, from an encoder trained here or from a file.

Names are loaded on first use, so that what reads a file does not import torch.
"""

import importlib

_HOME = {
    "load_encoder": "encoder",
    "embed": "images",
    "count_wells": "external",
    "load_features": "external",
    "read_embeddings": "external",
    "read_map": "external",
    "random_embeddings": "gaussian",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # No submodule carries the name of something it holds: importing it would hide that.
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
