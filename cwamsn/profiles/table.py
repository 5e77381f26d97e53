"""Profiles in memory: vectors, what each row is, and where they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from cwamsn.errors import InputError, nearest

PREFIX = "Metadata_"
Level = Literal["well", "perturbation"]
# What a row cannot be without.
REQUIRED: dict[Level, tuple[str, ...]] = {
    "well": ("Metadata_Plate", "Metadata_Well"),
    "perturbation": ("Metadata_Perturbation",),
}
UNALIGNED = "none"  # the vectors as they were embedded, where the name of an alignment stands


@dataclass(frozen=True, eq=False)
class Profiles:
    """N profiles, one per well or one per perturbation (and dose).

    Raises InputError where the parts do not belong together.
    """

    obs: pd.DataFrame
    """N rows of `Metadata_` columns (docs/profiles.md); the index is a unique name of each row."""
    features: np.ndarray
    """(N, D) float32, the vectors as they were embedded."""
    names: Sequence[str]
    """Names of the D features."""
    aligned: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Name of an alignment → (N, D') float32. The first one is what analyses take."""
    about: Mapping[str, object] = field(default_factory=dict)
    """Where the profiles come from: encoder, screen, alignment, versions."""
    level: Level = "well"
    """What a row is."""

    def __post_init__(self) -> None:
        def vectors(values: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(values, dtype=np.float32)

        object.__setattr__(self, "features", vectors(self.features))
        object.__setattr__(self, "names", list(map(str, self.names)))
        object.__setattr__(self, "aligned", {name: vectors(values) for name, values in self.aligned.items()})
        self._check()

    def _check(self) -> None:
        foreign = [str(name) for name in self.obs.columns if not str(name).startswith(PREFIX)]
        if foreign:
            raise InputError(f"profiles: column {foreign[0]!r} of obs does not begin with {PREFIX}; rename it")
        missing = [name for name in REQUIRED[self.level] if name not in self.obs]
        if missing:
            raise InputError(f"profiles: a profile per {self.level} needs {missing[0]}; add the column")
        if self.obs.index.isna().any():
            row = int(self.obs.index.isna().argmax())
            raise InputError(f"profiles: row {row} names no {self.level} (a plate or an address is missing); name it")
        if not self.obs.index.is_unique:
            name = self.obs.index[self.obs.index.duplicated()][0]
            raise InputError(f"profiles: {name} stands twice; keep one row of each {self.level}")
        for name, values in {"features": self.features, **self.aligned}.items():
            if values.ndim != 2 or len(values) != len(self.obs):
                raise InputError(f"profiles: {name} of shape {values.shape} for {len(self.obs)} rows; one row of each")
            bad = ~np.isfinite(values).all(axis=1)
            if bad.any():
                raise InputError(f"profiles: {name} of {self.obs.index[int(bad.argmax())]} has a NaN or infinite value")
        if len(self.names) != self.features.shape[1] or len(set(self.names)) != len(self.names):
            raise InputError(f"profiles: {len(set(self.names))} names for {self.features.shape[1]} features")
        if UNALIGNED in self.aligned:
            raise InputError(f"profiles: {UNALIGNED!r} is no name of an alignment; it stands for the features")

    def __len__(self) -> int:
        return len(self.obs)

    def alignment(self, name: str | None = None) -> str:
        """The alignment of that name; without one the first, or `none` where there is no alignment.

        Raises InputError for one that these profiles do not have.
        """
        known = [*self.aligned, UNALIGNED]
        if name is not None and name not in known:
            raise InputError(f"profiles: have no alignment {name!r}; {nearest(name, known)}")
        return name or known[0]

    def vectors(self, alignment: str | None = None) -> np.ndarray:
        """(N, D') vectors of an alignment, chosen as :meth:`alignment` does; `none`: as they were embedded."""
        return {**self.aligned, UNALIGNED: self.features}[self.alignment(alignment)]
