"""Stage training: crop index to encoder weights.

Names are loaded on first use, so that `recipe_of` can be had (by a Snakefile, say) without importing torch.
"""

from cwamsn.lazy import lazy_names

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
    "end_with": "processes",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
