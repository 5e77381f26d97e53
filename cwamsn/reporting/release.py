"""Releases: versioned copies of a run's tables and figures, with a digest of every file, that are never overwritten."""

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePath

from cwamsn.errors import InputError
from cwamsn.files import atomic_directory, sha256
from cwamsn.products import PRODUCTS
from cwamsn.reporting.crate import CRATE, WORKFLOW, crate
from cwamsn.reporting.provenance import read_provenance

DIGESTS = "SHA256SUMS"


def release(results: str | Path, files: Iterable[str | Path], releases: str | Path, workflow: str | Path) -> Path:
    """Copy the `files` of the run in `results` (tables, figures, provenance, report, scores) to a release.

    The release is `<releases>/<run>-<version>/`, with these files and `workflow`, the Snakefile; other files in the
    run's folders belong to another configuration. An existing release is checked: equal files are left alone.

    Returns
    -------
    pathlib.Path
        The release's folder.

    Raises
    ------
    InputError
        If a file is missing, or the same version was released with another content.
    """
    results = Path(results)
    record = read_provenance(results / "provenance.json")
    target = Path(releases) / f"{record['run']}-{record['version']}"
    files = _named(results, files) | {WORKFLOW: Path(workflow)}
    if target.exists():
        new = {name: sha256(path) for name, path in files.items() if not _varies(name)}
        old = {name: digest for name, digest in read_digests(target).items() if name in new or not _varies(name)}
        old.pop(CRATE, None)
        if new != old:
            differing = sorted(n for n in new.keys() | old.keys() if new.get(n) != old.get(n))
            raise InputError(
                f"{target}: exists and differs in {', '.join(differing[:5])}; a release is never "
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
        (folder / CRATE).write_text(crate(record, digests))
        digests[CRATE] = sha256(folder / CRATE)
        lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
        (folder / DIGESTS).write_text("".join(lines))
    return target


def _named(results: Path, files: Iterable[str | Path]) -> dict[str, Path]:
    """The files by their path below the run's folder."""
    found = {Path(p).relative_to(results).as_posix(): Path(p) for p in files}
    if not any(name.startswith("tables/") for name in found):
        raise InputError(f"{results}: this run makes no table; choose methods and benchmarks that make one")
    if missing := sorted(name for name, path in found.items() if not path.exists()):
        raise InputError(f"{results}: lacks {', '.join(missing[:5])}; run `snakemake` first")
    return found


def _varies(name: str) -> bool:
    """Whether a file holds times or the machine, which differ between equal runs."""
    path = PurePath(name)
    product = PRODUCTS.get(path.stem)
    return name in ("provenance.json", "report.html") or (
        product is not None and product.timed and path.suffix != ".csv"
    )


def read_digests(folder: Path) -> dict[str, str]:
    """Digests that a release was made with, by file name."""
    path = folder / DIGESTS
    if not path.exists():
        raise InputError(f"{path}: no such file; this folder is not a release")
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
