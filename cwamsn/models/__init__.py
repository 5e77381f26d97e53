"""Networks, their weights, and the device and arithmetic they run on: what training and embeddings share."""

from cwamsn.models.agnostic import BagOfChannels, ChannelAgnosticEncoder, ChannelTokens
from cwamsn.models.base import Encoder, PatchEncoder
from cwamsn.models.build import AGNOSTIC, BACKBONE, build_encoder, encoder_arguments, load_frozen, takes_image_size
from cwamsn.models.channelwise import ChannelwiseEncoder, CrossChannelFormer
from cwamsn.models.compiled import compile_encoder, compile_errors
from cwamsn.models.deterministic import deterministic_algorithms, prepare_deterministic
from cwamsn.models.device_memory import fitting
from cwamsn.models.devices import Threads, choose_devices, leased_devices, ready_device, share_threads
from cwamsn.models.distributed import (
    GlobalBatchNorm1d,
    averaged,
    device_name,
    gather_rows,
    is_main,
    mean_over_ranks,
    rank_slice,
    sum_over_ranks,
    world,
)
from cwamsn.models.exported import exported_state, load_exported
from cwamsn.models.filter_bank import FILTER_BANK, FilterBank
from cwamsn.models.float32 import float32_products, set_float32_products, tf32_products
from cwamsn.models.graphs import RepeatedForward, record, say_unrecorded
from cwamsn.models.heads import ProjectionHead, Prototypes
from cwamsn.models.precision import autocast, gradient_scaler, products, resolve_attention, resolve_precision
from cwamsn.models.pretrained import PRETRAINED, Pretrained, build_pretrained, load_pretrained
from cwamsn.models.vit import PooledEncoder, ViTEncoder, reference_init, set_attention, set_layout

__all__ = [
    "AGNOSTIC",
    "BACKBONE",
    "FILTER_BANK",
    "PRETRAINED",
    "BagOfChannels",
    "ChannelAgnosticEncoder",
    "ChannelTokens",
    "ChannelwiseEncoder",
    "CrossChannelFormer",
    "Encoder",
    "FilterBank",
    "GlobalBatchNorm1d",
    "PatchEncoder",
    "PooledEncoder",
    "Pretrained",
    "ProjectionHead",
    "Prototypes",
    "RepeatedForward",
    "Threads",
    "ViTEncoder",
    "autocast",
    "averaged",
    "build_encoder",
    "build_pretrained",
    "choose_devices",
    "compile_encoder",
    "compile_errors",
    "deterministic_algorithms",
    "device_name",
    "encoder_arguments",
    "exported_state",
    "fitting",
    "float32_products",
    "gather_rows",
    "gradient_scaler",
    "is_main",
    "leased_devices",
    "load_exported",
    "load_frozen",
    "load_pretrained",
    "mean_over_ranks",
    "prepare_deterministic",
    "products",
    "rank_slice",
    "ready_device",
    "record",
    "reference_init",
    "resolve_attention",
    "resolve_precision",
    "say_unrecorded",
    "set_attention",
    "set_float32_products",
    "set_layout",
    "share_threads",
    "sum_over_ranks",
    "takes_image_size",
    "tf32_products",
    "world",
]
