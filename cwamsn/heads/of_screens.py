"""Heads of a run: learned on the wells of one screen by any method's features, applied to those of another screen.

A head never gives vectors to wells whose perturbation it was learned on, or stopped by, on the same screen.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cwamsn.embeddings import count_wells, features_frame
from cwamsn.errors import InputError
from cwamsn.exposure import SEEN, Exposure, seen_in
from cwamsn.files import sha256
from cwamsn.heads.files import load_head, save_head
from cwamsn.heads.options import HeadOptions
from cwamsn.heads.train import TrainedHead, apply_head, can_validate, train_head
from cwamsn.hits.positions import note_positions
from cwamsn.notes import note
from cwamsn.tables import feature_columns
from cwamsn.wells import inchikey_block, is_treated

SCALES = ("screen", "training")
MOST_ABSENT = 0.2  # share of a head's features that a screen may lack


def learn_on_screen(
    frame: pd.DataFrame,
    wells_path: Path,
    wells: pd.DataFrame,
    options: HeadOptions,
    folder: Path,
    *,
    names: Sequence[str] | None = None,
    method: str = "",
    share: float | None = None,
) -> TrainedHead:
    """Learn a head from a screen's wells by the features of a method, and write it to `folder`.

    Where the screen has a split, wells of its training part are learned on, and those of its validation part say when
    to stop if they can; the test part is never looked at.

    Parameters
    ----------
    frame : table of contract `embeddings`, or of `field_embeddings` to learn on single fields
    wells_path, wells : the screen's wells table, file and content
    options : of the head
    folder : `head.safetensors` and `head.json` are written there
    names : of the features, where they have any: what another screen's features are matched by
    method : whose features they are
    share : of the perturbations that may be learned on where the screen has no split, always the same ones; None: all

    Raises
    ------
    InputError
        Too few perturbations with the pairs that are asked for, or features that are not finite.
    """
    values, found = _matched(frame, wells)
    learned, validated = _parts(found, share)
    validated &= options.validation > 0
    chosen = learned | validated
    note_positions(found[learned].drop_duplicates("well_id"))
    trained = train_head(
        values[chosen], found[chosen].reset_index(drop=True), options, validated[chosen] if validated.any() else None
    )
    if doubt := trained.doubt():
        note(doubt)
    seen = found[chosen & is_treated(found)]
    about = {
        "method": method,
        "screen": str(found["screen"].iloc[0]),
        "names": None if names is None else list(names),
        "wells": int(seen["well_id"].nunique()),
        **({"fields": len(seen)} if "field_id" in frame else {}),
    }
    extra = {SEEN: seen_in(seen), "data_sha256": {"wells": sha256(wells_path)}}
    save_head(trained, options, folder, about, extra)
    return trained


def head_embeddings(
    frame: pd.DataFrame,
    wells_path: Path,
    wells: pd.DataFrame,
    folder: Path,
    *,
    names: Sequence[str] | None = None,
    scale: str = "screen",
    max_missing_share: float = 0.05,
) -> tuple[pd.DataFrame, dict[str, object]]:
    """A screen's wells by the head of `folder`, and counts as :func:`cwamsn.embeddings.count_wells` gives them.

    Parameters
    ----------
    frame : table of contract `embeddings`, by the method that the head was learned on
    wells_path, wells : the screen's wells table, file and content
    names : of the features, as in :func:`learn_on_screen`
    scale : `screen`: features get mean 0 and deviation 1 over the wells of this screen before the head;
        `training`: they are scaled as in the head's training
    max_missing_share : largest share of the wells without an embedding, apart from those that the head was learned on

    Raises
    ------
    InputError
        The features are not those that the head takes.
    """
    if scale not in SCALES:
        raise InputError(f"heads: scale {scale!r} is not known; known: {', '.join(SCALES)}")
    head, known = load_head(folder)
    own = wells if known.get("data_sha256") == {"wells": sha256(wells_path)} else None
    values, found = _matched(frame, wells)
    if scale == "screen":
        values = _standardised(values)
    values = _as_in_training(values, names, known, head.mean.numpy() if scale == "training" else None)
    if values.shape[1] != len(head.mean):
        raise InputError(
            f"heads: {folder} was learned on {len(head.mean)} features, this screen has {values.shape[1]}; measure the "
            "same features on both screens"
        )
    if scale == "screen":
        values = values * head.deviation.numpy() + head.mean.numpy()
    kept = np.ones(len(found), dtype=bool)
    wanted = wells
    if own is not None:
        names_seen = [*_texts(known["trained_on"]), *_texts(known["validated_on"])]
        seen = set(wells.loc[_seen(wells, names_seen), "well_id"])
        kept = ~found["well_id"].isin(seen).to_numpy(bool)
        wanted = wells[~wells["well_id"].isin(seen)]
        note(
            f"the head was learned on {len(names_seen)} other perturbations of this screen, whose {int((~kept).sum())} "
            "wells are left out; it has seen these plates"
        )
    else:
        _say_what_it_saw(known, wells_path, wells)
    if not is_treated(found[kept]).any():
        raise InputError(
            "heads: every treated well was learned on; name another screen as learn_on, or a smaller share"
        )
    out = features_frame(found["well_id"].to_numpy(object)[kept], apply_head(head, values[kept]))
    counts: dict[str, object] = dict(count_wells(out, wanted, max_missing_share, folder))
    told = {"head_sha256": known["weights_sha256"], "wells_left_out": int((~kept).sum())}
    return out, counts | told


def _seen(wells: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """(N,) bool: treated wells of these perturbations, or of the same compound by another name."""
    seen = wells["perturbation"].isin(names).to_numpy(bool)
    if "inchikey" in wells:
        blocks = inchikey_block(wells["inchikey"])
        known = blocks[seen & is_treated(wells)].dropna()
        seen = seen | blocks.isin(known).to_numpy(bool)
    return np.asarray(seen & is_treated(wells), dtype=bool)


def _parts(wells: pd.DataFrame, share: float | None) -> tuple[np.ndarray, np.ndarray]:
    """(N,) bool each: wells to learn on, and wells that say when to stop; none of the latter: some of the former do."""
    treated = is_treated(wells)
    nobody = np.zeros(len(wells), dtype=bool)
    if wells["split"].notna().any():
        learned = treated & wells["split"].eq("train").to_numpy(bool)
        validated = treated & wells["split"].eq("val").to_numpy(bool)
        names = set(wells.loc[learned, "perturbation"])
        validated &= ~wells["perturbation"].isin(names).to_numpy(bool)
        return learned, validated if can_validate(wells[validated]) else nobody
    if share is None:
        return treated, nobody
    all_names = np.sort(wells.loc[treated, "perturbation"].unique().astype(str))
    drawn = np.random.default_rng(0).permutation(all_names)[: round(len(all_names) * share)]
    return treated & wells["perturbation"].astype(str).isin(drawn).to_numpy(bool), nobody


def _matched(frame: pd.DataFrame, wells: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Features (n, D) float32 of an embeddings table and its wells, row for row."""
    place = pd.Index(wells["well_id"]).get_indexer(frame["well_id"])
    if (place < 0).any():
        unknown = frame["well_id"].iloc[int((place < 0).argmax())]
        raise InputError(f"heads: well {unknown} is not in the wells table; recompute the embeddings")
    values = frame[feature_columns(frame.columns)].to_numpy(np.float32, copy=True)
    found = wells.iloc[place].reset_index(drop=True)
    return values, found.assign(field_id=frame["field_id"].to_numpy()) if "field_id" in frame else found


