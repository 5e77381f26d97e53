"""Stage training: crop index to encoder weights."""

from cwamsn.training.launcher import launch
from cwamsn.training.loop import train
from cwamsn.training.loss import MSNLoss, msn_loss, sinkhorn
from cwamsn.training.objectives import OBJECTIVES, objective
from cwamsn.training.processes import end_with
from cwamsn.training.recipe import Recipe
from cwamsn.training.sampler import PairSampler
from cwamsn.training.schedule import schedules
from cwamsn.training.stopping import stop, stop_requests
from cwamsn.training.trainer import Trainer
from cwamsn.training.views import random_boxes
from cwamsn.training.weights import Embedder, code_version, restore_encoder, untrained_branch

__all__ = [
    "OBJECTIVES",
    "Embedder",
    "MSNLoss",
    "PairSampler",
    "Recipe",
    "Trainer",
    "code_version",
    "end_with",
    "launch",
    "msn_loss",
    "objective",
    "random_boxes",
    "restore_encoder",
    "schedules",
    "sinkhorn",
    "stop",
    "stop_requests",
    "train",
    "untrained_branch",
]
