"""What the QC tables of all units show together: plates without a field, plates that repeat or differ from others."""

import re
from collections.abc import Sequence

import pandas as pd

from cwamsn.crops.judge import ADVICE

_UNLIKE = 3.0  # times; medians of the mean grey level differ by less between plates of one screen
_LEAST = 3  # fields of a plate that are enough for a median
_MOST_SKIPPED = 0.25  # of a plate's fields, without a word on the terminal
_NAMED = 8  # plates named in a line
# Reasons that a file is not what it should be: worth a word even of one field, unlike an empty or a blurred one.
_DAMAGED = r"not a readable plane|^broken off|have the same pixels|^repeats the pixels|other planes of the field"


def plate_of(qc: pd.DataFrame) -> pd.Series:
    """The plate of each row as its well's name has it: RxRx3-core's plates 1 to 48 repeat in every experiment."""
    return qc["well_id"].str.rpartition("_")[0].where(lambda name: name != "", qc["plate"])


def commonest(reasons: Sequence[str]) -> str:
    """The commonest reason, how many share it (paths and numbers apart) and one of them in full."""
    texts = pd.Series(list(reasons), dtype=object).fillna("no reason given")
    kinds = texts.map(kind_of)
    kind, n = next(iter(kinds.value_counts(sort=True).items()))
    example = texts[kinds == kind].iloc[0]
    return f"{n:,} of {len(texts):,}: {example}" if n > 1 or len(texts) > 1 else example


def kind_of(reason: str) -> str:
    """What reasons share that differ in paths and numbers alone."""
    return re.sub(r"\d+(\.\d+)?", "#", re.sub(r"\S*[/\\]\S*", "…", reason))


def lost(qc: pd.DataFrame) -> list[str]:
    """A line for each plate of which no field is kept."""
    plate, kept = plate_of(qc), qc["status"] == "kept"
    return [
        f"plate {name}: none of its {len(rows):,} fields is usable ({commonest(rows['reason'])})"
        for name, rows in qc[~kept.groupby(plate).transform("any")].groupby(plate)
    ]


def thinned(qc: pd.DataFrame) -> list[str]:
    """One line if plates lose many of their fields, but not all; one if others lose a few to damaged images."""
    plate, skipped = plate_of(qc), qc["status"] != "kept"
    share = skipped.groupby(plate).mean()
    many = plate.isin(share.index[(share >= _MOST_SKIPPED) & (share < 1)])
    damaged = skipped & ~many & plate.map(share < 1) & qc["reason"].fillna("").str.contains(_DAMAGED)
    kinds = {"fields left out": skipped & many, "damaged images left out": damaged}
    return [_left_out(what, qc, rows) for what, rows in kinds.items() if rows.any()]


def _left_out(what: str, qc: pd.DataFrame, rows: pd.Series) -> str:
    plate = plate_of(qc)
    size, left = plate.value_counts(), plate[rows].value_counts()
    left = left.loc[(left / size[left.index]).sort_values(ascending=False, kind="stable").index]
    counts = {name: f"{n} of {size[name]}" for name, n in left[:_NAMED].items()}
    return f"{what}: {_named(counts, len(left))}; the commonest reason: {commonest(qc.loc[rows, 'reason'])}"


def repeats(qc: pd.DataFrame) -> pd.DataFrame:
    """Kept fields whose pixels are those of a kept field of an earlier plate.

    Columns `plate`, `field_id`, `of_plate`, `of_field`; the index is that of `qc`.
    """
    frame = pd.DataFrame({"plate": plate_of(qc), "field_id": qc["field_id"], "pixels": qc.get("pixels")})
    frame = frame[(qc["status"] == "kept") & frame["pixels"].notna()]
    frame = frame[frame.duplicated("pixels", keep=False)].sort_values(["plate", "field_id"], kind="stable")
    first = frame.groupby("pixels")[["plate", "field_id"]].transform("first")
    frame = frame.assign(of_plate=first["plate"], of_field=first["field_id"]).drop(columns="pixels")
    return frame[frame["plate"] != frame["of_plate"]]


def repeated_channels(qc: pd.DataFrame) -> pd.DataFrame:
    """Kept fields of which a channel, though not the whole, has the pixels of an earlier field's.

    Columns as of :func:`repeats`, and `channel`. Told by mean and focus, which are exact and are equal by chance for
    constant channels only.
    """
    kept = qc[qc["status"] == "kept"].assign(plate=lambda rows: plate_of(rows)).sort_values(["plate", "field_id"])
    found = []
    for channel in [c.removeprefix("focus_") for c in qc.columns if c.startswith("focus_")]:
        key = [f"mean_{channel}", f"focus_{channel}"]
        frame = kept.loc[kept[key[1]] > 0, ["plate", "field_id", *key, *({"pixels"} & {*kept})]]
        frame = frame[frame.duplicated(key, keep=False)]
        first = frame.groupby(key)[list(frame.columns.difference(key))].transform("first")
        other = frame["field_id"] != first["field_id"]
        if "pixels" in frame:
            other &= frame["pixels"] != first["pixels"]
        frame = frame.assign(of_plate=first["plate"], of_field=first["field_id"], channel=channel)[other]
        found.append(frame[["plate", "field_id", "of_plate", "of_field", "channel"]])
    return pd.concat(found) if found else pd.DataFrame(columns=["plate", "field_id", "of_plate", "of_field", "channel"])


