"""Releases: versioned copies of a run's tables and figures, with a digest of every file, that are never overwritten."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cwamsn.errors import InputError
from cwamsn.files import atomic_directory, sha256

DIGESTS = "SHA256SUMS"
CRATE = "ro-crate-metadata.json"


def release(results: str | Path, files: Iterable[str | Path], releases: str | Path, workflow: str | Path) -> Path:
    """Copy the `files` of the run in `results` (tables, figures, provenance, report, scores) to a release.

    It lies in `<releases>/<run>-<version>/` and holds these files and `workflow`, the Snakefile; what else lies in the
    run's folders is of another configuration. Returns the release's folder. A release that is there already is checked:
    equal files are left alone, another content under the same version is refused.
    """
    results = Path(results)
    record = json.loads((results / "provenance.json").read_text())
    target = Path(releases) / f"{record['run']}-{record['version']}"
    files = _named(results, files) | {"Snakefile": Path(workflow)}
    if target.exists():
        new = {name: sha256(path) for name, path in files.items() if not _varies(name)}
        old = {name: digest for name, digest in read_digests(target).items() if name in new or not _varies(name)}
        old.pop(CRATE, None)
        if new != old:
            differing = sorted(n for n in new.keys() | old.keys() if new.get(n) != old.get(n))
            raise InputError(
                f"{target}: is there already and differs in {', '.join(differing[:5])}; a release is never "
                "overwritten: delete it by hand, or commit the change that makes the difference"
            )
        if faults := verify(target):
            raise InputError("; ".join(faults))
        return target
    with atomic_directory(target) as folder:
        for name, path in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
        digests = {name: sha256(folder / name) for name in files}
        (folder / CRATE).write_text(json.dumps(crate(record, folder, digests), indent=2, sort_keys=True) + "\n")
        digests[CRATE] = sha256(folder / CRATE)
        lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
        (folder / DIGESTS).write_text("".join(lines))
    return target


def _named(results: Path, files: Iterable[str | Path]) -> dict[str, Path]:
    """The files by their path below the run's folder."""
    found = {Path(p).relative_to(results).as_posix(): Path(p) for p in files}
    if not any(name.startswith("tables/") for name in found):
        raise InputError(f"{results}: this run makes no table; choose rows and benchmarks that make one")
    if missing := sorted(name for name, path in found.items() if not path.exists()):
        raise InputError(f"{results}: lacks {', '.join(missing[:5])}; run `snakemake` first")
    return found


def _varies(name: str) -> bool:
    """Whether a file holds times or the machine, which differ between equal runs."""
    return name in ("provenance.json", "report.html") or (
        name.startswith("tables/table4") and not name.endswith(".csv")
    )


def read_digests(folder: Path) -> dict[str, str]:
    """Digests that a release was made with, by file name."""
    path = folder / DIGESTS
    if not path.exists():
        raise InputError(f"{path}: no such file; this folder is no release")
    return {line[66:]: line[:64] for line in path.read_text().splitlines() if line}


def verify(folder: str | Path) -> list[str]:
    """Recompute the digests of a release: one line for each file that is changed, missing or surplus; [] if none is."""
    folder = Path(folder)
    expected, faults = read_digests(folder), []
    for name, digest in expected.items():
        path = folder / name
        if not path.exists():
            faults.append(f"{path}: missing")
        elif (actual := sha256(path)) != digest:
            faults.append(f"{path}: changed, SHA-256 {actual[:12]}… in place of {digest[:12]}…")
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    faults += [f"{folder / name}: not part of the release" for name in sorted(present - expected.keys() - {DIGESTS})]
    return faults


def verify_all(releases: str | Path) -> list[str]:
    """Verify every release below a folder; one line each. Raises :class:`InputError` with what differs."""
    folders = sorted(path.parent for path in Path(releases).glob(f"*/{DIGESTS}"))
    if not folders:
        raise InputError(f"{releases}: holds no release; make one with `snakemake release`")
    faults = [fault for folder in folders for fault in verify(folder)]
    if faults:
        raise InputError("; ".join(faults))
    return [f"{folder}: {len(read_digests(folder))} files unchanged" for folder in folders]


WORKFLOW = "https://w3id.org/ro/wfrun"


def crate(record: dict[str, Any], folder: Path, digests: dict[str, str]) -> dict[str, Any]:
    """Metadata of a release as an RO-Crate 1.1 after the Workflow Run Crate profile 0.5.

    The workflow is the Snakefile at the commit that ran; the run is one CreateAction with the data manifests as
    objects, the configuration as a property value and every file of the release as a result.
    """
    code = record["code"]
    conforms = [{"@id": f"{WORKFLOW}/{p}"} for p in ("process/0.5", "workflow/0.5")]
    conforms.append({"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"})
    workflow = "Snakefile"
    files = [
        {"@id": name, "@type": "File", "name": name, "sha256": digest, "encodingFormat": _media_type(name)}
        for name, digest in sorted(digests.items())
        if name != workflow
    ]
    inputs = [
        {"@id": f"#data-{name}", "@type": "CreativeWork", "name": name, "identifier": f"sha256:{item['sha256']}"}
        for name, item in sorted(record["data"].items())
    ]
    setting = {
        "@id": "#configuration",
        "@type": "PropertyValue",
        "name": "configuration",
        "value": json.dumps(record["configuration"], sort_keys=True, default=str),
    }
    action = {
        "@id": f"#run-{record['run']}-{record['version']}",
        "@type": "CreateAction",
        "name": f"Run {record['run']} of the workflow, version {record['version']}",
        "instrument": {"@id": workflow},
        "object": [{"@id": item["@id"]} for item in [*inputs, setting]],
        "result": [{"@id": item["@id"]} for item in files],
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": record["configuration"].get("title") or record["run"],
        "description": "Tables and figures with their provenance",
        "license": "https://spdx.org/licenses/BSD-3-Clause",
        "version": record["version"],
        "conformsTo": conforms,
        "mainEntity": {"@id": workflow},
        "hasPart": [{"@id": workflow}, *({"@id": item["@id"]} for item in files)],
        "mentions": [{"@id": action["@id"]}],
    }
    main = {
        "@id": workflow,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": "Snakefile",
        "sha256": digests[workflow],
        "version": code["commit"] or code["version"],
        "programmingLanguage": {"@id": "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"},
    }
    language = {
        "@id": "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "url": {"@id": "https://snakemake.readthedocs.io"},
        "version": record["packages"].get("snakemake"),
    }
    descriptor = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": [
            {"@id": "https://w3id.org/ro/crate/1.1"},
            {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"},
        ],
    }
    context = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
    graph = [descriptor, root, main, language, action, setting, *inputs, *files]
    return {"@context": context, "@graph": graph}


def _media_type(name: str) -> str:
    kinds = {
        ".csv": "text/csv",
        ".md": "text/markdown",
        ".tex": "application/x-tex",
        ".html": "text/html",
        ".png": "image/png",
        ".svg": "image/svg+xml",
        ".json": "application/json",
        ".parquet": "application/vnd.apache.parquet",
    }
    return kinds.get(Path(name).suffix, "application/octet-stream")
