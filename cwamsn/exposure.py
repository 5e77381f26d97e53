"""What the training of an encoder saw of a screen: the very wells, or their perturbations. From its description alone.

A training writes :data:`SEEN` to its `encoder.json`, or to the `head.json` of a head on frozen features: plates,
perturbations and InChIKey blocks of the wells that it took. Scores name it in their source, by :func:`marked`, and
tables read it again by :func:`without_mark`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypedDict

import numpy as np
import pandas as pd

from cwamsn.encoder_files import read_description
from cwamsn.files import read_json, sha256
from cwamsn.paths import ModelPaths
from cwamsn.wells import inchikey_block, is_treated

SEEN = "seen_in_training"
"""Key of an `encoder.json` or `head.json`."""
_MARKS = {True: " (in-sample)", None: " (in-sample unknown)", False: ""}


class Seen(TypedDict):
    """What a training took of its screen, sorted."""

    plates: list[str]
    """`experiment/plate`."""
    perturbations: list[str]
    inchikey_blocks: list[str] | None
    """Connectivity of the compounds; None: the screen has no InChIKeys."""


def seen_in(wells: pd.DataFrame) -> Seen:
    """What of a screen was in these wells, those of a training."""
    plates = wells["experiment"].astype(str) + "/" + wells["plate"].astype(str)
    keys = wells["inchikey"].dropna() if "inchikey" in wells else None
    return {
        "plates": sorted(plates.unique()),
        "perturbations": sorted(wells["perturbation"].dropna().unique()),
        "inchikey_blocks": None if keys is None or keys.empty else sorted(inchikey_block(keys).unique()),
    }


@dataclass(frozen=True)
class Exposure:
    """What the training of an encoder saw of a screen."""

    in_sample: bool | None
    """Whether it was trained on wells of this very screen; None: cannot be told."""
    seen: frozenset[str] | None
    """Perturbations of the screen that it saw; None: the description does not say."""
    perturbations: int
    """Treated perturbations of the screen, controls left out."""
    by_name: bool
    """Whether some could be compared by their names alone, for want of InChIKeys."""

    @classmethod
    def of(cls, description: Mapping[str, Any], path: str | Path, wells: pd.DataFrame) -> Self:
        """From an encoder's description and the screen's wells table, the file `path`."""
        treated = wells[is_treated(wells)].drop_duplicates("perturbation")
        count, made_of = len(treated), description.get("data_sha256", {}).get("wells")
        if description.get("steps") == 0:
            return cls(False, frozenset(), count, False)
        very_wells = made_of is not None and made_of == sha256(path)
        record: Seen | None = description.get(SEEN)
        if record is None:
            return cls(True if very_wells else None, None, count, False)
        known, keyed = _known(treated, record)
        names = frozenset(treated.loc[known, "perturbation"])
        own = set(wells["experiment"].astype(str) + "/" + wells["plate"].astype(str))
        # names of plates may be those of another laboratory: then the perturbations are others
        shared = bool(own & set(record["plates"])) and bool(names)
        return cls(True if very_wells else None if shared else False, names, count, not keyed.all())


def _known(treated: pd.DataFrame, record: Seen) -> tuple[np.ndarray, np.ndarray]:
    """(N,) bool each: whether training saw a perturbation, and whether InChIKeys tell, which are preferred to names."""
    blocks = record["inchikey_blocks"]
    by_name = treated["perturbation"].isin(record["perturbations"]).to_numpy(bool)
    if blocks is None or "inchikey" not in treated:
        return by_name, np.zeros(len(treated), bool)
    keyed = treated["inchikey"].notna().to_numpy(bool)
    return np.where(keyed, inchikey_block(treated["inchikey"]).isin(blocks).to_numpy(bool), by_name), keyed


def is_in_sample(
    stated: bool | None,
    descriptions: str | Path | Iterable[str | Path] | None,
    path: str | Path,
    wells: pd.DataFrame,
) -> bool | None:
    """Whether a method was trained on the wells that it is scored on; None: unknown.

    Parameters
    ----------
    stated : what the configuration says, which holds
    descriptions : of an encoder that another run trained, of a head on frozen features, or of both, where there are
    path, wells : the screen's wells table, file and content
    """
    if stated is not None or not descriptions:
        return stated
    found = [exposure.in_sample for exposure in exposures(descriptions, path, wells)]
    return True if True in found else None if None in found else False


def exposures(
    descriptions: str | Path | Iterable[str | Path], path: str | Path, wells: pd.DataFrame
) -> list["Exposure"]:
    """What each of one or several descriptions, of encoders or heads, says of a screen; as in :meth:`Exposure.of`."""
    paths = [descriptions] if isinstance(descriptions, str | Path) else descriptions
    return [Exposure.of(_described(found), path, wells) for found in paths]


def seen_perturbations(
    descriptions: str | Path | Iterable[str | Path], path: str | Path, wells: pd.DataFrame
) -> frozenset[str] | None:
    """Perturbations of a screen that any of the trainings saw; None: a description does not say."""
    found = [exposure.seen for exposure in exposures(descriptions, path, wells)]
    known = [seen for seen in found if seen is not None]
    return frozenset().union(*known) if len(known) == len(found) else None


def _described(path: str | Path) -> Mapping[str, Any]:
    head = Path(path).name == ModelPaths(Path()).head_description.name
    found: Mapping[str, Any] = read_json(path) if head else read_description(path)
    return found


def marked(source: str, in_sample: bool | None) -> str:
    """The source of a score, which says so where the method was trained on the wells, or where that is not known."""
    return source + _MARKS[in_sample]


def without_mark(sources: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Sources as text without what :func:`marked` added, and for each `yes`, `no` or `unknown`."""
    text = sources.astype(str)
    answers = pd.Series("no", index=text.index)
    for value, answer in ((True, "yes"), (None, "unknown")):
        found = text.str.endswith(_MARKS[value])
        answers, text = answers.mask(found, answer), text.str.removesuffix(_MARKS[value])
    return text, answers
