"""What a page of an atlas holds, read as its script reads it."""

import base64
import gzip
import json
import re
from pathlib import Path

import numpy as np


class Page:
    """The header, and arrays and texts by their references."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text()
        self.header = json.loads(self.element("header"))

    def element(self, name: str) -> str:
        return re.search(rf'<script type="[^"]*" id="{name}">(.*?)</script>', self.text, re.DOTALL).group(1)

    def bytes(self, name: str) -> bytes:
        return gzip.decompress(base64.b64decode(self.element(name)))

    def array(self, reference: dict) -> np.ndarray:
        return np.frombuffer(self.bytes(reference["id"]), np.dtype(f"<{reference['type']}"))

    def texts(self, name: str) -> list[str]:
        return json.loads(self.bytes(name))

    def column(self, level: str, label: str) -> list:
        column = next(c for c in self.header["levels"][level]["columns"] if c["label"] == label)
        values = self.array(column["values"])
        names = column.get("categories")
        return values.tolist() if names is None else [names[v - 1] if v else None for v in values]

    def pictures(self) -> dict[int, bytes]:
        found = self.header["pictures"]
        ends, text = self.array(found["offsets"]), self.element("pictures")
        return {
            int(well): base64.b64decode(text[ends[i] : ends[i + 1]])
            for i, well in enumerate(self.array(found["wells"]))
        }
