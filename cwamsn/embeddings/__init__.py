"""Stage embeddings: one vector per well of the evaluation screen, from an encoder or from a file.

Here is what needs no torch: alignment and benchmarks read embeddings in environments without it. Computing embeddings
is :func:`cwamsn.embeddings.methods.embed_method`, or :mod:`cwamsn.embeddings.images` for an encoder of one's own.
"""

from cwamsn.embeddings.files import count_wells, features_frame, load_features, read_embeddings, read_map
from cwamsn.embeddings.gaussian import random_embeddings
from cwamsn.embeddings.latent import PARTS, latent_columns, latent_embeddings
from cwamsn.embeddings.options import EmbedOptions, HandcraftedOptions, MapFile, PretrainedWeights, WellsFile

__all__ = [
    "PARTS",
    "EmbedOptions",
    "HandcraftedOptions",
    "MapFile",
    "PretrainedWeights",
    "WellsFile",
    "count_wells",
    "features_frame",
    "latent_columns",
    "latent_embeddings",
    "load_features",
    "random_embeddings",
    "read_embeddings",
    "read_map",
]
