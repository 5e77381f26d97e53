"""Cell Painting CNN (Moshkov et al. 2024, Nature Communications 15:1594): an EfficientNet-B0 on single cells.

Cells are squares of 128 pixels around nuclei. DeepProfiler, its pipeline, takes the places of nuclei from CellProfiler;
here they are found in the DNA stain. The 672 features are the activation of the sixth stage's first block before its
squeeze (`block6a_activation`), averaged over the square, and the mean over the cells of the image.
"""

from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import Tensor

from cwamsn.models.base import PublishedNetwork
from cwamsn.models.keras_files import convolution
from cwamsn.models.nuclei import Nuclei, find_nuclei, windows

STAINS = ("DNA", "RNA", "ER", "AGP", "Mito")  # as its training had them, in this order
VIEW = 512
BOX = 128
_EPSILON = 1e-7


class CellPaintingCNN(PublishedNetwork):
    """Images in 0-1 (B, C, H, W), at 0.6 to 0.7 µm per pixel, to features (B, 672).

    Parameters
    ----------
    channels : of the images, C; :meth:`place_stains` says which of them are the network's.
    most : cells of an image that are looked at, the brightest in DNA first.
    diameter : of a nucleus, pixels.
    """

    def __init__(self, channels: int, most: int = 64, diameter: float = 24, name: str = "tf_efficientnet_b0"):
        super().__init__()
        model: Any = timm.create_model(name, in_chans=len(STAINS), num_classes=0)
        self.model, self.colours, self.most, self.diameter = model, channels, most, diameter
        self.num_features = int(model.blocks[5][0].conv_dw.out_channels)

    def place_stains(self, places: Sequence[int], channels: int) -> None:
        """`places` of the network's stains among the channels. The order is part of the state."""
        self.register_buffer("places", torch.tensor(places))

    def forward(self, images: Tensor) -> Tensor:
        images = images.index_select(1, self.get_buffer("places"))
        nuclei = find_nuclei(images[:, 0], self.diameter, self.most)
        ones = (Nuclei(*(part[i : i + 1] for part in nuclei)) for i in range(len(images)))
        return torch.stack([self._mean(image[None], one) for image, one in zip(images, ones)])

    def _mean(self, image: Tensor, nuclei: Nuclei) -> Tensor:
        """(672,) of one image (1, 5, H, W)."""
        squares, weight = windows(image, nuclei, BOX)[0], nuclei.found[0]
        if not image.is_cuda:  # where the host waits for nothing, places that hold no nucleus cost nothing either
            squares, weight = squares[weight], weight[weight]
        low, high = squares.amin(dim=(2, 3), keepdim=True), squares.amax(dim=(2, 3), keepdim=True)
        squares = (squares - low) / (high - low + _EPSILON)
        features = self.cell_features(squares)
        return (features * weight[:, None]).sum(dim=0) / weight.sum()

    def cell_features(self, squares: Tensor) -> Tensor:
        """(N, 672) of squares (N, 5, 128, 128), each stain between 0 and 1."""
        model = self.model
        x = model.bn1(model.conv_stem(squares))
        for stage in model.blocks[:5]:
            x = stage(x)
        block = model.blocks[5][0]
        x = block.bn1(block.conv_pw(x))
        return block.bn2(block.conv_dw(x)).mean(dim=(2, 3))


_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
_FIRST = {"dwconv": "conv_dw", "bn": "bn1", "project_conv": "conv_pw", "project_bn": "bn2"}
_OTHERS = {
    **{"expand_conv": "conv_pw", "expand_bn": "bn1", "dwconv": "conv_dw", "bn": "bn2"},
    **{"project_conv": "conv_pwl", "project_bn": "bn3"},
}
_SQUEEZE = {"se_reduce": "se.conv_reduce", "se_expand": "se.conv_expand"}
_ENDS = {"stem_conv": "conv_stem", "stem_bn": "bn1", "top_conv": "conv_head", "top_bn": "bn2"}


def from_keras_names(state: dict[str, Tensor], network: CellPaintingCNN) -> dict[str, Tensor]:
    """Weights under our names from those of the published Keras file, whose classifier `ClassProb` is left out.

    Block `2b` there is the second of the second stage. Other names stay as they are, and are refused as surplus. How
    many batches a norm has seen is in no file of Keras.
    """
    found = {f"model.{k}": v for k, v in network.model.state_dict().items() if k.endswith("num_batches_tracked")}
    for name, tensor in state.items():
        layer, _, weight = name.partition("/")
        if layer == "ClassProb":
            continue
        ours = _layer(layer)
        if ours is None:
            found[name] = tensor
        elif weight in _NORM:
            found[f"model.{ours}.{_NORM[weight]}"] = tensor
        elif weight in ("kernel", "depthwise_kernel") and tensor.ndim == 4:
            found[f"model.{ours}.weight"] = convolution(tensor, ours.endswith("conv_dw"))
        else:
            found[f"model.{ours}.{weight}"] = tensor
    return found


def _layer(name: str) -> str | None:
    """Our name of a Keras layer such as `block2b_se_reduce`; None for one that the network has not."""
    if name in _ENDS:
        return _ENDS[name]
    block, _, part = name.removeprefix("block").partition("_")
    if not name.startswith("block") or len(block) != 2 or not block[0].isdigit():
        return None
    stage, index = int(block[0]) - 1, ord(block[1]) - ord("a")
    parts = (_FIRST if stage == 0 else _OTHERS) | _SQUEEZE
    return f"blocks.{stage}.{index}.{parts[part]}" if part in parts else None
