"""Stage export: an encoder as a folder that others load without this package, in the layout of the Hugging Face hub."""

from cwamsn.export.card import Publication, model_card
from cwamsn.export.folder import export_encoder
from cwamsn.export.onnx_file import to_onnx

__all__ = ["Publication", "export_encoder", "model_card", "to_onnx"]
