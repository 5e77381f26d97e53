"""What a configuration says of its screens, and what follows from that before anything is fetched.

One class per source. A workflow calls the functions below while its graph is built, so nothing here imports pandas,
numpy or Snakemake.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from cwamsn.errors import InputError
from cwamsn.naming import check_names
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs.base import HostedSpec, Retry, ScreenSpec
from cwamsn.screen_specs.bray import BraySpec
from cwamsn.screen_specs.folder import FolderSpec
from cwamsn.screen_specs.jump_lite import JumpLiteSpec
from cwamsn.screen_specs.listed import ListedSpec
from cwamsn.screen_specs.load_data import LoadDataSpec
from cwamsn.screen_specs.locations import file_url, local_path
from cwamsn.screen_specs.morphohelm import MorphoHelmSpec
from cwamsn.screen_specs.rxrx3_core import RxRx3Spec
from cwamsn.screen_specs.sample_sheet import SampleSheetSpec
from cwamsn.screen_specs.simulated import SimulatedBraySpec, SimulatedRxRx3Spec, SimulatedSpec
from cwamsn.screen_specs.zarr_stores import OmeZarrSpec

__all__ = [
    "SPECS",
    "BraySpec",
    "FolderSpec",
    "HostedSpec",
    "JumpLiteSpec",
    "ListedSpec",
    "LoadDataSpec",
    "MorphoHelmSpec",
    "OmeZarrSpec",
    "Retry",
    "RxRx3Spec",
    "SampleSheetSpec",
    "ScreenSpec",
    "SimulatedBraySpec",
    "SimulatedRxRx3Spec",
    "SimulatedSpec",
    "host_spec",
    "lacks_images",
    "local_files",
    "parse_spec",
    "unit_state",
    "units",
    "units_of",
]

Section = Mapping[str, Any]
_KINDS: tuple[type[ScreenSpec], ...] = (
    BraySpec,
    RxRx3Spec,
    LoadDataSpec,
    SampleSheetSpec,
    FolderSpec,
    OmeZarrSpec,
    JumpLiteSpec,
    MorphoHelmSpec,
    SimulatedBraySpec,
    SimulatedRxRx3Spec,
)
SPECS: dict[str, type[ScreenSpec]] = {spec.source: spec for spec in _KINDS}


def parse_spec(section: Section) -> ScreenSpec:
    """The options of a screen from its section of the configuration. InputError for an unknown `source`."""
    name = section.get("source")
    if name not in SPECS:
        raise InputError(f"source: {name!r} is not known; use {', '.join(SPECS)}")
    return SPECS[name].from_config(section)


def units(screen: str, section: Section) -> list[str]:
    """Names of a screen's units (plates or shards). InputError for one that cannot name a file or is listed twice."""
    return units_of(parse_spec(section), f"screens.{screen}")


def units_of(spec: ScreenSpec, label: str) -> list[str]:
    """Names of the units of a screen, which `label` names in an InputError: see :func:`units`."""
    found = spec.units()
    repeated = next((u for u in found if found.count(u) > 1), None) if len(set(found)) < len(found) else None
    if repeated:
        raise InputError(f"{label}: unit {repeated} is listed twice; list each once")
    if not found:
        raise InputError(f"{label}: has no plate or shard; list some, or leave the key out for all")
    check_names(found, "plate")
    return found


def unit_state(section: Section, unit: str) -> str:
    """A text that changes when the user's own files behind a unit do; '' where none of them is local."""
    return parse_spec(section).whole_state(unit)


def local_files(section: Section, kind: Literal["metadata", "truth", "released"]) -> list[str]:
    """The user's own files that a table of this kind is made from, as far as they exist.

    A file that does not exist is left to the job, whose message says what to correct. A simulated screen has none:
    rules make its files.
    """
    spec = parse_spec(section)
    locations = {"metadata": spec.metadata_files, "truth": spec.truth_files, "released": spec.released_files}[kind]()
    paths = [local_path(location) for location in locations]
    return sorted({str(path) for path in paths if path is not None and path.is_file()})


def lacks_images(section: Section) -> bool:
    """Whether a screen has no images: its wells come from a plate map alone, or its profiles are published."""
    if section["source"] == MorphoHelmSpec.source:
        return True
    return section["source"] == LoadDataSpec.source and section.get("load_data") is None


def host_spec(screen: str, section: Section, data_dir: str | Path) -> dict[str, Any]:
    """The section of a simulated screen as that of its real source with local base URLs; any other section as it is."""
    spec = parse_spec(section)
    if not isinstance(spec, SimulatedSpec):
        return dict(section)
    host = ScreenPaths(Path(data_dir) / screen).host
    real: dict[str, Any]
    if isinstance(spec, SimulatedBraySpec):
        real = {
            "images": "cil",
            "plates": spec.units(),
            "cil_url": file_url(host / "cil"),
            "gallery_url": file_url(host / "gallery"),
            "annotations_url": file_url(host / "gigadb" / "chemical_annotations.csv"),
            "split": "published",
            "split_url": file_url(host / "splits"),
        }
    else:
        real = {
            "base_url": file_url(host),
            "shards": section["shards"],
            "truth_url": file_url(host / "compound_gene_interactions.csv"),
        }
    chosen = {k: section[k] for k in ("keep", "identity", "perturbation") if k in section}
    return {"source": spec.source.removeprefix("simulated-"), **real, **chosen}
