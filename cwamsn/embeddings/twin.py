"""The untrained twin of an encoder: the same network with the weights that it had, or could have had, before training.

What an untrained network already says of a screen, training has not added. The twin shows how much that is.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from cwamsn.embeddings.encoder import LoadedEncoder
from cwamsn.models import build_pretrained
from cwamsn.models.channelwise import ChannelwiseEncoder
from cwamsn.training import Embedder, Recipe, untrained_branch


def untrained(found: LoadedEncoder, seed: int) -> LoadedEncoder:
    """The encoder with weights drawn again, in evaluation mode without gradients, and its description.

    Of an encoder that was trained by this package these are the very weights that its training began with, by the seed
    in its description; of one with public weights, a draw of its network's own initial weights from `seed`. What is
    never trained stays: fixed positions, and a frozen network inside.
    """
    encoder, meta = found
    known: Mapping[str, Any] = meta
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(known.get("seed", seed)))
        fresh = _drawn(encoder, known)
    own = dict(encoder.named_parameters())
    with torch.no_grad():
        for name, parameter in fresh.named_parameters():
            if not parameter.requires_grad:
                parameter.copy_(own[name])
    for (_, old), (_, new) in zip(encoder.named_modules(), fresh.named_modules(), strict=True):
        if isinstance(new, ChannelwiseEncoder) and isinstance(old, ChannelwiseEncoder):
            new.frozen.load_state_dict(old.frozen.state_dict())  # with the statistics of its BatchNorm
    return LoadedEncoder(fresh.eval().requires_grad_(False), meta)


def _drawn(encoder: nn.Module, known: Mapping[str, Any]) -> nn.Module:
    """A new network like `encoder`, its weights drawn from torch's generator."""
    if not isinstance(encoder, Embedder):
        drawn = build_pretrained(known["weights"], known["in_channels"])
        if known.get("places"):
            drawn.place_stains(known["places"], known["in_channels"])
        fresh: nn.Module = drawn
        return fresh
    branch = untrained_branch(Recipe.from_config(known["recipe"]), len(known["channels"]), known.get("classes", 1))
    return Embedder(branch.encoder, branch.head if encoder.head is not None else None, encoder.final_norm)
