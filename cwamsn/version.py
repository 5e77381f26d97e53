"""Which version of the code and of the configuration a run is of. Light: the Snakefile imports it."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TypedDict


class CodeVersion(TypedDict):
    """Commit of the code, None outside git; whether its tree is clean; version of the installed package."""

    commit: str | None
    clean: bool | None
    version: str | None


def code_version(root: str | Path) -> CodeVersion:
    """Commit of the repository at `root` and whether its tree is clean; outside git the installed version."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": None, "version": _installed("cwamsn")}
    return {"commit": commit, "clean": not dirty, "version": _installed("cwamsn")}


def _git(root: str | Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def config_digest(config: Mapping[str, object]) -> str:
    """SHA-256 of the resolved configuration without `paths`, which say where, not what."""
    content = {k: v for k, v in config.items() if k != "paths"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def run_version(config_sha: str, data: Mapping[str, str], code: CodeVersion) -> str:
    """Twelve hexadecimal digits of configuration, data manifest and code commit; an unclean tree shows as `-dirty`."""
    parts = {"config": config_sha, "data": data, "code": code["commit"] or code["version"]}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
    return digest + ("-dirty" if code["clean"] is False else "")


def version_lines(config_sha: str, data: Mapping[str, str], code: CodeVersion) -> list[str]:
    """The line below every table."""
    state = "" if code["clean"] in (True, None) else " with uncommitted changes"
    commit = (code["commit"] or f"version {code['version']}")[:12]
    screens = ", ".join(f"{name} {digest[:12]}" for name, digest in sorted(data.items())) or "none"
    return [f"Code {commit}{state}; configuration {config_sha[:12]}; data {screens}."]
