"""Stage training: crop index to encoder weights.

Names are loaded on first use, so that `recipe_of` can be had (by a Snakefile, say) without importing torch.
"""

import importlib

_HOME = {
    "msn_loss": "loss",
    "sinkhorn": "loss",
    "MSNLoss": "loss",
    "schedules": "schedule",
    "build_encoder": "encoder",
    "ProjectionHead": "encoder",
    "restore_encoder": "weights",
    "random_boxes": "views",
    "resized_crop": "views",
    "PairSampler": "sampler",
    "OBJECTIVES": "objectives",
    "objective": "objectives",
    "load_pretrained": "pretrained",
    "MOLECULAR": "recipe",
    "recipe_of": "recipe",
    "train": "loop",
    "launch": "processes",
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
