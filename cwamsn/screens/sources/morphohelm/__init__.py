"""MorphoHELM's published well tables: wells, mechanisms and pairs of genes; no images."""

from pathlib import Path
from typing import NoReturn

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.screen_specs.morphohelm import MorphoHelmSpec
from cwamsn.screens.sources.morphohelm.relations import labels_of, pairs_of
from cwamsn.screens.sources.morphohelm.wells import read_wells, table_of
from cwamsn.screens.sources.raw import Raw

__all__ = ["acquire", "labels_of", "pairs_of", "read_wells", "table_of"]


def acquire(spec: MorphoHelmSpec, raw: Raw, wells: pd.DataFrame, cache: Path) -> NoReturn:
    """Raises InputError: the set has no images here."""
    raise InputError(f"source {spec.source}: has profiles and no images; take a screen of the images themselves")
