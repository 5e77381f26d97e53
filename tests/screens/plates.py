"""OME-Zarr plates and JUMP-Lite stores as their writers lay them out, small."""

import json
from pathlib import Path

import numpy as np
import zarr

STAINS = ("DNA", "ER", "RNA", "AGP", "Mito")


def pixels(seed: int, channels: int = 5, depths: int = 1, side: int = 24) -> np.ndarray:
    """(c, z, y, x) uint16"""
    return np.random.default_rng(seed).integers(1, 4000, (channels, depths, side, side + 2)).astype(np.uint16)


class MiniPlate:
    """A plate of wells A01, A02, B02 with two fields each, below `folder`; `images[well, field]` are its pixels.

    version : of NGFF; 0.5 is written in Zarr 3. axes : of the arrays. sharded : chunks in shards of a whole plane.
    """

    WELLS = ("A/1", "A/2", "B/02")

    def __init__(
        self,
        folder: Path,
        version: str = "0.4",
        axes: str = "tczyx",
        *,
        depths: int = 1,
        labels: tuple[str, ...] | None = STAINS,
        sharded: bool = False,
        acquisitions: tuple[int, ...] = (),
        lost: tuple[str, ...] = (),
        dtype: type = np.uint16,
    ) -> None:
        self.folder, self.version, self.axes, self.sharded, self.dtype = folder, version, axes, sharded, dtype
        self.images: dict[tuple[str, str], np.ndarray] = {}
        plate = {"name": "another name", "wells": [], "rows": [{"name": r} for r in "AB"], "field_count": 2}
        plate["columns"] = [{"name": c} for c in ("1", "2", "02")]
        plate["wells"] = [{"path": path, "rowIndex": 0, "columnIndex": 0} for path in self.WELLS]
        if acquisitions:
            plate["acquisitions"] = [{"id": number} for number in acquisitions]
        self.attributes("", {"plate": plate})
        for w, well in enumerate(self.WELLS):
            if well in lost:
                continue
            fields = [(str(f), number) for f, number in enumerate(acquisitions or (None, None))]
            entries = [{"path": f} | ({} if n is None else {"acquisition": n}) for f, n in fields]
            self.attributes(well, {"well": {"images": entries}})
            for f, _ in fields:
                self.image(f"{well}/{f}", pixels(10 * w + int(f), 5, depths), labels)
                self.images[well, f] = pixels(10 * w + int(f), 5, depths)
                self.attributes(f"{well}/{f}/labels", {"labels": ["nuclei"]})
                self.array(f"{well}/{f}/labels/nuclei/0", np.zeros((24, 26), np.uint16), (24, 26))

    @property
    def format(self) -> int:
        return 3 if self.version == "0.5" else 2

    def attributes(self, path: str, content: dict) -> None:
        group = self.folder / path
        group.mkdir(parents=True, exist_ok=True)
        if self.format == 3:
            ome = {"ome": {"version": self.version, **content}}
            text = {"zarr_format": 3, "node_type": "group", "attributes": ome}
            (group / "zarr.json").write_text(json.dumps(text))
        else:
            (group / ".zgroup").write_text('{"zarr_format": 2}')
            (group / ".zattrs").write_text(json.dumps(content))

    def image(self, path: str, image: np.ndarray, labels: tuple[str, ...] | None) -> None:
        axes = [{"name": a, "type": {"t": "time", "c": "channel"}.get(a, "space")} for a in self.axes]
        for axis in axes:
            axis |= {"unit": "micrometer"} if axis["type"] == "space" else {}
        scale = [{"z": 2.0, "y": 0.6, "x": 0.6}.get(a, 1.0) for a in self.axes]
        scales = {"datasets": [], "version": self.version}
        if self.version == "0.3":
            scales["axes"] = list(self.axes)
        elif self.version not in ("0.1", "0.2"):
            scales["axes"] = axes
        for level in range(2):
            values = image[..., :: 2**level, :: 2**level]
            if "t" in self.axes:
                values = values[None]
            if "z" not in self.axes:
                values = values.squeeze(-3)
            if "c" not in self.axes:
                values = values[..., 0, :, :] if "z" not in self.axes else values[0]
            chunks = (*(1 for _ in values.shape[:-2]), 16, 16)
            self.array(f"{path}/scale{level}", values.astype(self.dtype), chunks)
            factor = [{"y": 2**level, "x": 2**level}.get(a, 1) for a in self.axes]
            entry = {"path": f"scale{level}"}
            entry["coordinateTransformations"] = [{"type": "scale", "scale": [s * f for s, f in zip(scale, factor)]}]
            scales["datasets"].append(entry)
        content = {"multiscales": [scales]}
        if labels is not None:
            content["omero"] = {"channels": [{"label": label, "color": "FFFFFF"} for label in labels]}
        self.attributes(path, content)

    def array(self, path: str, values: np.ndarray, chunks: tuple[int, ...]) -> None:
        more = {}
        if self.sharded and chunks[-1] == 16:
            more["shards"] = (*chunks[:-2], 32, 32)
        if self.format == 2:
            more["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
        array = zarr.create_array(
            self.folder / path, shape=values.shape, chunks=chunks, dtype=values.dtype, zarr_format=self.format, **more
        )
        array[...] = values


def jump_lite(
    folder: Path, keys: tuple[str, ...], version: int = 3, consolidated: bool = False
) -> dict[str, np.ndarray]:
    """A JUMP-Lite store: an array (c, y, x) per key, in Zarr 3 (zstd) or Zarr 2 (JPEG-XL, lossless). Returns arrays."""
    from imagecodecs.numcodecs import Jpegxl, register_codecs

    register_codecs(verbose=False)
    root = zarr.create_group(folder, zarr_format=version)
    found = {}
    for k, key in enumerate(keys):
        values = pixels(100 + k)[:, 0]
        more = {"compressors": Jpegxl(lossless=True)} if version == 2 else {}
        array = root.create_array(key, shape=values.shape, chunks=(1, *values.shape[1:]), dtype="uint16", **more)
        array[...] = values
        found[key] = values
    if consolidated:
        zarr.consolidate_metadata(folder)
    return found