def _standardised(values: np.ndarray) -> np.ndarray:
    wide = values.astype(np.float64)
    deviation = wide.std(axis=0)
    scaled: np.ndarray = (wide - wide.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return scaled.astype(np.float32)


def _as_in_training(
    values: np.ndarray, names: Sequence[str] | None, known: Mapping[str, Any], mean: np.ndarray | None
) -> np.ndarray:
    """Columns in the order of the head's features; what this screen lacks is set to its mean, and said."""
    wanted = known["about"]["names"]
    if (wanted is None) != (names is None):
        where = "of this screen" if names is None else "that the head was learned on"
        note(f"heads: the features {where} have no names, so they are taken in the order of their columns")
    if wanted is None or names is None or list(names) == list(wanted):
        return values
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"heads: feature {twice[0]!r} appears twice on this screen; rename or remove one of them")
    place = pd.Index(names).get_indexer(wanted)
    absent = place < 0
    if absent.mean() > MOST_ABSENT:
        raise InputError(
            f"heads: this screen has {int((~absent).sum())} of the {len(wanted)} features that the head was learned on "
            f"(not {wanted[int(absent.argmax())]}); measure the same features on both screens"
        )
    if absent.any():
        note(
            f"heads: {int(absent.sum())} of {len(wanted)} features are not known on this screen and held at their mean"
        )
    found = values[:, place]
    found[:, absent] = 0 if mean is None else mean[absent]
    return found


def _say_what_it_saw(known: Mapping[str, Any], path: Path, wells: pd.DataFrame) -> None:
    found = Exposure.of(known, path, wells)
    if found.seen:
        names = sorted(found.seen)
        note(
            f"its head, learned on {known['about']['screen']}, saw {len(names)} of the {found.perturbations} "
            f"perturbations of this screen (such as {', '.join(names[:3])})"
        )


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(name) for name in value]
