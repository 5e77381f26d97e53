"""What the decoded sample shows: planes that cannot be used, pictures that are one, plates unlike the others."""

from collections.abc import Collection

import pandas as pd

from cwamsn.checks.decoding import Decoded
from cwamsn.checks.files import REPEATED, level_of
from cwamsn.checks.report import Level, PlateFacts, Report, Sample
from cwamsn.crops.plates import copies, kind_of, repeated_channels, repeats, suspicious, unlike
from cwamsn.screens.planes import split_uri
from cwamsn.wells import is_negative

MANY = 0.05
"""Share of the decoded fields that cannot be used from which on it is an error."""
_NAMED = 5


def judge_images(
    report: Report, decoded: Decoded, sample: Sample, repeated: str, known: Collection[tuple[str, str]] = ()
) -> None:
    """Add what the sample shows.

    Parameters
    ----------
    report, decoded, sample : where to, and what was decoded.
    repeated : `crops.plates.repeated`, what is to be done about a plate that repeats another.
    known : plates that are known to repeat another, and that one.
    """
    qc = decoded.qc
    _unusable(report, qc, sample)
    if (qc["status"] == "kept").any():
        _repeats(report, qc, repeated, known)
        for line in [*unlike(qc), *suspicious(qc)]:
            report.add(Level.WARNING, "images", line)
    same = qc[qc["alike"].notna()]
    if len(same):
        many = len(same) > MANY * len(qc)
        report.add(
            Level.ERROR if many else Level.WARNING,
            "images",
            f"channels look like one picture in {len(same):,} of {len(qc):,} fields{_on(same)}: "
            f"{same['alike'].iloc[0]} correlate; one file is not what its name says: correct the columns",
        )
    _sizes(report, qc)
    depth = qc.get("bits", pd.Series(dtype=object)).dropna()
    kinds = " or ".join(depth.value_counts().index)
    report.facts["Decoded"] = _told(sample)
    if "height" in qc and qc["height"].notna().any():
        report.facts["Pictures"] = f"{_usual_size(qc)} pixels" + (f", {kinds} bits" if kinds else "")


def _repeats(report: Report, qc: pd.DataFrame, repeated: str, known: Collection[tuple[str, str]]) -> None:
    """Plates, and fields of a plate, with the pixels of another."""
    for rows in (repeats(qc), repeated_channels(qc)):
        new = [pair not in known for pair in zip(rows["plate"], rows["of_plate"])]
        for line in copies(qc, rows[new] if len(rows) else rows):
            report.add(level_of(repeated), "plates", f"{line}, of those decoded; {REPEATED}")
    kept = qc[(qc["status"] == "kept") & qc["pixels"].notna()]
    twice = kept[kept.duplicated(["plate", "pixels"], keep=False)]
    if len(twice):
        first = twice.groupby(["plate", "pixels"])["field_id"].transform("first")
        later = twice[twice["field_id"] != first]
        report.add(
            Level.WARNING,
            "images",
            f"{len(later):,} of {len(qc):,} decoded fields repeat the pixels of another field{_on(later)}, e.g. "
            f"{later['field_id'].iloc[0]} those of {first[later.index[0]]}; correct the list, or they are left out",
        )


def _told(sample: Sample) -> str:
    what = f"{sample.fields:,} of {sample.of:,} fields ({sample.images:,} images)"
    if sample.everything:
        return f"all {sample.of:,} fields ({sample.images:,} images)"
    return f"{what}, spread over {sample.plates:,} of {sample.of_plates:,} plates, seed {sample.seed}"


def _unusable(report: Report, qc: pd.DataFrame, sample: Sample) -> None:
    """One line for each kind of reason for which decoded fields would be left out."""
    bad = qc[qc["status"] != "kept"]
    if bad.empty:
        return
    size = qc["plate"].value_counts()
    whole = set(size.index[size == bad["plate"].value_counts().reindex(size.index, fill_value=0)])
    for _, rows in bad.groupby(bad["reason"].map(_kind), sort=False):
        reason = rows["reason"].iloc[0]
        plates = list(dict.fromkeys(rows["plate"]))
        lost = [p for p in plates if p in whole and (rows["plate"] == p).sum() == size[p]]
        level = Level.ERROR if lost or len(rows) > MANY * len(qc) else Level.WARNING
        where = _on(rows)
        if lost and len(size) > 1:
            where = f", all of{_on(rows[rows['plate'].isin(lost)]).removeprefix(' on')}"
        report.add(
            level,
            "images",
            f"{len(rows):,} of {len(qc):,} decoded fields would be left out{where}: "
            f"{_where(rows.iloc[0])}{reason}{_what_to_do(reason)}",
        )


