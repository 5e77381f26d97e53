"""Stage 2: raw planes to 8-bit crops in a checksummed store, with an index, a QC table and channel statistics."""

from cwamsn.crops.channels import channel_sources
from cwamsn.crops.conversion import compress_to_uint8
from cwamsn.crops.corrections import Corrections, corrections_of
from cwamsn.crops.gather import gather_crops
from cwamsn.crops.options import ChannelMap, CropOptions, PlateOptions, QcOptions, crops_of
from cwamsn.crops.store import CropStore
from cwamsn.crops.write import FieldReader, judge_field, write_crops

__all__ = [
    "ChannelMap",
    "Corrections",
    "CropOptions",
    "CropStore",
    "FieldReader",
    "PlateOptions",
    "QcOptions",
    "channel_sources",
    "compress_to_uint8",
    "corrections_of",
    "crops_of",
    "gather_crops",
    "judge_field",
    "write_crops",
]
