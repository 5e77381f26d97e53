"""Cross-well alignment on frozen features: a small head learned from replicates, for any encoder's vectors.

`train_head` trains one on wells whose replicates lie on different plates, `apply_head` maps features through it;
`learn_on_profiles` does both for profiles, `learn_on_screen` and `head_embeddings` for the screens of a run.
"""

from cwamsn.heads.files import load_head, save_head
from cwamsn.heads.network import Head
from cwamsn.heads.of_profiles import learn_on_profiles, with_head
from cwamsn.heads.of_screens import head_embeddings, learn_on_screen
from cwamsn.heads.options import HeadOptions
from cwamsn.heads.train import TrainedHead, apply_head, train_head
from cwamsn.heads.validation import precision_across

__all__ = [
    "Head",
    "HeadOptions",
    "TrainedHead",
    "apply_head",
    "head_embeddings",
    "learn_on_profiles",
    "learn_on_screen",
    "load_head",
    "precision_across",
    "save_head",
    "train_head",
    "with_head",
]
