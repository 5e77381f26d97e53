"""What a file or folder of this project holds, for `cwamsn inspect`: one function per kind, the first that fits."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn import tables
from cwamsn.crops import CropStore
from cwamsn.encoder_files import check_weights, encoder_files, read_description, trained_on
from cwamsn.errors import InputError
from cwamsn.files import read_json, sha256
from cwamsn.paths import ScreenPaths
from cwamsn.profiles import Profiles, read_profiles
from cwamsn.reporting.release import DIGESTS, read_digests, verify

Found = Mapping[str, Any]
PROFILES = (".h5ad", ".csv", ".tsv", ".gz", ".pq", ".parquet")


def contents(path: Path, *, whole: bool = False) -> Found:
    """What `path` holds: `kind`, and what is worth knowing of that kind.

    Parameters
    ----------
    path : file or folder.
    whole : read everything: the checksum of every crop, the digest of every file of a release.

    Raises
    ------
    InputError
        There is no such path, it holds nothing of this project, or it is damaged.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give a crop store, an encoder, profiles, a run or a release")
    if path.is_dir():
        for holds, describe in _FOLDERS.items():
            if any((path / name).exists() for name in holds):
                return describe(path, whole)
        raise InputError(
            f"{path}: holds none of {', '.join(name for names in _FOLDERS for name in names)}; give the folder of a "
            "screen, an encoder, profiles, a run or a release"
        )
    if path.name in ("encoder.json", "encoder.safetensors", "config.json", "model.safetensors"):
        return _encoder(path.parent, whole)
    if path.suffix == ".arrow":
        return _shard(path)
    if path.name.endswith(".parquet"):
        return _parquet(path, whole)
    if path.name.lower().endswith(PROFILES):
        return _of_profiles(read_profiles(path))
    raise InputError(f"{path}: is nothing that this project writes; give a table, an encoder or a folder")


def _encoder(folder: Path, whole: bool) -> Found:
    files = encoder_files(folder)
    digest = check_weights(files)
    known = read_description(files.description)
    recipe = known["recipe"]
    return {
        "kind": "exported encoder" if files.exported else "encoder",
        "channels": known["channels"],
        "input_size": known.get("input_size"),
        "architecture": recipe.get("encoder"),
        "objective": recipe.get("objective"),
        "steps": known.get("steps"),
        "seed": known.get("seed"),
        "trained_on": trained_on(known),
        "microns_per_pixel": known.get("microns_per_pixel"),
        "sha256": digest,
    }


def _profiles(folder: Path, whole: bool) -> Found:
    about = read_json(folder / "about.json")
    files = {name: _digest(folder / name) for name in about.get("files", {})}
    changed = [name for name, digest in files.items() if digest != about["files"][name]]
    if changed:
        raise InputError(f"{folder / changed[0]}: is not the file that about.json names; run cwamsn embed again")
    found = _of_profiles(read_profiles(folder / "profiles.h5ad"))
    return {**found, "files": sorted(files) or [p.name for p in sorted(folder.iterdir())], "notes": about.get("notes")}