def _kind(reason: str) -> str:
    """What reasons share: of thresholds, whichever the channel is."""
    start = reason.partition(":")[0]
    return start if start in _TODO else kind_of(reason)


def _where(row: pd.Series) -> str:
    """The field, where the reason names no file."""
    return "" if "/" in row["reason"] or "\\" in row["reason"] else f"{row['field_id']}: "


# What to do where a reason does not say it.
_TODO = {
    "empty": "; a black or constant picture: replace it, or let it be left out",
    "out of focus": "; lower crops.qc.min_focus to keep it",
    "saturated": "; raise crops.qc.max_saturation to keep it",
    "broken off": "; copy or export the file again",
    "repeats the pixels": "; keep one of them",
}


def _what_to_do(reason: str) -> str:
    if "pixels, other planes" in reason or "pixels, crops.size" in reason:
        return "; export all channels in one size"
    return next((todo for start, todo in _TODO.items() if reason.startswith(start)), "")


def _sizes(report: Report, qc: pd.DataFrame) -> None:
    if "height" not in qc:
        return
    known = qc[qc["height"].notna()]
    sizes = known["height"].astype(int).astype(str) + " x " + known["width"].astype(int).astype(str)
    if sizes.nunique() < 2:
        return
    usual = sizes.value_counts().index[0]
    odd = known[sizes != usual]
    within = sizes.groupby(known["plate"]).nunique().max() > 1
    report.add(
        Level.WARNING if within else Level.ERROR,
        "images",
        f"sizes differ: {', '.join(sizes.unique())} pixels, {len(odd):,} of {len(qc):,} decoded fields{_on(odd)} are "
        f"not {usual}; set crops.size to the one to keep, or export all alike",
    )


def _usual_size(qc: pd.DataFrame) -> str:
    known = qc[qc["height"].notna()]
    sizes = known["height"].astype(int).astype(str) + " x " + known["width"].astype(int).astype(str)
    return " or ".join(sizes.value_counts().index[:3])


def _on(rows: pd.DataFrame) -> str:
    names = list(dict.fromkeys(rows["plate"]))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" on plate {', '.join(names[:_NAMED])}{more}"


def plate_facts(wells: pd.DataFrame, fields: pd.DataFrame, skipped: pd.DataFrame, qc: pd.DataFrame) -> list[PlateFacts]:
    """One row for each plate, in the order of the wells table."""
    negative = pd.Series(is_negative(wells), wells.index)
    treated = wells["control"].isna() & wells["perturbation"].notna()
    left_out = skipped.loc[~skipped["reason"].str.startswith("well without any image"), "plate"].value_counts()
    known = {name: rows for name, rows in qc.groupby("plate")} if len(qc) else {}
    counts = fields["plate"].value_counts()
    out = []
    for name, rows in wells.groupby("plate", sort=False):
        mine = known.get(name, qc.iloc[:0])
        means = mine[[c for c in mine.columns if c.startswith("mean_")]].mean().dropna()
        out.append(
            PlateFacts(
                plate=str(name),
                wells=len(rows),
                fields=int(counts.get(name, 0)),
                left_out=int(left_out.get(name, 0)),
                negative_controls=int(negative[rows.index].sum()),
                perturbations=int(rows.loc[treated[rows.index], "perturbation"].nunique()),
                decoded=len(mine),
                unusable=int((mine["status"] != "kept").sum()) if len(mine) else 0,
                size=_usual_size(mine) if "height" in mine and mine["height"].notna().any() else "",
                bits=" or ".join(mine["bits"].dropna().unique()) if "bits" in mine else "",
                means={c.removeprefix("mean_"): round(float(v), 2) for c, v in means.items()},
            )
        )
    return out


def _ending(uri: str) -> str:
    place = split_uri(uri)
    if place.kind == "file" and ".zarr/" in place.path.lower():
        return "zarr"
    return (place.member if place.kind == "zip" else place.path).rpartition(".")[2].lower()


def formats(fields: pd.DataFrame) -> str:
    """`TIFF`, `PNG` ...: what the names of the images end with, the commonest first."""
    names = fields[next(c for c in fields.columns if c.startswith("uri_"))]
    ends = names.map(_ending)
    return ", ".join(_FORMATS.get(end, end) for end in ends.value_counts().index[:3])


_FORMATS = {
    "tif": "TIFF", "tiff": "TIFF", "png": "PNG", "jp2": "JPEG 2000", "parquet": "JPEG 2000 in Parquet", "zarr": "Zarr"
}  # fmt: skip
