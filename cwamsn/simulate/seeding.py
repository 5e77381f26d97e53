"""Random numbers that depend on what they are for, not on the order in which they are drawn."""

import hashlib
import uuid

import numpy as np


def digest(*key: object) -> bytes:
    """SHA-256 of the key's parts; the same on every machine."""
    return hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()


def generator(*key: object) -> np.random.Generator:
    """A generator of its own for `key`, for example (seed, "field", well_id, site)."""
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest(*key)[:16], "little")))


def file_uuid(*key: object) -> str:
    """A version-4-shaped UUID that follows from `key`."""
    return str(uuid.UUID(bytes=digest(*key)[:16], version=4))
