"""The last block of a vision transformer where only the class token is wanted of it.

Every token gives a key and a value there, but only the class token asks, and only its result is read: queries,
projection and perceptron of the others, ten twelfths of the block's products, are not computed. Values and gradients
are those of the whole block, but for rounding.
"""

from typing import Any

import torch.nn.functional as F
from timm.models.vision_transformer import Attention, Block
from torch import Tensor, nn


def is_plain(block: nn.Module) -> bool:
    """Whether :func:`class_token` computes what `block` does."""
    if type(block) is not Block or type(block.attn) is not Attention:
        return False
    return block.attn.gate is None and not block.attn.attn_drop.p


def class_token(block: Any, tokens: Tensor, hidden: Tensor | None = None) -> Tensor:
    """(B, 1, D): the first token that a plain `block` gives of tokens (B, N, D).

    hidden : added to the products of queries and keys, broadcast to (B, heads, 1, N); None for nothing.
    """
    x = tokens[:, :1] + block.drop_path1(block.ls1(_attend(block.attn, block.norm1(tokens), hidden)))
    return x + block.drop_path2(block.ls2(block.mlp(block.norm2(x))))


def _attend(attention: Attention, x: Tensor, hidden: Tensor | None) -> Tensor:
    """(B, 1, D): what the first of the tokens (B, N, D) gets from all of them."""
    width, weight, bias = attention.attn_dim, attention.qkv.weight, attention.qkv.bias
    query = F.linear(x[:, :1], weight[:width], None if bias is None else bias[:width])
    rest = F.linear(x, weight[width:], None if bias is None else bias[width:])
    heads = attention.num_heads, attention.head_dim
    k, v = rest.unflatten(2, (2, *heads)).permute(2, 0, 3, 1, 4).unbind(0)
    q, k = attention.q_norm(query.unflatten(2, heads).transpose(1, 2)), attention.k_norm(k)
    # Not the fused kernel on a GPU: on Hopper torch takes cuDNN's, whose backward pass has failed for a single query,
    # with which there is little to fuse.
    if attention.fused_attn and not x.is_cuda:
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=hidden)
    else:
        products = q * attention.scale @ k.transpose(-2, -1)
        y = (products if hidden is None else products + hidden).softmax(dim=-1) @ v
    y = attention.norm(y.transpose(1, 2).flatten(2))
    return attention.proj_drop(attention.proj(y))
