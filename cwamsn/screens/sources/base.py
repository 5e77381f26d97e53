"""What a source of screens is: a module (or object) that reads a screen's wells and acquires the images of a unit."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import pandas as pd

from cwamsn.screen_specs import ScreenSpec
from cwamsn.screens.hosts import Fetched
from cwamsn.screens.sources.raw import Acquired, Raw

Spec_contra = TypeVar("Spec_contra", bound=ScreenSpec, contravariant=True)


@dataclass
class Metadata:
    """A screen's wells, and where they came from."""

    wells: pd.DataFrame
    files: list[Fetched]
    notes: list[str]
    facts: dict[str, object] = field(default_factory=dict)
    """Further entries of `source.json`."""
    split_fields: pd.DataFrame | None = None
    """Fields of a published split (:func:`cwamsn.screens.splits.read_published`), None without one."""


class Source(Protocol[Spec_contra]):
    """Where screens of one kind come from. Their units follow from the options alone: :meth:`ScreenSpec.units`."""

    def read_wells(self, screen: str, spec: Spec_contra, cache: Path) -> Metadata:
        """Fetch the metadata and make the wells table of a screen.

        screen : name of the screen, for the table. cache : folder in which fetched files are kept.
        Raises InputError for a table that cannot be used, FetchError for one that cannot be had.
        """
        ...

    def acquire(self, spec: Spec_contra, raw: Raw, wells: pd.DataFrame, cache: Path) -> Acquired:
        """Fetch the images of the unit `raw.unit`, and note them in `raw`.

        wells : the wells table. Returns the fields, and those that were left out with the reason of each.
        """
        ...
