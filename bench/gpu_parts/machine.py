"""What the figures were measured on."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import torch

from bench.gpu_parts.case import Case
from bench.gpu_parts.figures import Figure
from cwamsn.models import device_name, resolve_attention, resolve_precision

# Dense tensor-core products in TFLOP/s by NVIDIA's data sheets, the first name that fits: bfloat16 or float16, tf32,
# float32. 0: the card has no such unit.
PEAKS = {
    "H100 PCIe": (756, 378, 51),
    "H100 NVL": (835, 418, 60),
    "H200": (989, 495, 67),
    "H100": (989, 495, 67),
    "A100": (312, 156, 19.5),
    "TITAN RTX": (130, 0, 16.3),
    "V100": (125, 0, 15.7),
    "L40S": (362, 183, 91.6),
}
PLACE = {"bfloat16": 0, "float16": 0, "tf32": 1, "float32": 2}


def peak_tflops(name: str, precision: str) -> float | None:
    """Nominal TFLOP/s of the card `name` in a precision; None if it is not known here."""
    for part, peaks in PEAKS.items():
        if part in name:
            return peaks[PLACE[precision]] or None
    return None


def measure(case: Case) -> Iterator[Figure]:
    yield Figure("device", device_name(case.device))
    if case.device.type == "cuda":
        properties = torch.cuda.get_device_properties(case.device)
        yield Figure("GPUs that torch can use", float(torch.cuda.device_count()))
        yield Figure("memory of the device", properties.total_memory / 2**30, "GiB")
        yield Figure("compute capability", f"{properties.major}.{properties.minor}")
        yield Figure("driver", _driver())
    precision = resolve_precision("auto", case.device)
    yield Figure("torch", torch.__version__)
    yield Figure("precision that auto takes", precision)
    yield Figure("attention that auto takes", resolve_attention("auto", case.device, precision))
    yield Figure("processor", device_name(torch.device("cpu")))
    yield Figure("cores", float(len(os.sched_getaffinity(0))))
    fields = case.data.store.frame
    shards = sum((case.screen.root / shard).stat().st_size for shard in fields["shard"].unique())
    whole = sum(len(case.data.store.channels) * fields["height"] * fields["width"])
    yield Figure("fields of the generated screen", float(len(fields)))
    yield Figure("size of the store, of the uncompressed size", shards / whole)


def _driver() -> str:
    program = shutil.which("nvidia-smi")
    if not program:
        return "not known"
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return told.stdout.strip().splitlines()[0] if told.stdout.strip() else "not known"
