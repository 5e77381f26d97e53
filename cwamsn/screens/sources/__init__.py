"""One package per source of screens; see :class:`cwamsn.screens.sources.base.Source`."""

from typing import Any

from cwamsn.errors import InputError
from cwamsn.screen_specs import (
    BraySpec,
    FolderSpec,
    JumpLiteSpec,
    LoadDataSpec,
    MorphoHelmSpec,
    OmeZarrSpec,
    RxRx3Spec,
    SampleSheetSpec,
    ScreenSpec,
)
from cwamsn.screens.sources import bray, folder, jump_lite, load_data, morphohelm, ome_zarr, rxrx3_core, sample_sheet
from cwamsn.screens.sources.base import Metadata, Source
from cwamsn.screens.sources.raw import Acquired, Raw

__all__ = ["SOURCES", "Acquired", "Metadata", "Raw", "Source", "source_of"]

# Each source takes the options of its own kind of screen.
SOURCES: dict[type[ScreenSpec], Source[Any]] = {
    BraySpec: bray,
    RxRx3Spec: rxrx3_core,
    LoadDataSpec: load_data,
    SampleSheetSpec: sample_sheet,
    FolderSpec: folder,
    OmeZarrSpec: ome_zarr,
    JumpLiteSpec: jump_lite,
    MorphoHelmSpec: morphohelm,
}


def source_of(spec: ScreenSpec) -> Source[Any]:
    """The source of a screen. InputError for a simulated one, which has none: see `cwamsn.screen_specs.host_spec`."""
    if type(spec) not in SOURCES:
        raise InputError(f"source: {spec.source} has no host of its own; pass what host_spec makes of it")
    return SOURCES[type(spec)]
