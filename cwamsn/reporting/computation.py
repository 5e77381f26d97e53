"""Parameters and operations of a trained encoder, counted on the network itself (torch's counter, no arithmetic)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from cwamsn.encoder_files import read_description, trained_on
from cwamsn.files import write_json
from cwamsn.models import PatchEncoder, build_encoder, encoder_arguments
from cwamsn.reporting.flops import head_forward
from cwamsn.training import Recipe


@dataclass(frozen=True)
class Computation:
    """Size and cost of a trained encoder, in the convention of :mod:`cwamsn.reporting.flops`.

    Its fields are those of the same names of :class:`cwamsn.reporting.TableMethod`.
    """

    images: int
    """Images it was trained on."""
    parameters: int
    """Parameters of the encoder without projection head."""
    inference_gflops: float
    """GFLOP of the forward pass of one image."""
    gflops: float
    """GFLOP of the encoder on all anchor views of a pair, forward."""
    step_gflops: float | None
    """GFLOP of a training step per pair; None where nothing is trained or the objective keeps no moving average."""
    device: str | None
    """Device it was trained on."""
    training_data: str
    """What it was trained on, in a few words."""
    steps: int
    """Optimiser steps."""
    perturbations: int | None = None
    """Perturbations that gave pairs; None: nothing was trained, or by a version that did not count them."""
    wells: int | None = None
    """Their wells."""
    well_pairs: int | None = None
    """Pairs of their wells that could be anchor and target; None too where the target comes from the same well."""


def count_computation(description: Mapping[str, Any]) -> Computation:
    """Count the encoder of an `encoder.json`, given its content."""
    recipe, channels = Recipe.from_config(description["recipe"]), len(description["channels"])
    network, views = recipe.network, recipe.views
    options = encoder_arguments(network.encoder, network.encoder_options, views.rand_size)
    with torch.device("meta"):
        encoder = build_encoder(network.encoder, channels, attention="eager", **options)
        encoder.eval()  # BatchNorm refuses a single image in training mode

        height, width = encoder.patch_size

        def forward(size: int, mask_ratio: float = 0.0) -> float:
            patches = (size // height) * (size // width)
            kept = int(patches * (1 - mask_ratio))
            keep = torch.arange(kept) if kept < patches else None
            images = torch.empty(1, channels, size, size)
            with FlopCounterMode(display=False) as counter:
                # by the convention of table 7 a transformer gives all tokens, though training reads the first alone
                (encoder.tokens if isinstance(encoder, PatchEncoder) else encoder)(images, keep)
            return counter.get_total_flops() / 1e9

        inference = forward(views.rand_size)
        anchor = views.rand_views * forward(views.rand_size, views.mask_ratio)
        if views.focal_views:
            masked = views.mask_ratio if views.mask_views == "all" else 0.0
            anchor += views.focal_views * forward(views.focal_size, masked)
    head = head_forward(encoder.num_features, network.hidden_dim, network.output_dim) / 1e9
    counts = description.get("counts", {})
    step = 3 * (anchor + (views.rand_views + views.focal_views) * head) + inference + head
    return Computation(
        images=description["images"],
        parameters=sum(p.numel() for p in encoder.parameters()),
        inference_gflops=inference,
        gflops=anchor,
        step_gflops=step if description["steps"] and "target" in description["networks"] else None,
        device=description.get("device"),
        training_data=trained_on(description),
        steps=description["steps"],
        perturbations=counts.get("perturbations_used"),
        wells=counts.get("wells_used"),
        well_pairs=counts.get("well_pairs"),
    )


def write_computation(description: str | Path, output: str | Path) -> None:
    """Count the encoder of the file `description`, an `encoder.json` or an exported `config.json`."""
    write_json(asdict(count_computation(read_description(description))), output)
