"""Heads on profiles of wells: learn one, or apply one, and say of each well whether it was learned on."""

from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.heads.network import Head
from cwamsn.heads.options import HeadOptions
from cwamsn.heads.train import TrainedHead, apply_head, train_head
from cwamsn.notes import note
from cwamsn.profiles import LEARNED, LEARNED_ON, Profiles, wells_of


def learn_on_profiles(
    profiles: Profiles, options: HeadOptions | None = None, alignment: str | None = None
) -> tuple[Profiles, TrainedHead]:
    """Train a head on profiles of wells, and add its vectors as the first alignment.

    Parameters
    ----------
    profiles : of wells
    options : of the head
    alignment : which vectors it takes; None: the first alignment that the profiles have
    """
    options = options or HeadOptions()
    _check(profiles)
    chosen = profiles.alignment(alignment)
    trained = train_head(profiles.vectors(chosen), wells_of(profiles.obs), options)
    if doubt := trained.doubt():
        note(doubt)
    said = {
        "on": chosen,
        "options": asdict(options),
        "precision_before": trained.before,
        "precision_scaled": trained.scaled,
        "precision_after": trained.after,
        "perturbations_trained_on": len(trained.trained_on),
    }
    return with_head(profiles, trained.head, trained.trained_on, trained.validated_on, chosen, said), trained


def with_head(
    profiles: Profiles,
    head: Head,
    trained_on: list[str],
    validated_on: list[str],
    alignment: str,
    about: Mapping[str, object],
) -> Profiles:
    """Profiles with a head's vectors as the first alignment, and a column that says what was learned on.

    Parameters
    ----------
    trained_on, validated_on : perturbations of the head's training, by name
    alignment : which vectors of the profiles the head takes
    about : what the profiles say of this alignment
    """
    _check(profiles)
    vectors = apply_head(head, profiles.vectors(alignment))
    named = profiles.obs["Metadata_Perturbation"].astype(object) if "Metadata_Perturbation" in profiles.obs else None
    if named is None:
        raise InputError("heads: the profiles have no Metadata_Perturbation; add the column")
    kinds = np.select([named.isin(trained_on), named.isin(validated_on)], ["training", "validation"], "no")
    obs = profiles.obs.assign(**{LEARNED_ON: pd.Series(kinds, index=profiles.obs.index, dtype=object)})
    others = {name: values for name, values in profiles.aligned.items() if name != LEARNED}
    known = profiles.about.get("alignment")
    said = {**(known if isinstance(known, Mapping) else {}), LEARNED: dict(about)}
    return replace(profiles, obs=obs, aligned={LEARNED: vectors, **others}, about={**profiles.about, "alignment": said})


def _check(profiles: Profiles) -> None:
    if profiles.level != "well":
        raise InputError("heads: these are profiles of perturbations; give profiles of wells")
