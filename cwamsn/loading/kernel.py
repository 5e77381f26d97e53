# mypy: disable-error-code="no-untyped-def, misc, index"
"""Views on a GPU: one launch of a Triton kernel for all views of one size.

Only imported where this way is taken: torch for the CPU comes without Triton.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

# Pixels of a view that one program makes: they divide views of 224 and 96, and a row of a block reads pixels that lie
# side by side.
ROWS, COLUMNS = 16, 32


def cut(images: Tensor, boxes: Tensor, turns: Tensor | None, affine: Tensor, antialias: bool, out: Tensor) -> None:
    """Write views of `images` uint8 (B, C, H, W) to `out` float32 (V·B, C, S, S), both contiguous.

    Boxes and turns as of `ViewCutter`; affine (2, C) float32: factor and offset of each channel.
    """
    batch, channels, height, width = images.shape
    size = out.shape[-1]
    down, across = triton.cdiv(size, ROWS), triton.cdiv(size, COLUMNS)
    grid = (len(boxes) * channels * down * across,)
    boxes = boxes.contiguous()
    how = boxes if turns is None else turns.contiguous()
    with torch.cuda.device_of(images):  # Triton launches on the current device
        _views[grid](
            images, boxes, how, affine, out, batch, channels, height, width,
            SIZE=size, DOWN=down, ACROSS=across, ANTIALIAS=antialias, TURNED=turns is not None,
            BLOCK_Y=ROWS, BLOCK_X=COLUMNS, num_warps=4, num_stages=1,
        )  # fmt: skip


@triton.jit
def _first_tap(position, length, reach, taps, SIZE: tl.constexpr):
    """Of output pixels at `position`: the first pixel of the box that may count, and its distance from the centre.

    Distances are in units of 1 / (2 SIZE) pixels, in which all of them are integers. The centre of an output pixel is
    at ((2 position + 1) length - SIZE) of these units, and `reach` of them to either side count.
    """
    centre = (2 * position + 1) * length - SIZE
    unit = 2 * SIZE
    # floor(x) + 1 of a number that may be negative, by a division of a positive one
    first = (centre - reach + unit * (taps + 1)) // unit - taps
    return first, first * unit - centre


@triton.jit
def _weight(first, distance, tap, length, slope, SIZE: tl.constexpr):
    """Weight of a tap, not yet divided by the sum over taps; 0 outside the box."""
    pixel = first + tap
    weight = 1.0 - tl.abs(distance + 2 * SIZE * tap).to(tl.float32) * slope
    return tl.where((pixel >= 0) & (pixel < length), tl.maximum(weight, 0.0), 0.0)


@triton.jit
def _views(
    images, boxes, turns, affine, out, batch, channels, height, width,
    SIZE: tl.constexpr, DOWN: tl.constexpr, ACROSS: tl.constexpr, ANTIALIAS: tl.constexpr, TURNED: tl.constexpr,
    BLOCK_Y: tl.constexpr, BLOCK_X: tl.constexpr,
):  # fmt: skip
    """One block of one channel of one view; programs of one view are neighbours, and share what they read."""
    program = tl.program_id(0)
    block, plane = program % (DOWN * ACROSS), program // (DOWN * ACROSS)
    view, channel = plane // channels, plane % channels
    top = tl.load(boxes + view * 4).to(tl.int32)
    left = tl.load(boxes + view * 4 + 1).to(tl.int32)
    box_height = tl.load(boxes + view * 4 + 2).to(tl.int32)
    box_width = tl.load(boxes + view * 4 + 3).to(tl.int32)
    # All that a thread computes has the shape of the block: rows and columns of shapes of their own would be exchanged
    # between threads at every tap, and what its pixels have in common is computed once all the same.
    y = tl.broadcast_to(((block // ACROSS) * BLOCK_Y + tl.arange(0, BLOCK_Y))[:, None], BLOCK_Y, BLOCK_X)
    x = tl.broadcast_to(((block % ACROSS) * BLOCK_X + tl.arange(0, BLOCK_X))[None, :], BLOCK_Y, BLOCK_X)
    reach_y, reach_x = box_height * 0 + 2 * SIZE, box_width * 0 + 2 * SIZE
    if ANTIALIAS:
        reach_y, reach_x = 2 * tl.maximum(box_height, SIZE), 2 * tl.maximum(box_width, SIZE)
    slope_y, slope_x = 1.0 / reach_y.to(tl.float32), 1.0 / reach_x.to(tl.float32)
    # pixels within `reach` of a centre, at most
    taps_y, taps_x = (reach_y + SIZE - 1) // SIZE, (reach_x + SIZE - 1) // SIZE
    # beyond the view's edge its last pixel is computed again, and not stored
    first_y, distance_y = _first_tap(tl.minimum(y, SIZE - 1), box_height, reach_y, taps_y, SIZE)
    first_x, distance_x = _first_tap(tl.minimum(x, SIZE - 1), box_width, reach_x, taps_x, SIZE)

    # numbers of images and views times their pixels need 64 bits
    source = images + ((view % batch).to(tl.int64) * channels + channel) * height * width + top * width + left
    total_x = tl.zeros([BLOCK_Y, BLOCK_X], tl.float32)
    for tap_x in range(taps_x):
        total_x += _weight(first_x, distance_x, tap_x, box_width, slope_x, SIZE)
    total_y = tl.zeros([BLOCK_Y, BLOCK_X], tl.float32)
    views = tl.zeros([BLOCK_Y, BLOCK_X], tl.float32)
    for tap_y in range(taps_y):
        weight_y = _weight(first_y, distance_y, tap_y, box_height, slope_y, SIZE)
        total_y += weight_y
        # what has no weight is read from the box all the same: no read needs a mask
        rows = tl.minimum(tl.maximum(first_y + tap_y, 0), box_height - 1) * width
        across = tl.zeros([BLOCK_Y, BLOCK_X], tl.float32)
        for tap_x in range(taps_x):
            weight_x = _weight(first_x, distance_x, tap_x, box_width, slope_x, SIZE)
            columns = tl.minimum(tl.maximum(first_x + tap_x, 0), box_width - 1)
            pixels = tl.load(source + (rows + columns)).to(tl.float32)
            across += pixels * weight_x
        views += across * weight_y
    views = views / (total_y * total_x)
    views = views * tl.load(affine + channel) + tl.load(affine + channels + channel)

    step_y, step_x = SIZE, 1
    target_y, target_x = y, x
    if TURNED:
        left_right = tl.load(turns + view * 3).to(tl.int32)
        up_down = tl.load(turns + view * 3 + 1).to(tl.int32)
        quarters = tl.load(turns + view * 3 + 2).to(tl.int32)
        # a quarter turn is a mirror left-right and an exchange of the axes, three are a mirror up-down and an exchange
        flip_y = up_down ^ (quarters >= 2).to(tl.int32)
        flip_x = left_right ^ ((quarters == 1) | (quarters == 2)).to(tl.int32)
        target_y = tl.where(flip_y != 0, SIZE - 1 - y, y)
        target_x = tl.where(flip_x != 0, SIZE - 1 - x, x)
        exchanged = quarters % 2
        step_y, step_x = tl.where(exchanged != 0, 1, SIZE), tl.where(exchanged != 0, SIZE, 1)
    target = out + plane.to(tl.int64) * SIZE * SIZE
    place = target_y * step_y + target_x * step_x
    tl.store(target + place, views, mask=(y < SIZE) & (x < SIZE))
