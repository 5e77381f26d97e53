"""RxRx3-core (Recursion, non-commercial terms): 35 Parquet shards of JPEG 2000 planes and one metadata table."""

from cwamsn.screens.sources.rxrx3_core.images import acquire
from cwamsn.screens.sources.rxrx3_core.metadata import read_wells, released_embeddings, truth

__all__ = ["acquire", "read_wells", "released_embeddings", "truth"]
