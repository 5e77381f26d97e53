"""What a result came from: code, configuration, data, machine, packages and cost."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from cwamsn.files import read_digest, read_json, sha256, write_json
from cwamsn.version import CodeVersion, config_digest, run_version


def data_manifest(files: Mapping[str, str | Path]) -> dict[str, str]:
    """SHA-256 of each file of the data manifest, by the name it goes under; of a digest, the one that it holds."""
    return {name: read_digest(path)["sha256"] for name, path in sorted(files.items())}


def machine() -> dict[str, Any]:
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


def computed(files: dict[str, str | Path] | None) -> dict[str, dict[str, Any]]:
    """What each training and embedding ran on and in: the values that `auto` took, device, code and weights."""
    wanted = ("precision", "attention", "device", "code_version", "weights_sha256")
    found = {name: read_json(path) for name, path in sorted((files or {}).items())}
    return {name: {key: told[key] for key in wanted if key in told} for name, told in found.items()}


NUMBERS = {"s": "wall_seconds", "cpu_time": "cpu_seconds", "max_rss": "max_rss_mb"}


def measurements(path: str | Path) -> list[dict[str, float | None]]:
    """Wall and CPU seconds and memory in MB of each repetition in one of Snakemake's measurement files."""
    header, *lines = Path(path).read_text().splitlines() or [""]
    rows = (dict(zip(header.split("\t"), line.split("\t"), strict=False)) for line in lines)
    return [{name: _number(row.get(key)) for key, name in NUMBERS.items()} for row in rows]


def training_hours(usage: Mapping[str, Sequence[str | Path]]) -> dict[str, float]:
    """Mean wall-clock hours of each method's training jobs; methods without a measurement are left out."""
    mean = {}
    for method, paths in usage.items():
        found = [m["wall_seconds"] for path in paths if Path(path).exists() for m in measurements(path)]
        hours = [seconds / 3600 for seconds in found if seconds is not None]
        if hours:
            mean[method] = sum(hours) / len(hours)
    return mean


def usage(files: dict[str, str | Path]) -> list[dict[str, Any]]:
    """Every measurement in `files`, by the job's name; a job that was not measured in this run is left out.

    Images that another run made have their measurements there.
    """
    return [
        {"job": job} | measured
        for job, path in sorted(files.items())
        if Path(path).exists()
        for measured in measurements(path)
    ]


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:  # Snakemake writes NA or - for a job too short to be measured
        return None


def write_provenance(
    output: str | Path,
    config: dict[str, Any],
    code: CodeVersion,
    manifests: dict[str, str | Path],
    usage_files: dict[str, str | Path],
    products: dict[str, list[str]],
    computed_files: dict[str, str | Path] | None = None,
    notes: dict[str, dict[str, list[str]]] | None = None,
    resources: dict[str, str | Path] | None = None,
) -> dict[str, Any]:
    """Write `provenance.json` and return it.

    Parameters
    ----------
    config : the configuration as resolved
    code : see :func:`cwamsn.version.code_version`
    manifests : files that say where the data came from (`source.json`, swapped-in embeddings), or their digests
    usage_files : measurement of each job of the run, by the job's name
    products : for each table and figure, the score files it was made from
    computed_files : what each training and embedding wrote about itself (`encoder.json`, counts), by name
    notes : what jobs said about the result, `screens` and `rows`, each by name
    resources : packaged tables that the benchmarks looked things up in, by what they are
    """
    data = data_manifest(manifests)
    config_sha = config_digest(config)
    record = {
        "run": config["run"],
        "version": run_version(config_sha, data, code),
        "code": code,
        "configuration": config,
        "configuration_sha256": config_sha,
        "data": {name: read_digest(path) for name, path in manifests.items()},
        "seeds": config["seeds"],
        "machine": machine(),
        "packages": packages(),
        "computed": computed(computed_files),
        "usage": usage(usage_files),
        "notes": notes or {"screens": {}, "rows": {}},
        "resources": {n: {"file": Path(p).name, "sha256": sha256(p)} for n, p in (resources or {}).items()},
        "products": {n: [{"path": p, "sha256": sha256(p)} for p in paths] for n, paths in products.items()},
    }
    write_json(record, output)
    return record


def read_provenance(path: str | Path) -> dict[str, Any]:
    """The record that :func:`write_provenance` wrote."""
    return read_json(path)
