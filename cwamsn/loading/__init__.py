"""From crops of the store to views on the device: shared by training and embeddings."""

from cwamsn.loading.resample import Prepared, ViewCutter
from cwamsn.loading.sparse import resized_crop

__all__ = ["Prepared", "ViewCutter", "resized_crop"]
