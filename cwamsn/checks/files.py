"""What the list of images shows before one is decoded: files that are not there, named twice, empty."""

from collections.abc import Mapping

import pandas as pd

from cwamsn.checks.listing import Listing
from cwamsn.checks.report import Level, Report
from cwamsn.crops.plates import kind_of
from cwamsn.screens.planes import split_uri

MANY = 0.05
"""Share of the fields that a screen loses from which on it is an error."""
_NAMED = 5
_NO_MAP = "well without a plate-map entry"
_NO_IMAGE = "well without any image"


def judge_files(report: Report, listing: Listing, repeated: str) -> tuple[pd.Series, set[tuple[str, str]]]:
    """Add what the list of images shows.

    repeated : `crops.plates.repeated`, what is to be done about a plate that repeats another.

    Returns
    -------
    good : which rows of `listing.fields` can be decoded.
    copies : plates that name the files of another, and that one.
    """
    for line in _units(listing.faults):
        report.add(Level.ERROR, "files", line)
    _left_out(report, listing)
    good = ~_two_channels(report, listing)
    good &= ~_empty(report, listing)
    copies = _named_twice(report, listing, repeated)
    _facts(report, listing)
    return good, copies


def _units(faults: Mapping[str, str]) -> list[str]:
    """Messages of plates that cannot be used, one for all that differ in the plate only."""
    kinds: dict[str, list[str]] = {}
    for unit, text in faults.items():
        kinds.setdefault(kind_of(text.replace(unit, "#")), []).append(text)
    return [f"{len(texts)} plates alike: {texts[0]}" if len(texts) > 1 else texts[0] for texts in kinds.values()]


def _left_out(report: Report, listing: Listing) -> None:
    """One line for each reason; wells that lack images or a plate-map entry are counted as wells."""
    skipped = listing.skipped
    listed = len(listing.fields) + int((~skipped["reason"].str.startswith(_NO_IMAGE)).sum())
    kinds = skipped["reason"].map(lambda reason: str(reason).partition(": ")[0])
    for kind, rows in skipped.groupby(kinds, sort=False):
        wells = rows["well_id"].drop_duplicates()
        some = _some(wells)
        if kind.startswith(_NO_MAP):
            report.add(
                _level(len(rows), listed),
                "wells",
                f"{len(wells):,} wells ({len(rows):,} fields) have images but no plate-map entry ({some}); they are "
                "left out: add them to the plate map",
            )
        elif kind.startswith(_NO_IMAGE):
            report.add(
                Level.WARNING,
                "wells",
                f"{len(wells):,} of {len(listing.wells):,} wells of the plate map have no image ({some}); if they "
                "were imaged, add their files to the list",
            )
        else:
            example = rows["reason"].iloc[0]
            report.add(
                _level(len(rows), listed),
                "files",
                f"{len(rows):,} of {listed:,} fields{_on(rows['plate'])} are left out: {example}; correct the list, "
                "its paths or `base`, or copy the files",
            )


def _level(n: int, total: int) -> Level:
    return Level.ERROR if n > MANY * max(total, 1) else Level.WARNING


def _two_channels(report: Report, listing: Listing) -> pd.Series:
    """Fields in which two stains name one file."""
    uris = listing.fields[[f"uri_{stain}" for stain in listing.stains]]
    bad = pd.Series(False, uris.index)
    if len(listing.stains) > 2 and len(uris) and uris.eq(uris.iloc[:, 0], axis=0).all(axis=None):
        planes = ", ".join(f"{stain}: {number}" for number, stain in enumerate(listing.stains))
        report.add(
            Level.ERROR,
            "files",
            f"all {len(listing.stains)} stains name the same file in every field ({uris.iloc[0, 0]}); if it holds all "
            f"channels, say which is which, as in images: {{planes: {{{planes}}}}} "
            "(docs/data.md), else correct the columns",
        )
        return ~bad
    for i, first in enumerate(listing.stains):
        for second in listing.stains[i + 1 :]:
            same = uris[f"uri_{first}"] == uris[f"uri_{second}"]
            if same.any():
                report.add(
                    Level.ERROR,
                    "files",
                    f"{first} and {second} name the same file in {int(same.sum()):,} of {len(uris):,} fields "
                    f"({uris.loc[same.idxmax(), f'uri_{first}']}); correct the column of one of them",
                )
                bad |= same
    return bad


