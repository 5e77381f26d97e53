"""Profiles of wells from embeddings, aligned, and pooled to profiles of perturbations."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.alignment import METHODS, AlignOptions, aggregate, align
from cwamsn.alignment.pooling import KEYS, group_codes, kept_rows, listed_doses
from cwamsn.alignment_names import steps_of
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.profiles.about import plain, versions
from cwamsn.profiles.metadata import OF_PLACE, OF_WELLS, metadata_of, named, typed, wells_of
from cwamsn.profiles.table import UNALIGNED, Profiles


def well_profiles(
    embeddings: pd.DataFrame,
    wells: pd.DataFrame,
    *,
    names: Sequence[str] | None = None,
    extra: pd.DataFrame | None = None,
    about: Mapping[str, object] | None = None,
) -> Profiles:
    """Profiles of wells, in the order of the embeddings.

    Parameters
    ----------
    embeddings : contract `embeddings`: well_id and feature_0 ... feature_{D-1}
    wells : wells table of the screen; wells without an embedding are left out, and counted in a note
    names : names of the D features; None: feature_0 ...
    extra : further columns of wells, with `well_id`; see :func:`cwamsn.profiles.metadata.metadata_of`
    about : where they come from: `encoder` (:func:`about_encoder`), `screen` (:func:`about_screen`) and whatever else
        is worth keeping; the version of this package is added

    Raises
    ------
    InputError
        An embedding of a well that is not in `wells`.
    """
    place = pd.Index(wells["well_id"]).get_indexer(embeddings["well_id"])
    if (place < 0).any():
        unknown = embeddings["well_id"].iloc[int((place < 0).argmax())]
        raise InputError(f"profiles: well {unknown} is not in the wells table; recompute the embeddings")
    if len(place) < len(wells):
        note(f"{len(wells) - len(place)} of {len(wells)} wells have no embedding and no profile")
    columns = tables.feature_columns(embeddings.columns)
    said = plain({"versions": versions(), **(about or {}), "level": "well"})
    assert isinstance(said, dict)
    return Profiles(
        obs=metadata_of(wells.iloc[place].reset_index(drop=True), extra),
        features=embeddings[columns].to_numpy(),
        names=list(names) if names is not None else columns,
        about=said,
    )


def align_profiles(
    profiles: Profiles, method: str | None = None, options: AlignOptions | None = None, *, threads: int = 1
) -> Profiles:
    """Profiles of wells with an alignment on their negative controls (:func:`cwamsn.alignment.align`).

    The alignment is added under its name, before those that the profiles have: it is what analyses then take.

    Parameters
    ----------
    method : one of :data:`cwamsn.alignment.METHODS`; `none` adds nothing. Default: that of `options`
    options : section `alignment`; default: :class:`~cwamsn.alignment.AlignOptions` as it is
    threads : threads of Harmony
    """
    _of_wells(profiles)
    if (before := profiles.about.get("vectors", UNALIGNED)) != UNALIGNED:
        raise InputError(
            f"profiles: hold vectors that {before} has aligned; align those of the .h5ad, or of vectors none"
        )
    options = options or AlignOptions()
    method = method or options.method
    steps = steps_of(method, options.recipes)
    if [step.name for step in steps] == [UNALIGNED]:
        return profiles
    used = replace(options, method=method)
    if len(steps) == 1 and steps[0].name in METHODS:
        components = steps[0].components or options.n_components
        used = replace(options, method=steps[0].name, n_components=components)
    vectors = align(profiles.features, wells_of(profiles.obs), method, options, threads=threads)
    others = {key: values for key, values in profiles.aligned.items() if key != method}
    known = profiles.about.get("alignment")
    said = plain({**(known if isinstance(known, Mapping) else {}), method: asdict(used)}, "alignment")
    return replace(profiles, aligned={method: vectors, **others}, about={**profiles.about, "alignment": said})


def pool_profiles(profiles: Profiles, pool: str = "wells", concentrations: Sequence[float] | None = None) -> Profiles:
    """One profile per perturbation and dose: means over wells, as :func:`cwamsn.alignment.aggregate` takes them.

    Wells without a perturbation and controls of compounds are left out. A column of the wells stays where all wells of
    a perturbation agree; columns of their places become counts of wells, plates and batches.

    Parameters
    ----------
    pool : `wells`, or `guide_mean` or `guide_median` over the means of each gene's guides
    concentrations : doses to keep, µM; None: all

    Returns
    -------
    Profiles of level `perturbation`, sorted by type, perturbation and dose.
    """
    _of_wells(profiles)
    wells = wells_of(profiles.obs)
    arrays = [profiles.features, *profiles.aligned.values()]
    pooled = aggregate(np.hstack([a.astype(np.float64) for a in arrays]), wells, pool, concentrations)
    values = pooled[tables.feature_columns(pooled.columns)].to_numpy()
    features, *aligned = np.split(values, np.cumsum([a.shape[1] for a in arrays])[:-1], axis=1)
    obs = _pooled_metadata(profiles.obs, wells, concentrations)
    assert (obs["Metadata_WellCount"].to_numpy() == pooled["n_wells"].to_numpy()).all()
    said = plain(
        {**profiles.about, "level": "perturbation", "pooling": {"pool": pool, "concentrations": concentrations}}
    )
    assert isinstance(said, dict)
    return Profiles(obs, features, profiles.names, dict(zip(profiles.aligned, aligned)), said, "perturbation")


def _of_wells(profiles: Profiles) -> None:
    if profiles.level != "well":
        raise InputError("profiles: are of perturbations already; give profiles of wells")


def _pooled_metadata(obs: pd.DataFrame, wells: pd.DataFrame, concentrations: Sequence[float] | None) -> pd.DataFrame:
    """Rows of metadata in the order of :func:`cwamsn.alignment.aggregate`'s map."""
    rows = kept_rows(wells, concentrations)
    doses = wells["concentration"] if "concentration" in wells else pd.Series(np.nan, index=wells.index)
    table = wells.reindex(columns=KEYS).assign(concentration=listed_doses(doses.to_numpy(dtype=float), concentrations))
    group, keys = group_codes(table.iloc[rows].reset_index(drop=True))
    grouped = obs.iloc[rows].reset_index(drop=True).groupby(group, sort=True)
    out = keys.rename(columns=OF_WELLS)[
        [OF_WELLS["perturbation"], OF_WELLS["perturbation_type"], OF_WELLS["concentration"]]
    ]
    for name in obs:
        if name in out or name in OF_PLACE:
            continue
        if name in ("Metadata_FieldCount", "Metadata_CellCount"):
            out[name] = grouped[name].sum()
        else:
            agree = grouped[name].nunique(dropna=False) == 1
            out[name] = grouped[name].first().where(agree, None)
    out["Metadata_WellCount"] = np.bincount(group, minlength=len(keys))
    for count, of in (("Metadata_PlateCount", "Metadata_Plate"), ("Metadata_BatchCount", "Metadata_Batch")):
        if of in obs:
            out[count] = grouped[of].nunique()
    return named(typed(out), "perturbation")
