"""The networks behind public weights, as modules from images in 0-1 (B, C, H, W) to features (B, D)."""

from functools import partial
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import ParallelScalingBlock, VisionTransformer
from torch import Tensor, nn

from cwamsn.models.base import PublishedNetwork


class TimmFeatures(PublishedNetwork):
    """A timm model on its pooled features, behind a normalisation.

    Parameters
    ----------
    name, in_channels : the timm model and its input channels.
    pool : of a ViT, `avg` is the mean over patch tokens after the final norm, `token` the class token; others pool
        themselves.
    normalise : `image` brings each channel of each image to mean 0 and variance 1, whatever the images were normalised
        with before; `imagenet` takes images in 0-1 and the mean and deviation that the model was trained with; `none`
        leaves them as they are.
    **options : other arguments of the timm model.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, in_channels: int, pool: str = "avg", normalise: str = "image", **options: Any):
        super().__init__()
        model: Any = timm.create_model(name, pretrained=False, in_chans=in_channels, num_classes=0, **options)
        self.model, self.num_features = model, int(model.num_features)
        self.pool, self.normalise, self.colours = pool, normalise, in_channels
        for name in ("mean", "std"):
            values = torch.tensor(model.default_cfg[name]).view(-1, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        images = self.normalised(images)
        if not isinstance(self.model, VisionTransformer):
            return self.model(images)
        return self.pooled(self.model.forward_features(images))

    def normalised(self, images: Tensor) -> Tensor:
        """Images as the model wants them."""
        if self.normalise == "image":
            return F.instance_norm(images)
        return (images - self.mean) / self.std if self.normalise == "imagenet" else images

    def pooled(self, tokens: Tensor) -> Tensor:
        """Features (B, D) of a ViT's tokens (B, 1 + n, D)."""
        return tokens[:, self.model.num_prefix_tokens :].mean(dim=1) if self.pool == "avg" else tokens[:, 0]


class ChannelAgnosticViT(PublishedNetwork):
    """Encoder of OpenPhenom (Kraus et al. 2024, CA-MAE ViT-S/16).

    Every channel is cut into patches by the same one-channel convolution, and all patches of all channels are tokens of
    one transformer.

    Tokens of a channel stay together; up to `max_channels` have positions, which are fixed sines and cosines that
    repeat for each channel (they come with the weights). Features are the mean over all tokens but the class token.
    """

    def __init__(self, max_channels: int = 6, img_size: int = 256, patch_size: int = 16, **options: Any):
        super().__init__()
        vit = dict(embed_dim=384, depth=12, num_heads=6) | options
        self.vit_backbone: Any = VisionTransformer(
            img_size=img_size,
            patch_size=patch_size,
            in_chans=1,
            num_classes=0,
            global_pool="avg",
            init_values=1e-4,
            qkv_bias=False,
            qk_norm=True,
            block_fn=ParallelScalingBlock,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            **vit,
        )
        self.num_features, self.max_channels, self.colours = vit["embed_dim"], max_channels, 1
        positions = 1 + max_channels * (img_size // patch_size) ** 2
        self.vit_backbone.pos_embed = nn.Parameter(torch.zeros(1, positions, self.num_features), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        vit, images = self.vit_backbone, F.instance_norm(images)
        patches = vit.patch_embed.proj(images.flatten(0, 1).unsqueeze(1)).flatten(2).transpose(1, 2)
        tokens = patches.reshape(len(images), -1, self.num_features)
        x = torch.cat([vit.cls_token.expand(len(images), -1, -1), tokens], dim=1)
        return vit.norm(vit.blocks(x + vit.pos_embed[:, : x.shape[1]]))[:, 1:].mean(dim=1)


class _Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution; instead of a stride, an average pool, in the shortcut too (as in CLIP's ResNet)."""

    def __init__(self, inputs: int, planes: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.shrink = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.downsample = None
        if stride > 1 or inputs != 4 * planes:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn3(self.conv3(self.shrink(self.bn2(self.conv2(y)).relu())))
        return (y + (x if self.downsample is None else self.downsample(self.shrink(x)))).relu()


class CloomeResNet(PublishedNetwork):
    """Image encoder of CLOOME (Sanchez-Fernandez et al. 2023).

    A ResNet-50 with averaging bottlenecks, and a linear map to 512 features, which are brought to length 1. It takes
    images of any size.
    """

    def __init__(self, in_channels: int, blocks: tuple[int, ...] = (3, 4, 6, 3), width: int = 64, features: int = 512):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(width)
        self.colours, inputs = in_channels, width
        for i, count in enumerate(blocks):
            planes, layer = width * 2**i, []
            for j in range(count):
                layer.append(_Bottleneck(inputs, planes, stride=2 if i and not j else 1))
                inputs = 4 * planes
            self.add_module(f"layer{i + 1}", nn.Sequential(*layer))
        self.fc, self.num_features = nn.Linear(inputs, features), features
        self.stages = len(blocks)

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(self.bn1(self.conv1(images)).relu(), 3, stride=2, padding=1)
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        if min(x.shape[-2:]) > 7:  # larger images: means over 7 x 7 neighbourhoods first, as the published code pools
            x = F.avg_pool2d(x, 7, stride=1)
        return F.normalize(self.fc(x.mean(dim=(2, 3))), dim=1)
