"""Run a measurement as a processor with AVX2, but without AVX-512, would dispatch it.

    python -m bench.avx2 -m bench.plate

NumPy, OpenBLAS, oneDNN, torch, Arrow and glibc are told so by their own variables. The libraries in imagecodecs and
Pillow have none: they are copied, and in the copies the instruction by which they ask what the operating system saves
(`xgetbv`) is overwritten by one that says "AVX" (docs/operations.md says what that shows and what it does not).
"""

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

_ASK, _ANSWER = b"\x0f\x01\xd0", b"\xb0\x07\x90"  # xgetbv; mov al, 7 and nop: x87, SSE and AVX, nothing wider
_COPIED = ("imagecodecs", "PIL")
_TOLD = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ARROW_USER_SIMD_LEVEL": "AVX2",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=" + ",".join(f"-AVX512{part}" for part in ("F", "VL", "BW", "DQ", "CD")),
}


def copy_without_avx512(packages: tuple[str, ...], folder: Path) -> int:
    """Copy installed packages and the libraries beside them into `folder`; returns how many questions were answered."""
    answered = 0
    for name in packages:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None, f"{name} is not installed"
        package = Path(spec.origin).parent
        libraries = {"PIL": "pillow"}.get(name, name)
        for source in (package, package.parent / f"{libraries}.libs"):
            if not source.is_dir():
                continue
            shutil.copytree(source, folder / source.name, symlinks=True)
            for file in (folder / source.name).rglob("*.so*"):
                if not file.is_symlink():
                    data = file.read_bytes()
                    answered += data.count(_ASK)
                    file.write_bytes(data.replace(_ASK, _ANSWER))
    return answered


def main(arguments: list[str]) -> int:
    folder = Path(tempfile.mkdtemp(prefix="without-avx512-"))
    try:
        copy_without_avx512(_COPIED, folder)
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
        os.environ |= _TOLD | {"PYTHONPATH": path}
        return os.spawnv(os.P_WAIT, sys.executable, [sys.executable, *arguments])
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
