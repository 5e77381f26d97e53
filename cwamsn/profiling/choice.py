"""Which alignment a screen's controls allow."""

from dataclasses import replace

import numpy as np
import pandas as pd

from cwamsn.alignment import AlignOptions
from cwamsn.alignment.controls import FEW
from cwamsn.errors import InputError
from cwamsn.live import say
from cwamsn.notes import note
from cwamsn.profiles import Profiles, align_profiles, wells_of
from cwamsn.wells import is_negative

AUTO = "auto"


def choose_alignment(wells: pd.DataFrame, options: AlignOptions) -> tuple[str, str]:
    """An alignment, and why, in words.

    The alignment of `options` where every batch has at least 32 negative controls; with fewer, centre and scale alone,
    which keeps all dimensions; with fewer than 2 in some batch, none.

    Parameters
    ----------
    wells : wells with an embedding; needs experiment and control
    """
    batches = wells["experiment"].to_numpy(dtype=str)
    names, codes = np.unique(batches, return_inverse=True)
    counts = np.bincount(codes[is_negative(wells)], minlength=len(names))
    least, of = int(counts.min()), f"{names[int(counts.argmin())]} of {len(names)} batches"
    if least < 2:
        return "none", f"not aligned: {of} has {least} negative controls, an alignment needs 2 in each"
    have = f"each of {len(names)} batches has at least {least} negative controls"
    if least < FEW:
        return "center-scale", f"centred and scaled on controls: {have} ({options.method} wants {FEW})"
    return options.method, f"aligned on controls with {options.method}: {have}"


def align_on_controls(profiles: Profiles, method: str = AUTO, options: AlignOptions | None = None) -> Profiles:
    """Profiles of wells with an alignment; with `auto`, with the one that their controls allow, which is said.

    Why it was chosen stands in :attr:`Profiles.about` under `alignment_choice`.
    """
    options = options or AlignOptions()
    if method != AUTO:
        return align_profiles(profiles, method, options)
    method, why = choose_alignment(wells_of(profiles.obs), options)
    try:
        found = align_profiles(profiles, method, options)
    except InputError as error:
        found, why = profiles, f"not aligned: {error}"
    if found.aligned:
        say(why)
    else:
        note(why)
    return replace(found, about={**found.about, "alignment_choice": why})
