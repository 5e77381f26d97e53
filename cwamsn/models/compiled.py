"""Encoders compiled by torch.compile: its kernels in place of several of torch's own, after a first step that is long.

What is repeated is compiled, the blocks of a vision transformer, not the whole: all blocks of both networks share the
code of one block, one for each size of view. A last block of which only the class token is computed is not compiled.
Masks, positions and heads stay outside; so every objective has the gain, however it calls the encoder, and no weight
changes its name.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from cwamsn.errors import InputError
from cwamsn.models.agnostic import ChannelAgnosticEncoder
from cwamsn.models.channelwise import ChannelwiseEncoder
from cwamsn.models.vit import PooledEncoder, ViTEncoder


def compile_encoder(encoder: nn.Module) -> None:
    """Compile the repeated modules of `encoder` in place, at their first call, for the shapes that they then get."""
    for module in _repeated(encoder):
        module.compile(dynamic=False)


def _repeated(encoder: nn.Module) -> list[nn.Module]:
    if isinstance(encoder, ViTEncoder):
        return list(encoder.vit.blocks)
    if isinstance(encoder, ChannelAgnosticEncoder):
        return list(encoder.single.vit.blocks)
    if isinstance(encoder, PooledEncoder):
        return [encoder.model]
    if isinstance(encoder, ChannelwiseEncoder):
        return [encoder.frozen, encoder.former]
    return [encoder]


@contextmanager
def compile_errors(key: str = "training.compile") -> Iterator[None]:
    """Raise InputError with one line where torch.compile fails inside."""
    from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException, TritonUnavailableError

    try:
        yield
    except (FailOnRecompileLimitHit, TorchDynamoException, TritonUnavailableError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        # a line that ends in a colon only says who speaks in the next one
        reason = next((line for line in lines if not line.endswith(":")), type(error).__name__)[:240]
        raise InputError(f"{key}: torch.compile fails ({reason}); set compile: false") from None
