"""A release as an RO-Crate, described by hand: docs/decisions/0003-ro-crate.md says why."""

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from cwamsn.reporting.provenance import Provenance

CRATE = "ro-crate-metadata.json"
WORKFLOW = "Snakefile"
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
RUN_PROFILES = ["https://w3id.org/ro/wfrun/process/0.5", "https://w3id.org/ro/wfrun/workflow/0.5"]
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".tex": "application/x-tex",
    ".html": "text/html",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}
Entity = dict[str, object]


def crate(record: Provenance, digests: Mapping[str, str]) -> str:
    """Metadata of a release as JSON: RO-Crate 1.1 after the Workflow Run Crate profile 0.5.

    The workflow is the Snakefile at the commit that ran; the run is one CreateAction with the data manifests as
    objects, the configuration as a property value and every file of the release as a result. Nothing in it is a time,
    so that equal runs give equal crates.

    Parameters
    ----------
    record : the run's provenance.
    digests : SHA-256 of each file of the release, by its path in the release; the Snakefile is one of them.
    """
    files = [_file(name, digest) for name, digest in sorted(digests.items()) if name != WORKFLOW]
    inputs = [
        _entity(f"#data-{name}", "CreativeWork", name=name, identifier=f"sha256:{data['sha256']}")
        for name, data in sorted(record["data"].items())
    ]
    configuration = _entity(
        "#configuration",
        "PropertyValue",
        name="configuration",
        value=json.dumps(record["configuration"], sort_keys=True, default=str),
    )
    action = _entity(
        f"#run-{record['run']}-{record['version']}",
        "CreateAction",
        name=f"Run {record['run']} of the workflow, version {record['version']}",
        instrument=_reference(WORKFLOW),
        object=_references([*inputs, configuration]),
        result=_references(files),
        actionStatus=_reference("http://schema.org/CompletedActionStatus"),
    )
    root = _entity(
        "./",
        "Dataset",
        name=record["configuration"]["title"],
        description="Tables and figures with their provenance",
        license="https://spdx.org/licenses/BSD-3-Clause",
        version=record["version"],
        conformsTo=[_reference(profile) for profile in (*RUN_PROFILES, WORKFLOW_CRATE)],
        mainEntity=_reference(WORKFLOW),
        hasPart=[_reference(WORKFLOW), *_references(files)],
        mentions=_references([action]),
    )
    graph = [_descriptor(), root, *_workflow(record, digests[WORKFLOW]), action, configuration, *inputs, *files]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=2, sort_keys=True) + "\n"


def _entity(identifier: str, kind: str | list[str], /, **properties: object) -> Entity:
    return {"@id": identifier, "@type": kind, **properties}


def _reference(name: object) -> Entity:
    return {"@id": name}


def _references(entities: Iterable[Entity]) -> list[Entity]:
    return [_reference(entity["@id"]) for entity in entities]


def _file(name: str, digest: str) -> Entity:
    media = MEDIA_TYPES.get(PurePath(name).suffix, "application/octet-stream")
    return _entity(name, "File", name=name, sha256=digest, encodingFormat=media)


def _descriptor() -> Entity:
    profiles = [_reference("https://w3id.org/ro/crate/1.1"), _reference(WORKFLOW_CRATE)]
    return _entity(CRATE, "CreativeWork", about=_reference("./"), conformsTo=profiles)


def _workflow(record: Provenance, digest: str) -> list[Entity]:
    """The workflow and the language it is written in."""
    code = record["code"]
    main = _entity(
        WORKFLOW,
        ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        name=WORKFLOW,
        sha256=digest,
        version=code["commit"] or code["version"],
        programmingLanguage=_reference(LANGUAGE),
    )
    language = _entity(
        LANGUAGE,
        "ComputerLanguage",
        name="Snakemake",
        url=_reference("https://snakemake.readthedocs.io"),
        version=record["packages"].get("snakemake"),
    )
    return [main, language]
