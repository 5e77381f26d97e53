"""Weights that Keras 2 wrote as HDF5, read without TensorFlow.

A file of `save_weights`, or of `save`, whose weights are then in the group `model_weights`: a group per layer, in which
a weight is a dataset `<layer>/<weight>:0`. Nothing else of the file is read; a model's description in its attributes is
not run.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cwamsn.errors import InputError

_ALL, _NOT_WEIGHTS = "model_weights", ("optimizer_weights", "top_level_model_weights")


def read_keras(path: Path, inside: str | None = None) -> dict[str, Tensor]:
    """Weights by `<layer>/<weight>`, such as `stem_conv/kernel`, in float32 and Keras's order of axes.

    inside : unused; the keyword of other readers.

    Raises
    ------
    InputError
        The file is no HDF5 file, or holds no weights of this layout.
    """
    import h5py

    found: dict[str, Tensor] = {}

    def visit(name: str, item: object) -> None:
        layer, _, rest = name.removeprefix(_ALL + "/").partition("/")
        if isinstance(item, h5py.Dataset) and rest and layer not in _NOT_WEIGHTS:
            found[f"{layer}/{rest.split('/')[-1].split(':')[0]}"] = torch.from_numpy(
                np.asarray(item[()], dtype=np.float32)
            )

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except (OSError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0][:160]
        raise InputError(f"{path}: not a weight file of Keras ({reason}); give the published HDF5 file") from None
    if not found:
        raise InputError(f"{path}: holds no weights in the layout of Keras 2; give the published HDF5 file")
    return found


def convolution(kernel: Tensor, depthwise: bool = False) -> Tensor:
    """A kernel (h, w, in, out) as torch has it, (out, in, h, w); a `depthwise` one (h, w, in, 1) as (in, 1, h, w)."""
    return kernel.permute(2, 3, 0, 1) if depthwise else kernel.permute(3, 2, 0, 1)