def _digest(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None


def _of_profiles(profiles: Profiles) -> Found:
    obs, about = profiles.obs, profiles.about
    count = {name: int(obs[name].nunique()) for name in obs if name in ("Metadata_Plate", "Metadata_Perturbation")}
    controls = obs["Metadata_Control"].value_counts() if "Metadata_Control" in obs else pd.Series(dtype=int)
    encoder, screen = about.get("encoder"), about.get("screen")
    return {
        "kind": f"profiles of {profiles.level}s",
        "profiles": len(profiles),
        "features": profiles.features.shape[1],
        "alignments": {name: values.shape[1] for name, values in profiles.aligned.items()},
        "plates": count.get("Metadata_Plate"),
        "perturbations": count.get("Metadata_Perturbation"),
        "controls": {str(name): int(n) for name, n in controls.items()},
        "metadata": list(obs.columns),
        "screen": screen.get("name") if isinstance(screen, Mapping) else None,
        "encoder": encoder.get("name") if isinstance(encoder, Mapping) else None,
        "encoder_sha256": encoder.get("sha256") if isinstance(encoder, Mapping) else None,
    }


def _screen(folder: Path, whole: bool) -> Found:
    screen = ScreenPaths(folder)
    found: dict[str, object] = {"kind": "screen", "name": folder.resolve().name}
    if screen.source.is_file():
        found["source"] = read_json(screen.source)["source"]
    if screen.wells.is_file():
        found |= _wells(tables.read("wells", screen.wells))
    if screen.crops.is_file():
        store = CropStore(screen.crops, folder)
        found |= _store(store, whole) | {"statistics": read_json(screen.statistics)}
    if screen.qc.is_file():
        qc = tables.read("qc", screen.qc)
        reasons = qc["reason"].dropna().str.split(":").str[0].value_counts().head(5)
        found["fields"] = {str(k): int(v) for k, v in qc["status"].value_counts().items()}
        found["left_out"] = {str(reason): int(count) for reason, count in reasons.items()}
    return found


def _wells(wells: pd.DataFrame) -> dict[str, object]:
    controls = wells["control"].value_counts()
    return {
        "wells": len(wells),
        "plates": int(wells["plate"].nunique()),
        "batches": int(wells["experiment"].nunique()),
        "perturbations": int(wells.loc[wells["control"].isna(), "perturbation"].nunique()),
        "controls": {str(name): int(count) for name, count in controls.items()},
    }


def _store(store: CropStore, whole: bool) -> dict[str, object]:
    sizes = store.frame.groupby(["height", "width"]).size()
    paths = {store.root / shard for shard in store.frame["shard"].unique()}
    if missing := sorted(path for path in paths if not path.is_file()):
        raise InputError(f"{missing[0]}: no such file; the crops index names it: make the crops again")
    if whole:
        for number in range(len(store)):
            store.load(number)
    return {
        "crops": len(store),
        "channels": list(store.channels) if len(store) else [],
        "sizes": {f"{height} x {width}": int(count) for (height, width), count in sizes.items()},
        "shards": len(paths),
        "bytes": sum(path.stat().st_size for path in paths),
        "checksums": "all right" if whole else "not read (--whole reads them)",
    }


def _shard(path: Path) -> Found:
    try:
        with pa.memory_map(str(path)) as mapped:
            reader = pa.ipc.open_file(mapped)
            rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
            known = {key.decode(): value.decode() for key, value in (reader.schema.metadata or {}).items()}
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable crop shard ({error}); make the crops again") from None
    channels = known.get("channels", "").split("\n")
    return {"kind": "crop shard", "crops": rows, "channels": channels, "codec": known.get("codec")}


def _parquet(path: Path, whole: bool) -> Found:
    try:
        names = pq.read_schema(path).names
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from None
    if path.name == "crops.parquet" and "shard" in names:
        return _screen(path.parent, whole)
    if any(name.startswith("Metadata_") for name in names):
        return _of_profiles(read_profiles(path))
    for kind, contract in tables.CONTRACTS.items():
        if all(column in names for column in (*contract.required, *contract.nullable)) and _has_families(kind, names):
            frame = tables.read(kind, path)
            found = {"kind": f"table of {kind}", "rows": len(frame)}
            own = _wells(frame) if kind == "wells" else _scores(frame) if kind == "scores" else {}
            features = tables.feature_columns(names)
            return found | own | ({"features": len(features)} if features else {"columns": names})
    raise InputError(f"{path}: is no table of this project: its columns are {', '.join(names[:8])}")


def _has_families(kind: str, names: list[str]) -> bool:
    """Whether columns of the families that a table cannot be without are there: features, and planes of fields."""
    needed = [prefix for prefix in tables.CONTRACTS[kind].families if prefix in ("feature_", "uri_")]
    return all(any(name.startswith(prefix) for name in names) for prefix in needed)


def _scores(frame: pd.DataFrame) -> dict[str, object]:
    return {name: sorted(map(str, frame[name].dropna().unique())) for name in ("run", "screen", "method", "benchmark")}


def _run(folder: Path, whole: bool) -> Found:
    models = sorted(p.parent for p in folder.glob("models/*/seed*/encoder.json"))
    embeddings = sorted(str(p.relative_to(folder)) for p in folder.glob("embeddings/*/*/seed*.parquet"))
    scores = folder / "scores.parquet"
    record = read_json(folder / "provenance.json") if (folder / "provenance.json").is_file() else {}
    return {
        "kind": "run",
        "name": record.get("run", folder.resolve().name),
        "version": record.get("version"),
        "encoders": [str(path.relative_to(folder)) for path in models],
        "embeddings": embeddings,
        "tables": sorted(p.stem for p in folder.glob("tables/**/*.csv")),
        "scores": len(tables.read("scores", scores)) if scores.is_file() else None,
    }


def _release(folder: Path, whole: bool) -> Found:
    names = read_digests(folder)
    if whole and (faults := verify(folder)):
        raise InputError("; ".join(faults[:3]))
    record = read_json(folder / "provenance.json")
    state = "all right" if whole else "not read (--whole reads them)"
    return {
        "kind": "release",
        "run": record["run"],
        "version": record["version"],
        "files": len(names),
        "digests": state,
        "tables": sorted({Path(name).stem for name in names if name.startswith("tables/")}),
    }


_FOLDERS: dict[tuple[str, ...], Callable[[Path, bool], Found]] = {
    (DIGESTS,): _release,
    ("encoder.json", "encoder.safetensors", "config.json", "model.safetensors"): _encoder,
    ("about.json",): _profiles,
    ("crops.parquet", "wells.parquet"): _screen,
    ("provenance.json", "models", "scores.parquet"): _run,
}


def in_words(found: Found) -> list[str]:
    """One line per fact; what is not known is left out."""
    lines = [str(found["kind"])]
    for key, value in found.items():
        if key == "kind" or value is None or (isinstance(value, dict | list) and not value):
            continue
        lines.append(f"  {key.replace('_', ' ')}: {_text(value)}")
    return lines


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def read_configuration(path: Path) -> Mapping[str, Any]:
    """Sections of the configuration that a run wrote into its `provenance.json`; none where it has not."""
    try:
        found: Mapping[str, Any] = read_json(path)["configuration"]
        return found
    except (OSError, json.JSONDecodeError, KeyError):
        return {}
