"""One interface to every source: list the units, write the wells, fetch a unit.

A source is a module with `DEFAULTS`, `units(spec)`, `wells(screen, spec, cache)` and `acquire(spec, part, wells, cache,
raw)`. A simulated screen has no source of its own: the simulator writes files in the layout of the real host, and
:func:`host_spec` points the real source at them.
"""

import importlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

from cwamsn.errors import InputError
from cwamsn.naming import check_names
from cwamsn.screen_specs.locations import local_path

_MODULES = {"bray": "bray", "rxrx3-core": "rxrx3_core", "load-data": "load_data"}


def _source(spec: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The source's module, and `spec` with its defaults filled in."""
    name = spec.get("source")
    if name not in _MODULES:
        raise InputError(f"source: {name!r} is not known; use {', '.join(_MODULES)}")
    module = importlib.import_module(f"cwamsn.screens.sources.{_MODULES[name]}")
    return module, {**module.DEFAULTS, **spec}


def units(screen: str, spec: dict[str, Any]) -> list[str]:
    """Units of a screen (plates or shards), known before anything is fetched."""
    if spec["source"].startswith("simulated-"):
        from cwamsn.simulate import simulated_units

        return simulated_units(spec)
    module, spec = _source(spec)
    found = module.units(spec)
    repeated = next((p for p in found if found.count(p) > 1), None) if len(set(found)) < len(found) else None
    if repeated:
        raise InputError(f"screens.{screen}: unit {repeated} is listed twice; list each once")
    if not found:
        raise InputError(f"screens.{screen}: has no plate or shard; list some, or leave the key out for all")
    check_names(found, "plate")
    return found


def host_spec(screen: str, spec: dict[str, Any], data_dir: str | Path) -> dict[str, Any]:
    """A simulated screen's `spec` as that of its real source with local base URLs; any other spec as it is."""
    from cwamsn.screens.hosts.cache import file_url

    if not spec["source"].startswith("simulated-"):
        return spec
    host = Path(data_dir) / screen / "host"
    if spec["source"] == "simulated-bray":
        real = {
            "images": "cil",
            "plates": units(screen, spec),
            "cil_url": file_url(host / "cil"),
            "gallery_url": file_url(host / "gallery"),
            "annotations_url": file_url(host / "gigadb" / "chemical_annotations.csv"),
            "split": "published",
            "split_url": file_url(host / "splits"),
        }
    else:
        real = {
            "base_url": file_url(host),
            "shards": spec["shards"],
            "truth_url": file_url(host / "compound_gene_interactions.csv"),
        }
    chosen = {k: spec[k] for k in ("keep", "identity", "perturbation") if k in spec}
    return {"source": spec["source"].removeprefix("simulated-"), **real, **chosen}


def _split_fields(wells_path: str | Path) -> Path:
    return Path(wells_path).with_name("split_fields.parquet")


def write_wells(
    screen: str, spec: dict[str, Any], cache_dir: str | Path, wells_path: str | Path, source_path: str | Path
) -> None:
    """Fetch a screen's metadata; write its wells table, and `source.json` (files with size and digest, notes).

    Beside the wells, `split_fields.parquet` keeps which fields a published split names, for the jobs that fetch.
    """
    from cwamsn import tables
    from cwamsn.files import write_json
    from cwamsn.screens.splits import write_fields

    module, full = _source(spec)
    frame, source = module.wells(screen, full, Path(cache_dir))
    write_fields(source.pop("split_fields", None), _split_fields(wells_path))
    tables.write(frame.sort_values("well_id", ignore_index=True), "wells", wells_path)
    for line in (*source["notes"], *_account(frame)):
        print(f"{screen}: {line}")
    write_json({"screen": screen, "source": spec["source"], "wells": len(frame), **source}, source_path)


def _account(wells: "pd.DataFrame") -> list[str]:
    """What a wells table holds, in lines for the log."""
    treated = wells[wells["control"].isna()]
    perturbations = treated["perturbation"].dropna()
    lines = [
        f"{len(wells)} wells on {wells['plate'].nunique()} plates of {wells['experiment'].nunique()} experiments",
        *(f"{n} controls ({kind})" for kind, n in wells["control"].value_counts().sort_index().items()),
        f"{perturbations.nunique()} perturbations in {len(perturbations)} wells, "
        f"{len(treated) - len(perturbations)} wells without one",
    ]
    if "concentration" in wells:
        doses = treated["concentration"].dropna()
        span = f", {doses.min():g} to {doses.max():g} µM" if len(doses) else ""
        lines.append(f"{doses.nunique()} doses in {len(doses)} wells{span}")
    split = wells.dropna(subset=["split"])
    count = split.groupby("split")["perturbation"].nunique()
    lines += [f"{part}: {n} wells, {count[part]} perturbations" for part, n in split["split"].value_counts().items()]
    return lines if len(split) else [*lines, "no split"]


def local_files(spec: dict[str, Any], kind: str) -> list[str]:
    """The user's own files that `kind` (`metadata`, `truth` or `released`) is made from, as far as they exist.

    A file that does not exist is left to the job, whose message says what to correct. A simulated screen has none:
    rules make its files.
    """
    if spec["source"].startswith("simulated-"):
        return []
    module, full = _source(spec)
    listing = getattr(module, f"{kind}_files", None)
    paths = [local_path(location) for location in (listing(full) if listing else [])]
    return sorted({str(path) for path in paths if path is not None and path.is_file()})


def unit_state(spec: dict[str, Any], part: str) -> str:
    """A text that changes when the user's own files that a part is fetched from do; '' where there is nothing local."""
    if spec["source"].startswith("simulated-"):
        return ""
    module, full = _source(spec)
    return module.state(full, part) if hasattr(module, "state") else ""


def lacks_images(spec: dict[str, Any]) -> bool:
    """Whether a screen has no images, its wells coming from a plate map alone."""
    return spec["source"] == "load-data" and spec.get("load_data") is None


def fetch_unit(
    screen: str,
    spec: dict[str, Any],
    part: str,
    wells_path: str | Path,
    cache_dir: str | Path,
    raw_dir: str | Path,
    fields_path: str | Path,
) -> None:
    """Fetch and verify what one part needs.

    Writes `raw_dir` (the raw files of a remote host, and `manifest.parquet` with name, size, digest, source of every
    file used), the fields table, and beside it `<part>.skipped.parquet` (field_id, well_id, plate, site, reason) with
    every field that was left out. URIs are relative to the working directory; a local host's files are referred to.
    """
    from cwamsn import tables
    from cwamsn.screens.hosts.cache import forget
    from cwamsn.screens.sources.raw import Raw

    module, full = _source(spec)
    full["split_fields"] = _split_fields(wells_path)
    raw = Raw(part, Path(raw_dir))
    fields_path = Path(fields_path)
    found = module.acquire(full, part, tables.read("wells", wells_path), Path(cache_dir), raw)
    raw.finish()
    found.write_skipped(fields_path.with_name(f"{fields_path.stem}.skipped.parquet"))
    tables.write(found.fields_frame(), "fields", fields_path)
    for fetched in raw.files.values():
        forget(fetched, cache_dir)
    print(f"{screen} {part}: {found.summary()}")


def fetch_truth(spec: dict[str, Any], cache_dir: str | Path, path: str | Path) -> None:
    """Write the compound-gene truth table of an RxRx3-core screen to `path`."""
    _copy(_only_rxrx3(spec, "truth"), cache_dir, path)


def fetch_released_embeddings(spec: dict[str, Any], cache_dir: str | Path, path: str | Path) -> None:
    """Write OpenPhenom's released embeddings of RxRx3-core to `path`."""
    _copy(_only_rxrx3(spec, "released_embeddings"), cache_dir, path)


def _only_rxrx3(spec: dict[str, Any], function: str) -> Any:
    module, full = _source(spec)
    if not hasattr(module, function):
        raise InputError(f"source {spec['source']}: has no {function.replace('_', ' ')}; only rxrx3-core has")
    return lambda cache: getattr(module, function)(full, cache)


def _copy(get: Any, cache_dir: str | Path, path: str | Path) -> None:
    from cwamsn.files import atomic_path

    fetched = get(Path(cache_dir))
    with atomic_path(path) as temporary:
        shutil.copyfile(fetched.path, temporary)