def copies(qc: pd.DataFrame, repeated: pd.DataFrame) -> list[str]:
    """A line for each plate (and channel) of which at least half of the kept fields repeat one plate's.

    repeated: what :func:`repeats` or :func:`repeated_channels` gave for `qc`.
    """
    size = plate_of(qc)[qc["status"] == "kept"].value_counts()
    by = ["plate", "of_plate", *({"channel"} & {*repeated})]
    lines = []
    for (plate, of_plate, *channel), rows in repeated.groupby(by, sort=True):
        if len(rows) * 2 >= min(size[plate], size[of_plate]):
            example = f"{rows['field_id'].iloc[0]} and {rows['of_field'].iloc[0]}"
            what = f"has channel {channel[0]} of" if channel else "repeats"
            lines.append(
                f"plate {plate} {what} plate {of_plate}: {len(rows):,} of its {size[plate]:,} fields have the same "
                f"pixels (as {example})"
            )
    return lines


def unlike(qc: pd.DataFrame) -> list[str]:
    """A line if plates are far brighter or darker than the others, and one if their bit depths differ."""
    kept = qc[qc["status"] == "kept"]
    return _unlike_means(kept) + _unlike_depths(kept)


def _unlike_means(kept: pd.DataFrame) -> list[str]:
    plate = plate_of(kept)
    means = kept[[c for c in kept.columns if c.startswith("mean_")]].groupby(plate).median()
    means = means[plate.value_counts().reindex(means.index) >= _LEAST].rename(columns=lambda c: c.removeprefix("mean_"))
    if len(means) < 2:
        return []
    means = means.clip(lower=0.5)  # grey levels; a plate without any signal is 0
    # Of two plates nobody can say which is the odd one.
    usual = means.median() if len(means) > 2 else means.min()
    far = (means > _UNLIKE * usual) | (means < usual / _UNLIKE)
    if len(means) == 2:
        far.loc[:] = far.any().to_numpy()
    texts = {
        name: ", ".join(f"{channel} {means.at[name, channel]:.3g}" for channel in means.columns[row.to_numpy()])
        for name, row in far[far.any(axis=1)].iterrows()
    }
    if not texts:
        return []
    channels = means.columns[far.any()]
    others = ", ".join(f"{channel} {usual[channel]:.3g}" for channel in channels)
    others = f" (median of {len(means)} plates: {others})" if len(means) > 2 else ""
    return [
        f"unlike plates, by mean grey level: {_named(texts, len(texts))}{others}; hot pixels, an offset, another "
        "exposure, a dead plate? crops.saturated_share and crops.black_level can help"
    ]


def _unlike_depths(kept: pd.DataFrame) -> list[str]:
    if "bits" not in kept:
        return []
    depth = kept["bits"].groupby(plate_of(kept)).agg(lambda bits: ", ".join(sorted(bits.dropna().unique())))
    depth = depth[depth != ""]
    if depth.nunique() < 2:
        return []
    usual = depth.value_counts(sort=True).index[0]
    texts = {name: f"{bits} bits" for name, bits in depth[depth != usual].items()}
    return [f"bit depths differ: {_named(texts, len(texts))}, the others {usual} bits; {ADVICE['mixed depths']}"]


def cell_less(qc: pd.DataFrame) -> list[str]:
    """One line if cells are counted and plates have none in most of their fields."""
    if "cell_count" not in qc:
        return []
    kept = qc[qc["status"] == "kept"]
    median = kept["cell_count"].groupby(plate_of(kept)).median()
    texts = {str(name): "" for name in median.index[median == 0]}
    if not texts:
        return []
    return [
        f"no cells in most fields: {_named(texts, len(texts))}; is crops.cells.channel the nuclear stain, and are "
        "nuclei as wide as crops.cells.diameter says?"
    ]


def suspicious(qc: pd.DataFrame) -> list[str]:
    """A line for each kind of warning, with the number of fields it has on each plate."""
    if "warning" not in qc:
        return []
    warned = qc.loc[(qc["status"] == "kept") & qc["warning"].notna(), "warning"].str.split("; ").explode()
    if not len(warned):
        return []
    plate, size = plate_of(qc), plate_of(qc)[qc["status"] == "kept"].value_counts()
    lines = []
    for kind, texts in warned.groupby(warned.str.partition(":")[0], sort=True):
        counts = plate[texts.index].value_counts()
        named = {name: f"{n} of {size[name]} fields" for name, n in counts[:_NAMED].items()}
        advice = f"; {ADVICE[kind]}" if kind in ADVICE else ""
        lines.append(f"{kind}: {_named(named, len(counts))}, e.g. {texts.iloc[0].partition(': ')[2]}{advice}")
    return lines


def _named(texts: dict[str, str], n: int) -> str:
    """`P1 8 of 8, P2 1 of 8 and 3 more plates`."""
    shown = [f"plate {name} {text}".rstrip() for name, text in list(texts.items())[:_NAMED]]
    return ", ".join(shown) + (f" and {n - len(shown)} more plates" if n > len(shown) else "")
