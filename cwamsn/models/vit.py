"""Image encoders around timm models: the vision transformer that can leave patches out, and any other network."""

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.models.base import Encoder, PatchEncoder, refuse_mask
from cwamsn.models.class_token import class_token, is_plain
from cwamsn.models.patches import embed_patches, resize_grid, select_rows


class ViTEncoder(PatchEncoder):
    """A timm vision transformer that gives the class token and can leave patches out.

    vit : a plain one: positions for every token, one class token, no pooling.
    final_norm : whether the final LayerNorm is applied unless :meth:`forward` says.

    Attributes
    ----------
    products : whether patches and positions are computed as :mod:`cwamsn.models.patches` does; None: on CUDA only. Both
        ways give the same but for rounding.
    """

    def __init__(self, vit: VisionTransformer, final_norm: bool = True):
        super().__init__()
        self.vit = vit
        self.products: bool | None = None
        self.final_norm = final_norm
        self.num_features = vit.embed_dim
        self.patch_size = vit.patch_embed.patch_size
        self.in_channels = vit.patch_embed.proj.in_channels

    def position_embedding(self, rows: int, columns: int) -> Tensor:
        """(1, 1 + rows·columns, D): the learned grid resized to the patch grid, the class token's slot unchanged.

        Bicubic without antialiasing, aligned at the corners of the outer pixels, on every forward pass, so that the
        learned grid gets its gradient from every resolution.
        """
        learned = _present(self.vit.pos_embed)
        own_rows, own_columns = self.vit.patch_embed.grid_size
        if (rows, columns) == (own_rows, own_columns):
            return learned
        if self._by_products(learned):
            resized = resize_grid(learned[0, 1:].unflatten(0, (own_rows, own_columns)), rows, columns)
            return torch.cat([learned[:, :1], resized.flatten(0, 1).unsqueeze(0)], dim=1)
        grid = learned[:, 1:].unflatten(1, (own_rows, own_columns)).permute(0, 3, 1, 2)
        # `size` gives the values of the reference's scale_factor and cannot miss the wanted size by rounding
        grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
        return torch.cat([learned[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)

    def forward(self, images: Tensor, keep: Tensor | None = None, final_norm: bool | None = None) -> Tensor:
        """Class token (B, D) of images (B, C, H, W), as of :meth:`tokens`."""
        return self.tokens(images, keep, final_norm, cls_only=True)[:, 0]

    def tokens(
        self, images: Tensor, keep: Tensor | None = None, final_norm: bool | None = None, cls_only: bool = False
    ) -> Tensor:
        """Tokens (B, 1 + N, D), class token first, of images (B, C, H, W), H and W multiples of the patch size.

        keep : indices of the patches to keep, (N,) for the whole batch or (B, N), one row per sample; None keeps all.
        final_norm : whether the final LayerNorm is applied; None takes the encoder's own setting.
        cls_only : (B, 1, D), the class token alone; the last block then computes nothing that is for others.
        """
        return self.encode(*self.placed(images, keep), final_norm, cls_only)

    def placed(self, images: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Embedded patches (B, n, D) with their positions, and the position (1, 1, D) of the class token."""
        height, width = images.shape[-2:]
        if height % self.patch_size[0] or width % self.patch_size[1]:
            raise InputError(
                f"an image of {height} x {width} pixels is not a multiple of the patch size {self.patch_size}"
            )
        positions = self.position_embedding(height // self.patch_size[0], width // self.patch_size[1])
        return self._placed_patches(images, positions[:, 1:], keep), positions[:, :1]

    def encode(
        self,
        tokens: Tensor,
        place: Tensor,
        final_norm: bool | None = None,
        cls_only: bool = False,
        hidden: Tensor | None = None,
    ) -> Tensor:
        """What the blocks give of a class token at `place` and of placed tokens, see :meth:`tokens`.

        hidden : added to the products of queries and keys, broadcast to (B, heads, queries, keys); None for nothing.
        """
        cls = (_present(self.vit.cls_token) + place).to(tokens.dtype).expand(tokens.shape[0], -1, -1)
        tokens = self.vit.norm_pre(self.vit.pos_drop(torch.cat([cls, tokens], dim=1)))
        *blocks, last = self.vit.blocks
        more = {} if hidden is None else {"attn_mask": hidden}
        for block in blocks:
            tokens = block(tokens, **more)
        plain = cls_only and is_plain(last)
        tokens = class_token(last, tokens, hidden) if plain else last(tokens, **more)
        normed = self.final_norm if final_norm is None else final_norm
        tokens = tokens[:, :1] if cls_only else tokens
        return self.vit.norm(tokens) if normed else tokens

    def _placed_patches(self, images: Tensor, positions: Tensor, keep: Tensor | None) -> Tensor:
        """Embedded patches (B, n, D) with their positions, of positions (1, N, D)."""
        if self._by_products(images):
            patches = self.vit.patch_embed.norm(embed_patches(self.vit.patch_embed.proj, images, keep))
            return patches + (positions if keep is None else select_rows(positions[0], keep))
        tokens = self.vit.patch_embed(images) + positions
        if keep is None:
            return tokens
        if keep.ndim == 1:
            return tokens[:, keep]
        return tokens.gather(1, keep.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))

    def _by_products(self, tensor: Tensor) -> bool:
        return tensor.is_cuda if self.products is None else self.products


def _present(parameter: nn.Parameter | None) -> nn.Parameter:
    """Position embedding or class token, which every plain ViT has."""
    if parameter is None:
        raise ValueError("not a plain ViT")
    return parameter


class PooledEncoder(Encoder):
    """Any other timm model: its pooled features (B, D). It has no patches to leave out."""

    def __init__(self, model: nn.Module, features: int):
        super().__init__()
        self.model = model
        self.num_features = features
        self.channels_last = False

    def forward(self, images: Tensor, keep: Tensor | None = None, final_norm: bool | None = None) -> Tensor:
        refuse_mask(keep)
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return self.model(images)


def set_attention(model: nn.Module, choice: str) -> None:
    """Choose how attention is computed: `fused` (one kernel), `eager` (matmul, softmax, matmul).

    `auto` is `eager` until the device is known; whoever moves the model there calls this again with what
    :func:`cwamsn.models.precision.resolve_attention` returns.
    """
    fused = choice == "fused"
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = fused  # type: ignore[assignment]  # a flag of timm's attention


def set_layout(model: nn.Module, device: torch.device) -> None:
    """On CUDA, keep the weights and images of convolutional encoders channels last, as tensor cores want them."""
    for module in model.modules():
        if isinstance(module, PooledEncoder):
            module.channels_last = device.type == "cuda"
            layout = torch.channels_last if module.channels_last else torch.contiguous_format
            module.model.to(memory_format=layout)


@torch.no_grad()
def reference_init(model: nn.Module) -> None:
    """Initialise as the MSN reference does.

    Linear weights, position embedding and class token from a normal of standard deviation .02 (truncated at ±2, so in
    effect not at all), the patch convolution Kaiming-normal, biases 0, norms 1 and 0.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for name in ("pos_embed", "cls_token"):
        if isinstance(getattr(model, name, None), nn.Parameter):
            nn.init.trunc_normal_(getattr(model, name), std=0.02)
