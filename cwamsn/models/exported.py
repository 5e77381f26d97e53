"""Weights of an encoder under the names of timm's own model, or its own, as an exported folder holds them."""

from pathlib import Path

from torch import Tensor, nn

from cwamsn.models.agnostic import ChannelAgnosticEncoder
from cwamsn.models.filter_bank import FilterBank
from cwamsn.models.vit import PooledEncoder, ViTEncoder
from cwamsn.models.weight_files import load_strictly

SINGLE = "single.vit."  # the transformer of one channel inside an encoder for any channels
Exportable = ViTEncoder | PooledEncoder | ChannelAgnosticEncoder | FilterBank


def exported_state(encoder: Exportable) -> dict[str, Tensor]:
    """The weights of the timm model inside, and what an encoder for any channels has besides (`channel_embed`)."""
    if isinstance(encoder, ChannelAgnosticEncoder):
        return {name.removeprefix(SINGLE): tensor for name, tensor in encoder.state_dict().items()}
    return _network(encoder).state_dict()


def load_exported(encoder: Exportable, state: dict[str, Tensor], path: Path) -> None:
    """Load what :func:`exported_state` gave; a missing, surplus or differently shaped weight raises InputError."""
    if isinstance(encoder, ChannelAgnosticEncoder):
        own = {name for name in encoder.state_dict() if not name.startswith(SINGLE)}
        load_strictly(encoder, {name if name in own else SINGLE + name: x for name, x in state.items()}, path)
    else:
        load_strictly(_network(encoder), state, path)


def _network(encoder: ViTEncoder | PooledEncoder | FilterBank) -> nn.Module:
    """The timm model inside; a filter bank is none and has no other inside."""
    if isinstance(encoder, FilterBank):
        return encoder
    return encoder.vit if isinstance(encoder, ViTEncoder) else encoder.model
