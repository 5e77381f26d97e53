"""Files that are either whole or absent, locks, digests, and progress bars that stay quiet in logs."""

import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from tqdm import tqdm

from cwamsn.errors import InputError
from cwamsn.live import counted, is_counted

T = TypeVar("T")
log = logging.getLogger(__name__)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}


def unique_token() -> str:
    """Text for a temporary file's name that no other process has, on this machine or on one that shares its disk.

    A process id alone is not enough: two nodes of a cluster have the same ones. The host's name tells whose a file is.
    """
    return f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:24]


def _sweep(folder: Path, start: str) -> None:
    """Remove what killed processes of this machine left in `folder` under a temporary name that begins with `start`."""
    left = re.compile(re.escape(f"{start}{_host()}-") + r"(\d+)-[0-9a-f]{8}\.partial(\..*)?")
    for path in folder.iterdir():
        if (found := left.fullmatch(path.name)) and not _alive(int(found[1])):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return pid == os.getpid()
    except PermissionError:  # another user's
        return True
    return True


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed to disk and renamed, on error removed.

    A reader therefore never meets half a file, and a killed writer leaves only a name that no stage reads and that the
    next writer of the same file removes. The temporary name ends like the final one, since several writers choose their
    format by the suffix.

    Raises
    ------
    InputError
        The disk is full, a quota is used up, or the file system is read-only.
    """
    path = Path(path)
    with _no_room(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent, f".{path.stem}.")
    temporary = path.with_name(f".{path.stem}.{unique_token()}.partial{path.suffix}")
    try:
        with _no_room(path):
            mode = _mode_of_new_files(temporary)
            yield temporary
            if temporary.stat().st_mode != mode:  # safetensors writes for its owner alone, a laboratory shares weights
                with suppress(PermissionError):  # where the file system decides
                    temporary.chmod(mode)
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _mode_of_new_files(path: Path) -> int:
    """What the process's umask and the folder give a new file; asking the umask itself would change it."""
    path.touch()
    try:
        return path.stat().st_mode
    finally:
        path.unlink()


@contextmanager
def _no_room(path: Path) -> Iterator[None]:
    """One line where the system has no room for `path`; some writers put its reason into errors of their own."""
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError):
            raise
        reasons = (os.strerror(number) for number in _NO_ROOM)
        if reason := next((reason for reason in reasons if reason in str(error)), None):
            raise InputError(
                f"{path}: cannot be written: {reason}; free some space or see to the disk, then start the same command "
                "again"
            ) from error
        raise


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory that replaces `path` on success and is removed on error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent, f".{path.name}.")
    temporary = path.with_name(f".{path.name}.{unique_token()}.partial")
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def locked(path: str | Path) -> Iterator[bool]:
    """Hold the lock file `path` alone; it ends with the process and is removed afterwards.

    Yields whether there is a lock: some network file systems have none, which is said in a warning. The caller must
    then write nothing that another process may write too.
    """
    path = Path(path)
    handle = _open_locked(path)
    if handle is None:
        yield False
        return
    with handle:
        try:
            yield True
        finally:
            path.unlink(missing_ok=True)  # while the lock is held: whoever waits for it sees that the file is gone


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold the lock file, which ends with the process, however it ends. InputError where another process has it."""
    with _no_room(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = lock.open("a")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{lock.parent}: another process works here; wait for it, or end it, then call again"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield


def _open_locked(path: Path) -> IO[str] | None:
    while True:
        handle = path.open("a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            handle.close()
            if error.errno not in _NO_LOCKS:
                raise
            log.warning("%s: this file system has no locks; a download that is killed here starts again", path.parent)
            return None
        # The holder before may have removed the file meanwhile: then this lock is on a file that nobody else finds.
        try:
            if os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        handle.close()


def write_json(value: Any, path: str | Path) -> None:
    """Write `value` as indented JSON with sorted keys, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")


def read_json(path: str | Path) -> Any:
    return json.loads(Path(path).read_text())


def megabytes(paths: str | Path | Iterable[str | Path] | None) -> int:
    """Size of the files that exist, MB; 0 for None."""
    named = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths or [])]
    return sum(path.stat().st_size for path in named if path.is_file()) // 10**6


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes; of a folder, that of the names and digests of its files."""
    if (folder := Path(path)).is_dir():
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        lines = "".join(f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files)
        return hashlib.sha256(lines.encode()).hexdigest()
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def is_lfs_pointer(path: str | Path) -> bool:
    """Whether a file is the text that Git LFS leaves in place of a large one."""
    file = Path(path)
    if not file.is_file():
        return False
    with file.open("rb") as handle:
        return handle.read(24).startswith(b"version https://git-lfs")


def refuse_lfs_pointer(path: str | Path) -> None:
    """Raise InputError for :func:`is_lfs_pointer`; readers of binary formats would call such a file damaged."""
    if is_lfs_pointer(path):
        raise InputError(f"{path}: is a Git LFS pointer; fetch the file itself (git lfs pull)")


DIGEST = ".sha256.json"  # how a file of write_digest ends


def write_digest(file: str | Path, output: str | Path) -> None:
    """Write path and SHA-256 of a file, so that a file of gigabytes is read once per run."""
    write_json({"path": str(file), "sha256": sha256(file)}, output)


def read_digest(path: str | Path) -> dict[str, str]:
    """`path` and `sha256` of a file, or what :func:`write_digest` wrote about it where `path` ends with `DIGEST`."""
    if str(path).endswith(DIGEST):
        return read_json(path)
    return {"path": str(path), "sha256": sha256(path)}


def progress(items: Iterable[T], description: str, total: int | None = None, unit: str = "it") -> Iterable[T]:
    """`tqdm` around `items`; `items` themselves when standard error is not a terminal, or somebody else counts.

    Even a silent bar takes tqdm's lock, which processes share: a process that is killed with it blocks all others.
    """
    if is_counted():
        listed = list(items)
        return counted(listed, len(listed))
    if not sys.stderr.isatty():
        return items
    return tqdm(items, desc=description, total=total, unit=unit, leave=False)
