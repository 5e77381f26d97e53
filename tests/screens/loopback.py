"""A real HTTP server on loopback that misbehaves on request; miniature hosts in the layouts of Bray and RxRx3-core."""

import hashlib
import io
import re
import threading
import zipfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
from PIL import Image

from cwamsn.vocabulary import BRAY_STAINS, BRAY_WAVELENGTHS

GALLERY = "cpg0012-wawer-bioactivecompoundprofiling/broad"


@dataclass
class Odd:
    """An answer that a strange host may give. `end`: how the body ends, by its 'length', in 'chunks' or by 'close';
    `cut`: bytes of the body that are sent; `total`: what stands behind the slash of Content-Range; `any_version`: obey
    Range whatever If-Range says."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    end: str = "length"
    cut: int | None = None
    total: str | None = None
    etag: str | None = None
    any_version: bool = False


class Loopback:
    """Serves `root`. `faults[path]` lists what goes wrong, one entry a request: a status, 'cut', 'short',
    'wrong', 'no-range', ('retry', seconds) or an :class:`Odd` answer; None is a right answer."""

    def __init__(self, root: Path) -> None:
        self.root, self.faults, self.requests, self.sent = root, defaultdict(list), [], Counter()
        self.etags, self.etag, self.head, self.page = True, "", True, 1000
        handler = type("Handler", (_Handler,), {"host": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: Loopback

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path).lstrip("/")
        self.host.requests.append((path, dict(self.headers)))
        fault = self.host.faults[path].pop(0) if self.host.faults[path] else None
        if isinstance(fault, Odd) and (fault.status or fault.body is not None):
            return self._odd(fault, path)
        if isinstance(fault, int):
            return self._plain(fault)
        if "list-type" in parts.query:
            return self._list(parse_qs(parts.query))
        if isinstance(fault, int):
            return self._plain(fault)
        if isinstance(fault, tuple):
            return self._plain(503, {"Retry-After": str(fault[1])})
        file = self.host.root / path
        if not file.is_file():
            return self._plain(404)
        self._file(path, file.read_bytes(), fault)

    def do_HEAD(self) -> None:
        data = (self.host.root / unquote(urlsplit(self.path).path).lstrip("/")).read_bytes()
        self.send_response(200)
        if self.host.head:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()

    def _odd(self, odd: Odd, path: str) -> None:
        self.send_response(odd.status or 200)
        for name, value in odd.headers.items():
            self.send_header(name, value)
        self._body(odd.body or b"", odd, path)

    def _body(self, body: bytes, odd: Odd, path: str) -> None:
        if odd.end == "length":
            self.send_header("Content-Length", str(len(body)))
        if odd.end == "chunks":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = body[: odd.cut]
        if odd.end == "chunks":
            for at in range(0, len(sent), 50_000):
                block = sent[at : at + 50_000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
            if odd.cut is None:
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(sent)
        self.host.sent[path] += len(sent)
        self.close_connection = self.close_connection or odd.end == "close" or odd.cut is not None

    def _file(self, path: str, data: bytes, fault: str | Odd | None) -> None:
        odd = fault if isinstance(fault, Odd) else Odd()
        etag = odd.etag or self.host.etag or f'"{hashlib.md5(data).hexdigest()}"'
        if fault == "wrong":
            data = bytes(reversed(data))
        start, stop = 0, len(data)
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        same = odd.any_version or self.headers.get("If-Range", etag) == etag
        if match and fault != "no-range" and same:
            start, stop = int(match[1]), min(len(data), int(match[2]) + 1 if match[2] else len(data))
            if start >= len(data):
                return self._plain(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{odd.total or len(data)}")
        else:
            self.send_response(200)
        body = data[start:stop]
        if self.host.etags:
            self.send_header("ETag", etag)
        for name, value in odd.headers.items():
            self.send_header(name, value)
        if isinstance(fault, Odd):
            return self._body(body, odd, path)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "cut":
            body = body[: len(body) // 2]
        if fault == "short":
            body = body[:-7]
        self.host.sent[path] += len(body)
        self.wfile.write(body)
        if fault in ("cut", "short"):
            self.close_connection = True

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix = query["prefix"][0]
        keys = sorted(str(p.relative_to(self.host.root)) for p in self.host.root.rglob("*") if p.is_file())
        keys = [k for k in keys if k.startswith(prefix)]
        start = int(query.get("continuation-token", ["0"])[0])
        rows = ""
        for key in keys[start : start + self.host.page]:
            data = (self.host.root / key).read_bytes()
            rows += (
                f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size>"
                f"<ETag>&quot;{hashlib.md5(data).hexdigest()}&quot;</ETag></Contents>"
            )
        more = start + self.host.page
        token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more < len(keys) else ""
        space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        self._plain(200, body=f"<ListBucketResult {space}>{rows}{token}</ListBucketResult>".encode())

    def _plain(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def plane(seed: int, shape: tuple[int, int] = (20, 24), dtype: type = np.uint16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max // 16, shape).astype(dtype)


def tiff(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, rowsperstrip=5, photometric="minisblack", metadata=None)
    return buffer.getvalue()


SMILES = {
    "BRD-K00000001-001-01-1": "CCO",
    "BRD-K00000002-001-01-1": "c1ccccc1",
    "BRD-K00000003-001-01-1": "CC(=O)O",
    "BRD-K00000004-001-01-1": "CCN",
}


class MiniBray:
    """Two plates of one map, four wells and two sites: A01-A04 treated, B01 DMSO (empty sample). 200 planes at most."""

    def __init__(
        self,
        root: Path,
        split: bool = True,
        compression: int = zipfile.ZIP_STORED,
        shape: tuple[int, int] = (20, 24),
    ) -> None:
        self.root, self.plates, self.compression, self.shape = root, ("24277", "24278"), compression, shape
        self.samples = dict(zip(("a01", "a02", "a03", "a04"), SMILES)) | {"b01": ""}
        self.missing: set[tuple[str, str, int, str]] = set()
        self.planes: dict[tuple[str, str, int, str], np.ndarray] = {}
        self.write_metadata()
        if split:
            self.write_split()

    def name(self, plate: str, well: str, site: int, channel: str) -> str:
        digit = BRAY_WAVELENGTHS[channel]
        digest = hashlib.md5(f"{plate}{well}{site}{channel}".encode()).hexdigest()
        uuid = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
        return f"cdp2bioactives_{well}_s{site}_w{digit}{uuid}.tif"

    def places(self, wells: tuple[str, ...] | None = None) -> list[tuple[str, str, int]]:
        return [(p, w, s) for p in self.plates for w in wells or self.samples for s in (1, 2)]

    def write_metadata(self) -> None:
        folder = self.root / GALLERY / "workspace/metadata/platemaps/CDRP"
        (folder / "platemap").mkdir(parents=True, exist_ok=True)
        rows = "".join(f'"{int(p):,}",H-BIOA-004-3\n' for p in self.plates)
        (folder / "barcode_platemap.csv").write_text("Assay_Plate_Barcode,Plate_Map_Name\n" + rows)
        lines = ["plate_map_name\twell_position\tbroad_sample\tmmoles_per_liter\tsolvent\tASSAY_WELL_ROLE"]
        for well, sample in self.samples.items():
            dose, role = ("5.0", "treated") if sample else ("", "mock")
            lines.append(f"H-BIOA-004-3\t{well}\t{sample}\t{dose}\tDMSO\t{role}")
        (folder / "platemap/H-BIOA-004-3.txt").write_text("\n".join(lines) + "\n")
        rows = "".join(f"{k},x,BRD,y,{v}\n" for k, v in SMILES.items())
        (self.root / "chemical_annotations.csv").write_text(
            "BROAD_ID,CPD_NAME,CPD_NAME_TYPE,SOURCE_NAME,CPD_SMILES\n" + rows
        )

    def write_split(self, splits: dict[str, str] | None = None) -> None:
        """a01, a02 train, a03 val, a04 test; only site 1 of a02 on the second plate."""
        import pandas as pd

        from cwamsn.screens.chemistry import inchikeys

        keys = dict(zip(SMILES, inchikeys(pd.Series(list(SMILES.values())))))
        splits = splits or {"a01": "train", "a02": "train", "a03": "val", "a04": "test"}
        names = [f"IMG_{c}" for c in sorted(BRAY_STAINS)]
        for part in ("train", "val", "test"):
            lines = [",".join(["SAMPLE_KEY", "BROAD_ID", "INCHIKEY", *names])]
            for plate, well, site in self.places(tuple(w for w, s in splits.items() if s == part)):
                if (plate, well, site) != ("24278", "a02", 2):
                    images = [self.name(plate, well, site, c).removesuffix(".tif") for c in sorted(BRAY_STAINS)]
                    sample = self.samples[well]
                    lines.append(",".join([f"{plate}-{well.upper()}-{site}", sample, keys[sample], *images]))
            (self.root / f"datasplit1-{part}.csv").write_text("\n".join(lines) + "\n")

    def write_images(self, layout: str) -> None:
        for k, (plate, well, site) in enumerate(self.places()):
            for c, channel in enumerate(BRAY_STAINS):
                self.planes[plate, well, site, channel] = plane(10 * k + c, self.shape)
        if layout == "gallery":
            for (plate, well, site, channel), image in self.planes.items():
                if (plate, well, site, channel) not in self.missing:
                    folder = self.root / GALLERY / "images/CDRP/images" / plate
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / self.name(plate, well, site, channel)).write_bytes(tiff(image))
            return
        for plate in self.plates:
            folder = self.root / "broad_data" / f"plate_{plate}"
            folder.mkdir(parents=True, exist_ok=True)
            for channel in BRAY_STAINS:
                with zipfile.ZipFile(folder / f"{plate}-{channel}.zip", "w", self.compression) as archive:
                    for (p, well, site, c), image in self.planes.items():
                        if (p, c) == (plate, channel) and (p, well, site, c) not in self.missing:
                            archive.writestr(f"{plate}-{c}/{self.name(p, well, site, c)}", tiff(image))

    def spec(self, base: str, images: str, **more: object) -> dict[str, object]:
        return {
            "source": "bray",
            "images": images,
            "plates": [24277, 24278],
            "cil_url": base,
            "gallery_url": base,
            "annotations_url": f"{base}/chemical_annotations.csv",
            "split_url": base,
            "split": "published",
            "retry": {"attempts": 4, "backoff_s": 0.01, "timeout_s": 5},
        } | more


class MiniRxRx3:
    """Three shards over which wells straddle: 7 wells of two experiments, 6 planes each, 15 rows a shard."""

    WELLS = (
        ("compound-001_1_A01", "", "EMPTY_control", "", "", "COMPOUND"),
        ("compound-001_1_A02", "", "CRISPR_control", "", "", "COMPOUND"),
        ("compound-001_1_AA15", "", "Phloretin", "CCO |c:9,15|", "0.025", "COMPOUND"),
        ("gene-060_11_P28", "EMPTY_control", "EMPTY_control", "", "", "CRISPR"),
        ("gene-060_9_T13", "PEX6", "PEX6_guide_2", "", "", "CRISPR"),
        ("gene-060_9_T14", "PEX6", "PEX6_guide_3", "", "", "CRISPR"),
        ("gene-060_9_T15", "MTOR", "MTOR_guide_1", "", "", "CRISPR"),
    )

    def __init__(self, root: Path, rows_a_shard: int = 15, without: tuple[str, ...] = (), side: int = 32) -> None:
        self.root = root
        (root / "data").mkdir(parents=True, exist_ok=True)
        header = "well_id,experiment_name,plate,address,gene,treatment,SMILES,concentration,perturbation_type,cell_type"
        lines = [f"{header},well_type_label"]
        for well_id, gene, treatment, smiles, dose, kind in self.WELLS:
            experiment, number, address = well_id.rsplit("_", 2)
            lines.append(
                f'{well_id},{experiment},{number},{address},{gene},{treatment},"{smiles}",{dose},{kind},HUVEC,'
            )
        (root / "metadata_rxrx3_core.csv").write_text("\n".join(lines) + "\n")
        self.planes, keys = {}, []
        for k, (well_id, *_) in enumerate(self.WELLS):
            experiment, number, address = well_id.rsplit("_", 2)
            for c in range(1, 7):
                key = f"{experiment}/Plate{number}/{address}_s1_{c}"
                if key not in without and well_id not in without:
                    keys.append(key)
                    self.planes[well_id, c] = plane(100 * k + c, (side, side), np.uint8)
        keys.sort()
        by_key = {k: self.planes[_well(k), int(k[-1])] for k in keys}
        groups = [keys[i : i + rows_a_shard] for i in range(0, len(keys), rows_a_shard)]
        self.shards = len(groups)
        kind = pa.schema(
            [("__key__", pa.string()), ("jp2", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))]
        )
        for i, group in enumerate(groups):
            table = pa.Table.from_pylist(
                [{"__key__": k, "jp2": {"bytes": jpeg2000(by_key[k]), "path": f"{k}.jp2"}} for k in group], schema=kind
            )
            pq.write_table(table, root / f"data/train-{i:05d}-of-{self.shards:05d}.parquet", row_group_size=4)
        truth = "gene_symbol,nM_value,measurement_type,database,treatment\nMTOR,4.4,ic50,x,Phloretin\n"
        (root / "compound_gene_interactions.csv").write_text(truth)

    def spec(self, base: str, **more: object) -> dict[str, object]:
        return {
            "source": "rxrx3-core",
            "base_url": base,
            "shards": self.shards,
            "truth_url": f"{base}/compound_gene_interactions.csv",
            "retry": {"attempts": 4, "backoff_s": 0.01, "timeout_s": 5},
        } | more


def _well(key: str) -> str:
    experiment, number, rest = key.split("/")
    return f"{experiment}_{number.removeprefix('Plate')}_{rest.split('_')[0]}"


def jpeg2000(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG2000")  # lossless
    return buffer.getvalue()
