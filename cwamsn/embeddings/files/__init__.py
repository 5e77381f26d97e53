"""Embeddings and maps from files: every accepted format, matched with the wells of a screen, counted, checked."""

from cwamsn.embeddings.files.maps import read_map
from cwamsn.embeddings.files.match import count_wells
from cwamsn.embeddings.files.wells import features_frame, load_features, read_embeddings, read_named_embeddings

__all__ = ["count_wells", "features_frame", "load_features", "read_embeddings", "read_map", "read_named_embeddings"]
