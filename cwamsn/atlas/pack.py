"""Arrays and texts as they stand in the page: gzip in base64, read when they are needed."""

import base64
import gzip
import json
from dataclasses import dataclass, field

import numpy as np

_TYPES = {"float64": "f8", "float32": "f4", "int32": "i4", "uint32": "u4", "uint16": "u2", "uint8": "u1"}


@dataclass
class Pack:
    """What stands beside the header of a page."""

    blobs: dict[str, str] = field(default_factory=dict)
    """Base64 by the id of its element."""

    def bytes(self, data: bytes) -> str:
        """Keep bytes; returns their id. Equal bytes give an equal page: gzip holds no time."""
        name = f"b{len(self.blobs)}"
        self.blobs[name] = base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()
        return name

    def array(self, values: np.ndarray) -> dict[str, str]:
        """Keep an array, flat and little-endian; returns its reference."""
        values = np.ascontiguousarray(values)
        kind = _TYPES[values.dtype.name]
        return {"id": self.bytes(values.astype(values.dtype.newbyteorder("<")).tobytes()), "type": kind}

    def texts(self, values: list[str]) -> str:
        """Keep texts; returns their id."""
        return self.bytes(json.dumps(values, ensure_ascii=False).encode())


def codes(values: np.ndarray, count: int) -> np.ndarray:
    """Codes from -1 as whole numbers from 0, in the smallest type that holds `count` of them."""
    kind = np.uint8 if count < 255 else np.uint16 if count < 65535 else np.uint32
    return (np.asarray(values, dtype=np.int64) + 1).astype(kind)
