"""Features of batches on disk while a job embeds a screen, so that one that is killed after an hour goes on."""

import hashlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from cwamsn.files import atomic_path
from cwamsn.live import say
from cwamsn.training import code_version


def fingerprint(encoder: nn.Module, crops: pd.DataFrame, settings: Mapping[str, object]) -> str:
    """Digest of what features belong to: the encoder's weights, the crops table, `settings`, the code, torch's version.

    settings : whatever else changes a feature: statistics, options, arithmetic, kind of device
    """
    weights = hashlib.sha256()
    for name, tensor in encoder.state_dict().items():
        if isinstance(tensor, torch.Tensor):
            weights.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            weights.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    table = hashlib.sha256(pd.util.hash_pandas_object(crops).to_numpy().tobytes())
    own = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py"))))
    digests = [digest.hexdigest() for digest in (weights, table, own)]
    parts = [*digests, list(crops.columns), dict(settings), code_version(), torch.__version__]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Parts:
    """A folder of files, each with the features of a few consecutive batches; written about once a minute.

    A file is a line of JSON (fingerprint, first batch, number of batches, SHA-256 of these and the rest) and an array
    (crops, D) in NumPy's format. When the folder is opened, files of another fingerprint, damaged ones and those that
    repeat batches of others are removed: no batch counts twice.
    """

    def __init__(self, folder: Path, fingerprint: str, seconds: float = 60):
        self.folder, self.fingerprint, self.seconds = folder, fingerprint, seconds
        self._held: list[np.ndarray] = []
        self._first = 0
        self._written = time.monotonic()
        self._ranges = self._usable()

    @property
    def done(self) -> set[int]:
        """Numbers of the batches whose features are on disk."""
        return {number for first, count in self._ranges for number in range(first, first + count)}

    def add(self, number: int, features: np.ndarray) -> None:
        """Take the features (crops, D) of batch `number`; write what has been taken if a minute is over."""
        if self._held and number != self._first + len(self._held):
            self.write()
        if not self._held:
            self._first = number
        self._held.append(features)
        if time.monotonic() - self._written >= self.seconds:
            self.write()

    def write(self) -> None:
        """Write what has been taken since the last time."""
        if self._held:
            buffer = io.BytesIO()
            np.save(buffer, np.concatenate(self._held))
            content = buffer.getbuffer()
            header = {"fingerprint": self.fingerprint, "first": self._first, "batches": len(self._held)}
            header["sha256"] = _digest(header, content)
            with atomic_path(self._path(self._first)) as temporary, temporary.open("wb") as handle:
                handle.write(json.dumps(header).encode() + b"\n")
                handle.write(content)
            self._ranges = sorted([*self._ranges, (self._first, len(self._held))])
        self._held, self._written = [], time.monotonic()

    def read(self) -> Iterator[tuple[range, np.ndarray]]:
        """Numbers of batches and their features (crops, D), in order."""
        for first, count in self._ranges:
            content = self._path(first).read_bytes().partition(b"\n")[2]
            yield range(first, first + count), np.load(io.BytesIO(content), allow_pickle=False)

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:08d}.part"

    def _usable(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        foreign = damaged = surplus = 0
        for path in sorted(self.folder.glob("[0-9]*.part")):
            header = _header(path)
            if header is None or header["fingerprint"] != self.fingerprint:
                damaged, foreign = damaged + (header is None), foreign + (header is not None)
                path.unlink()
                continue
            first, count = int(str(header["first"])), int(str(header["batches"]))
            if path != self._path(first) or (found and first < sum(found[-1])):
                surplus += 1
                path.unlink()
            else:
                found.append((first, count))
        if damaged:
            say(f"{self.folder}: {damaged} part(s) are damaged and are computed again")
        if surplus:
            say(f"{self.folder}: {surplus} part(s) repeat batches of others, as copies do; removed")
        if foreign:
            say(
                f"{self.folder}: {foreign} part(s) belong to another encoder, screen, precision, options or code; "
                "removed"
            )
        return found


def _header(path: Path) -> dict[str, object] | None:
    """First line of a part; None if the part is not what was written."""
    line, _, content = path.read_bytes().partition(b"\n")
    try:
        header = json.loads(line)
        return header if header["sha256"] == _digest(header, content) else None
    except (ValueError, KeyError, TypeError):
        return None


def _digest(header: Mapping[str, object], content: bytes | memoryview) -> str:
    """SHA-256 of what a part says about itself and of its array."""
    digest = hashlib.sha256(json.dumps([header[key] for key in ("fingerprint", "first", "batches")]).encode())
    digest.update(content)
    return digest.hexdigest()