def _empty(report: Report, listing: Listing) -> pd.Series:
    """Fields with a file of no bytes."""
    sizes = listing.sizes
    names = {path for path, size in sizes.items() if size == 0}
    empty = pd.Series(False, listing.fields.index)
    if names:
        for stain in listing.stains:
            empty |= listing.fields[f"uri_{stain}"].map(lambda uri: split_uri(uri).path in names)
        report.add(
            _level(int(empty.sum()), len(empty)),
            "files",
            f"{len(names):,} files are empty (0 bytes), in {int(empty.sum()):,} fields "
            f"({_some(pd.Series(sorted(names)))}); "
            "copy or export them again",
        )
    return empty


REPEATED = "keep one of them, or set crops.plates.repeated: warn"
"""What to do about a plate that repeats another."""


def level_of(choice: str) -> Level:
    """How much a fault of a plate matters that the run shall `stop` at, or `warn` of."""
    return Level.ERROR if choice == "stop" else Level.WARNING


def _named_twice(report: Report, listing: Listing, repeated: str) -> set[tuple[str, str]]:
    """Files that two fields name: within a plate, and for plates that are others under another name; returns those."""
    fields = listing.fields
    for stain in listing.stains:
        uri = f"uri_{stain}"
        twice = fields[fields.duplicated(uri, keep=False)]
        if not len(twice):
            continue
        first = twice.groupby(uri)[["plate", "field_id"]].transform("first")
        later = twice[twice["field_id"] != first["field_id"]]
        first = first.loc[later.index]
        example = f"{later['field_id'].iloc[0]} and {first['field_id'].iloc[0]}: {later[uri].iloc[0]}"
        across = later["plate"] != first["plate"]
        pairs = list(dict.fromkeys(zip(later.loc[across, "plate"], first.loc[across, "plate"])))
        if pairs:
            named = _some(pd.Series([f"{plate} those of {of_plate}" for plate, of_plate in pairs]))
            what = f"{across.sum():,} fields name the files of another plate (plate {named})"
            report.add(level_of(repeated), "plates", f"{what}, e.g. {example}; {REPEATED}")
        else:
            report.add(
                Level.WARNING,
                "files",
                f"{len(later):,} fields name files of another field of their plate, e.g. {example}; correct the list",
            )
        return set(pairs)  # the other stains show the same
    return set()


def _facts(report: Report, listing: Listing) -> None:
    wells, fields = listing.wells, listing.fields
    plates, batches = wells["plate"].nunique(), wells["experiment"].nunique()
    report.facts["Screen"] = (
        f"{len(wells):,} wells on {plates:,} plate{'s' if plates > 1 else ''}"
        + (f" of {batches:,} batches" if 1 < batches < plates else "")
        + f", {len(fields):,} fields of {len(listing.stains)} channels ({', '.join(listing.stains)})"
    )
    if len(fields):
        sites = fields.groupby("well_id").size()
        if sites.min() < sites.max():
            report.add(
                Level.INFO,
                "wells",
                f"wells have {sites.min()} to {sites.max()} fields; profiles are means over those that are there",
            )
    lost = int((~listing.skipped["reason"].str.startswith(_NO_IMAGE)).sum())
    total = sum(listing.sizes.values())
    there = f"{len(listing.sizes):,} files are there, {size_text(total)}" if listing.sizes else "on a host"
    share = lost / max(len(fields) + lost, 1)
    report.facts["Files"] = there + (f"; {share:.1%} of the fields left out" if lost else "; none missing")
    if len(listing.looked_at) < len(listing.units):
        report.facts["Files"] += f" (looked at {len(listing.looked_at)} of {len(listing.units)} plates)"


def size_text(count: float) -> str:
    """Bytes as `0.9 GB`: decimal units, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB") or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _on(plates: pd.Series) -> str:
    names = list(dict.fromkeys(plates.dropna()))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" on plate {', '.join(names[:_NAMED])}{more}" if names else ""


def _some(values: pd.Series) -> str:
    more = ", ..." if len(values) > 3 else ""
    return ", ".join(map(str, values[:3])) + more
