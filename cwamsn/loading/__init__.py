"""From crops of the store to views on the device: shared by training and embeddings."""

from cwamsn.loading.ahead import Ahead, Loaded, Request, load_ahead
from cwamsn.loading.resample import Prepared, ViewCutter
from cwamsn.loading.sparse import resized_crop

__all__ = ["Ahead", "Loaded", "Prepared", "Request", "ViewCutter", "load_ahead", "resized_crop"]
