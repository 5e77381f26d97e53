"""Which compounds train, validate and test: the published files, or an own split by compound."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.naming import plate_text
from cwamsn.screen_specs.bray import SPLITS
from cwamsn.screens.names import parse_address
from cwamsn.vocabulary import BRAY_STAINS
from cwamsn.wells import inchikey_block


def block(inchikey: pd.Series) -> pd.Series:
    """First block of an InChIKey (the connectivity), null where there is no valid one."""
    return inchikey_block(inchikey).where(
        inchikey.notna() & inchikey.str.fullmatch(r"[A-Z]{14}(-[A-Z]{10}-[A-Z])?", na=False)
    )


def identities(inchikey: pd.Series, fallback: pd.Series, identity: str) -> pd.Series:
    """What one compound is: its InChIKey, whole (`identity` `inchikey`) or its first block (`connectivity`).

    Stereo-isomers are two compounds by the first and one by the second. `fallback` serves where there is no InChIKey;
    a lone first block is taken as it is.
    """
    blocks = block(inchikey)
    return (blocks if identity == "connectivity" else inchikey.where(blocks.notna())).fillna(fallback)


def read_published(paths: dict[str, Path]) -> pd.DataFrame:
    """The split files as one table: sample_key, plate, address, site, inchikey?, split, image_<channel>?.

    Parameters
    ----------
    paths : train, val and test → CSV file with the columns SAMPLE_KEY (`{plate}-{WELL}-{site}`), INCHIKEY and
        IMG_<channel> (image file names without suffix).
    """
    return pd.concat([_read_one(path, split) for split, path in paths.items()], ignore_index=True)


def _read_one(path: Path, split: str) -> pd.DataFrame:
    wanted = {"SAMPLE_KEY": "sample_key", "INCHIKEY": "inchikey"} | {f"IMG_{c}": f"image_{c}" for c in BRAY_STAINS}
    try:
        with pyarrow.csv.open_csv(path) as reader:
            present = [c for c in wanted if c in reader.schema.names]
        options = pyarrow.csv.ConvertOptions(include_columns=present, column_types=dict.fromkeys(present, pa.string()))
        table = pyarrow.csv.read_csv(path, convert_options=options)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: not a readable CSV file ({error}); download it again") from None
    if "SAMPLE_KEY" not in present:
        raise InputError(f"{path}: has no column SAMPLE_KEY; the split files are datasplit1-{{train,val,test}}.csv")
    frame = table.to_pandas().rename(columns=wanted)
    for column in frame.columns[1:]:
        frame[column] = frame[column].replace("", None)
    key = frame["sample_key"].str.rsplit("-", n=2, expand=True)
    bad = frame["sample_key"].isna().to_numpy() if key.shape[1] < 3 else key.isna().any(axis=1).to_numpy()
    if key.shape[1] < 3 or bad.any():
        row = int(bad.argmax())
        raise InputError(f"{path}: row {row}: {frame['sample_key'].iloc[row]!r} is not a SAMPLE_KEY (24277-A01-1)")
    try:
        frame["address"] = key[1].map({a: parse_address(a)[0] for a in key[1].unique()})
        frame["site"] = key[2].astype(int)
    except ValueError as error:
        raise InputError(f"{path}: {error}; SAMPLE_KEY must read like 24277-A01-1") from None
    frame["plate"] = key[0].map({p: plate_text(p) for p in key[0].unique()})
    frame["sample_key"] = frame["plate"] + "-" + frame["address"] + "-" + frame["site"].astype(str)
    return frame.assign(split=split)


def write_fields(published: pd.DataFrame | None, path: Path) -> None:
    """Write the fields of a published split for the jobs that fetch; without a split, a table that says so."""
    columns = ["plate", "address", "site", *(f"image_{c}" for c in BRAY_STAINS)]
    frame = pd.DataFrame(columns=columns) if published is None else published.reindex(columns=columns)
    schema = pa.schema([(c, pa.int32() if c == "site" else pa.string()) for c in columns])
    table = pa.Table.from_pandas(frame.sort_values(columns[:3]), schema=schema, preserve_index=False)
    table = table.replace_schema_metadata({"split": "own" if published is None else "published"})
    with atomic_path(path) as temporary:
        # Small row groups, since a job reads those of its plate alone.
        pq.write_table(table, temporary, compression="zstd", row_group_size=10_000)


def read_fields(path: Path, plate: str) -> pd.DataFrame | None:
    """The fields of `plate` that :func:`write_fields` kept (address, site, image_<channel>), None without a split."""
    try:
        table = pq.read_table(path, filters=[("plate", "==", plate)])
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]}); recompute the wells") from None
    return table.to_pandas() if (table.schema.metadata or {}).get(b"split") == b"published" else None


def own_split(compounds: pd.Series, seed: int) -> pd.Series:
    """Seeded 70/10/20 split of compounds: a Series compound → train, val or test.

    `compounds` holds one compound (connectivity block, else id) per row, repeated and null allowed. The split depends
    on the set of compounds and on `seed`, not on the order of the rows.
    """
    unique = np.sort(compounds.dropna().unique().astype(str))
    order = np.random.default_rng(seed).permutation(len(unique))
    first, second = int(0.7 * len(unique)), int(0.8 * len(unique))
    labels = np.empty(len(unique), dtype=object)
    for name, members in zip(SPLITS, np.split(order, [first, second])):
        labels[members] = name
    return pd.Series(labels, index=unique)


def shared_blocks(wells: pd.DataFrame, compound: pd.Series) -> pd.Series:
    """Compounds that are in more than one split: compound → 'train+val'.

    `compound` holds each well's connectivity block (else its id): for a leak between splits, two stereo-isomers are one
    molecule, whatever a perturbation is.
    """
    held = wells.assign(compound=compound).dropna(subset=["compound", "split"])
    splits = held.groupby("compound")["split"].unique()
    return splits[splits.map(len) > 1].map(lambda found: "+".join(sorted(found)))


def settle_shared_blocks(
    wells: pd.DataFrame, compound: pd.Series, policy: str, source: str
) -> tuple[pd.DataFrame, list[str]]:
    """Leave every connectivity block (`compound`, one per well) in one split only; (wells, notes).

    Policy `error` stops; `keep_in_first` leaves such a block in the first of train, val, test that has it, and takes
    its other wells out of the split: the training split stays as published and nothing leaks into those that score.
    """
    shared = shared_blocks(wells, compound)
    if shared.empty:
        return wells, []
    first = shared.index[0]
    if policy == "error":
        raise InputError(
            f"{source}: {len(shared)} compounds are in two splits, first {first} ({shared.iloc[0]}); "
            "set shared_blocks: keep_in_first, or split: own"
        )
    rank = wells["split"].map({name: k for k, name in enumerate(SPLITS)})
    best = rank.groupby(compound).transform("min")
    out = wells["split"].notna() & (rank > best)
    wells = wells.assign(split=wells["split"].mask(out, None))
    return wells, [
        f"{len(shared)} compounds (by the first block of the InChIKey) were in two splits; "
        f"{int(out.sum())} wells left the later one"
    ]
