"""What a result came from: code, configuration, data, machine, packages and cost."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from cwamsn.encoder_files import TRAINING, read_description
from cwamsn.files import read_digest, read_json, sha256, write_json
from cwamsn.version import CodeVersion, config_digest, run_version


class Machine(TypedDict):
    """The machine of a run."""

    system: str
    python: str
    processor: str
    cores: int | None
    memory_bytes: int | None


class Measurement(TypedDict):
    """Cost of one repetition of a job; None where it was too short to be measured."""

    wall_seconds: float | None
    cpu_seconds: float | None
    max_rss_mb: float | None


class Usage(Measurement):
    """The same with the job's name."""

    job: str


class Notes(TypedDict):
    """What jobs noted about the result, by name of the screen or method."""

    screens: Mapping[str, Sequence[str]]
    methods: Mapping[str, Sequence[str]]


class Provenance(TypedDict):
    """Content of `provenance.json`."""

    run: str
    version: str
    code: CodeVersion
    configuration: Mapping[str, Any]
    configuration_sha256: str
    data: Mapping[str, Mapping[str, str]]
    seeds: Sequence[int]
    machine: Machine
    packages: Mapping[str, str]
    computed: NotRequired[Mapping[str, Mapping[str, str]]]
    encoders: NotRequired[Mapping[str, Mapping[str, Any]]]
    usage: Sequence[Usage]
    notes: NotRequired[Notes]
    resources: NotRequired[Mapping[str, Mapping[str, str]]]
    products: Mapping[str, Sequence[Mapping[str, str]]]


def data_manifest(files: Mapping[str, str | Path]) -> dict[str, str]:
    """SHA-256 of each file of the data manifest, by the name it goes under; of a digest, the one that it holds."""
    return {name: read_digest(path)["sha256"] for name, path in sorted(files.items())}


def machine() -> Machine:
    """The machine this process runs on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": memory,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def packages() -> dict[str, str]:
    """Version of every installed distribution."""
    found = {d.metadata["Name"]: d.version for d in metadata.distributions() if d.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def computed(files: Mapping[str, str | Path]) -> dict[str, dict[str, str]]:
    """What each training and embedding ran on and in: the values that `auto` took, device, code and weights."""
    wanted = ("precision", "attention", "device", "code_version", "weights_sha256")
    descriptions = {name: _described(path) for name, path in sorted(files.items())}
    return {name: {key: made[key] for key in wanted if key in made} for name, made in descriptions.items()}


def _described(path: str | Path) -> Mapping[str, Any]:
    found = read_json(path)
    return found.get(TRAINING, {}) | found


def encoders(files: Mapping[str, str | Path]) -> dict[str, dict[str, object]]:
    """How the encoders that methods bring were trained, by method: recipe, seed, length, data and digest of weights."""
    wanted = ("weights_sha256", "recipe", "seed", "steps", "images", "channels", "training_screen", "data_sha256")
    found = {name: read_description(path) for name, path in sorted(files.items())}
    return {
        name: {"description": str(files[name])} | {key: made[key] for key in wanted if key in made}
        for name, made in found.items()
    }


def measurements(path: str | Path) -> list[Measurement]:
    """Wall and CPU seconds and memory in MB of each repetition in one of Snakemake's measurement files."""
    header, *lines = Path(path).read_text().splitlines() or [""]
    rows = (dict(zip(header.split("\t"), line.split("\t"), strict=False)) for line in lines)
    return [
        Measurement(
            wall_seconds=_number(row.get("s")),
            cpu_seconds=_number(row.get("cpu_time")),
            max_rss_mb=_number(row.get("max_rss")),
        )
        for row in rows
    ]


def training_hours(usage: Mapping[str, Sequence[str | Path]]) -> dict[str, float]:
    """Mean wall-clock hours of each method's training jobs; methods without a measurement are left out."""
    mean = {}
    for method, paths in usage.items():
        found = [m["wall_seconds"] for path in paths if Path(path).exists() for m in measurements(path)]
        hours = [seconds / 3600 for seconds in found if seconds is not None]
        if hours:
            mean[method] = sum(hours) / len(hours)
    return mean


def usage(files: Mapping[str, str | Path]) -> list[Usage]:
    """Every measurement in `files`, by the job's name; a job that was not measured in this run is left out.

    Images that another run made have their measurements there.
    """
    return [
        Usage(job=job, **measured)
        for job, path in sorted(files.items())
        if Path(path).exists()
        for measured in measurements(path)
    ]


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:  # Snakemake writes NA or - for a job too short to be measured
        return None


@dataclass(frozen=True, kw_only=True)
class ProvenanceInputs:
    """What the record of a run is made from."""

    config: Mapping[str, Any]
    """The configuration as resolved."""
    code: CodeVersion
    manifests: Mapping[str, str | Path]
    """Files that say where the data came from (`source.json`, swapped-in embeddings), or their digests."""
    usage: Mapping[str, str | Path]
    """Measurement of each job of the run, by the job's name."""
    products: Mapping[str, Sequence[str]]
    """For each table and figure, the score files it was made from."""
    computed: Mapping[str, str | Path] = field(default_factory=dict)
    """What each training and embedding wrote about itself (`encoder.json`, counts), by name."""
    encoders: Mapping[str, str | Path] = field(default_factory=dict)
    """Descriptions of encoders that other runs trained, by method."""
    notes: Notes = field(default_factory=lambda: Notes(screens={}, methods={}))
    resources: Mapping[str, str | Path] = field(default_factory=dict)
    """Packaged tables that the benchmarks looked things up in, by what they are."""


def write_provenance(inputs: ProvenanceInputs, output: str | Path) -> None:
    """Write `provenance.json`; its content is :class:`Provenance`."""
    config_sha = config_digest(inputs.config)
    record = {
        "run": inputs.config["run"],
        "version": run_version(config_sha, data_manifest(inputs.manifests), inputs.code),
        "code": inputs.code,
        "configuration": inputs.config,
        "configuration_sha256": config_sha,
        "data": {name: read_digest(path) for name, path in inputs.manifests.items()},
        "seeds": inputs.config["seeds"],
        "machine": machine(),
        "packages": packages(),
        "computed": computed(inputs.computed),
        "encoders": encoders(inputs.encoders),
        "usage": usage(inputs.usage),
        "notes": inputs.notes,
        "resources": {n: {"file": Path(p).name, "sha256": sha256(p)} for n, p in inputs.resources.items()},
        "products": {n: [{"path": p, "sha256": sha256(p)} for p in paths] for n, paths in inputs.products.items()},
    }
    write_json(record, output)


def read_provenance(path: str | Path) -> Provenance:
    """The record that :func:`write_provenance` wrote."""
    return read_json(path)
