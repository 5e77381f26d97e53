"""All parts of a screen: one index, one QC table, one set of channel statistics."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cwamsn import tables
from cwamsn.crops.statistics import channel_statistics
from cwamsn.files import read_json, write_json
from cwamsn.tables import InputError

log = logging.getLogger(__name__)


def gather_crops(
    index_paths: Sequence[str | Path],
    qc_paths: Sequence[str | Path],
    statistics_paths: Sequence[str | Path],
    index_path: str | Path,
    qc_path: str | Path,
    statistics_path: str | Path,
) -> None:
    """Gather what :func:`write_crops` wrote for each part; the result does not depend on the order of the parts.

    A part without a usable field is named and passed over. Raises InputError when no part has one, when parts differ in
    the size of their fields or in channels, and when a field is in two parts.
    """
    qc = pd.concat([tables.read("qc", p) for p in sorted(map(Path, qc_paths))], ignore_index=True)
    qc = qc.sort_values(["plate", "field_id"], kind="stable", ignore_index=True)
    tables.write(qc, "qc", qc_path)
    kept = qc["status"] == "kept"
    log.info("%d fields kept, %d skipped", kept.sum(), (~kept).sum())
    for plate, usable in kept.groupby(qc["plate"]).any().items():
        if not usable:
            log.warning("plate %s: no usable field; see %s", plate, qc_path)

    indices = {p: tables.read("crops", p) for p in sorted(map(Path, index_paths))}
    indices = {p: index for p, index in indices.items() if len(index)}
    if not indices:
        raise InputError(f"{qc_path}: none of the {len(qc)} fields is usable; its column `reason` says why")
    sizes = {p: tuple(index[["height", "width"]].iloc[0]) for p, index in indices.items()}
    first = next(iter(sizes))
    for path, size in sizes.items():
        if size != sizes[first]:
            raise InputError(
                f"part {path.stem}: fields of {size[0]} x {size[1]} pixels, part {first.stem} has {sizes[first][0]} x "
                f"{sizes[first][1]}; set crops.size to the one to keep"
            )
    index = pd.concat(indices.values(), ignore_index=True)
    index = index.sort_values(["plate", "field_id"], kind="stable", ignore_index=True)
    statistics = channel_statistics([read_json(p) for p in sorted(map(Path, statistics_paths))])
    tables.write(index, "crops", index_path)
    write_json(statistics, statistics_path)
