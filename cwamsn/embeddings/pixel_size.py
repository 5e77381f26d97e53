"""Screens whose pixels have another size than those an encoder was trained on: how much larger its views are cut."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cwamsn.embeddings.options import EmbedOptions
from cwamsn.errors import InputError
from cwamsn.notes import note

_SAME = 0.01  # sizes that differ by less, relatively, are equal: published ones are rounded
_MOST = 10.0  # a larger ratio is a mistake in the unit
_UNLIKE = 1.25  # whole fields that differ by more in size are said to


class Resampling(NamedTuple):
    """How views are cut, so that the encoder sees µm as it saw them in training."""

    scale: float
    """Pixels of the screen per pixel of the training's images."""
    encoder: float | None
    """µm per pixel of the images of the training, None if not known."""
    screen: float | None
    """µm per pixel of the screen."""

    @property
    def changes(self) -> bool:
        """Whether views are cut larger or smaller than without."""
        return self.scale != 1


def resampling(meta: Mapping[str, Any], statistics: Mapping[str, Any]) -> Resampling:
    """The ratio of pixel sizes of a screen and of an encoder's training; 1 where either is not known, or they agree.

    Parameters
    ----------
    meta : description of the encoder; of its `training_screen`, `microns_per_pixel` counts.
    statistics : of the screen, with `microns_per_pixel` where it is known.

    Raises
    ------
    InputError
        When they differ more than tenfold.
    """
    trained = (meta.get("training_screen") or {}).get("microns_per_pixel")
    own = statistics.get("microns_per_pixel")
    if not trained or not own:
        return Resampling(1.0, trained, own)
    scale = trained / own
    if not 1 / _MOST <= scale <= _MOST:
        raise InputError(
            f"images.microns_per_pixel: {own:g} µm, the encoder was trained at {trained:g} µm per pixel; correct the "
            "unit, or take an encoder of about this magnification"
        )
    return Resampling(1.0 if abs(scale - 1) < _SAME else scale, trained, own)


def scaled(size: int, options: EmbedOptions, found: Resampling) -> tuple[int, EmbedOptions]:
    """(side of a view of `size` pixels, options with the side of a tile) in pixels of the screen."""
    if not found.changes:
        return size, options
    return max(1, round(size * found.scale)), replace(options, tile_size=max(1, round(options.tile_size * found.scale)))


def say_resampling(found: Resampling, options: EmbedOptions, meta: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Note in a line what is resampled, or that it cannot be. shape : height and width of the screen's crops."""
    if found.encoder and found.screen:
        if options.view in ("resize", "resize_center"):
            _say_whole_fields(found, options.view, meta, shape)
        elif found.changes:
            sizes = f"{found.screen:g} µm per pixel here, {found.encoder:g} in the encoder's training"
            cut = f"views are cut {found.scale:.3g} times as large (embedding.view {options.view})"
            note(f"images are resampled: {sizes}: {cut}")
    elif found.screen:
        note(
            f"nothing is resampled: the screen has {found.screen:g} µm per pixel, the encoder's training does not say "
            "what it had"
        )


def _say_whole_fields(found: Resampling, view: str, meta: Mapping[str, Any], shape: Sequence[int]) -> None:
    trained = meta.get("image_size")
    if not trained or not found.encoder or not found.screen:
        return
    here, there = max(shape) * found.screen, max(trained) * found.encoder
    if max(here / there, there / here) > _UNLIKE:
        side = round(min(trained) * found.scale)
        advice = f"tiles of {side} pixels (embedding.view: tiles, tile_size) would show them as in training"
        if side > min(shape):
            advice = "these fields are too small to show them as in training"
        note(
            f"whole fields are resized (embedding.view {view}), {here:.0f} µm here and {there:.0f} µm in the encoder's "
            f"training: cells appear {there / here:.2g} times as large; {advice}"
        )
