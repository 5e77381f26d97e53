"""Parameters and operations of a trained encoder, counted on the network itself (torch's counter, no arithmetic)."""

from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from cwamsn.files import read_json, write_json
from cwamsn.models import build_encoder, encoder_arguments
from cwamsn.reporting.flops import head_forward
from cwamsn.training import Recipe


def count_computation(description: dict[str, Any]) -> dict[str, Any]:
    """Counts for the content of an `encoder.json`, in the convention of :mod:`cwamsn.reporting.flops`.

    Returns
    -------
    `images` it was trained on; `parameters` of the encoder without projection head; GFLOP of one image's forward pass
    (`inference_gflops`), of the encoder on all anchor views of a pair, forward (`gflops`), and of a full training step
    per pair (`step_gflops`; None where nothing is trained, and where the objective keeps no moving average, whose cost
    this formula does not hold); the `device` it was trained on.
    """
    recipe, channels = Recipe.from_config(description["recipe"]), len(description["channels"])
    network, views = recipe.network, recipe.views
    options = encoder_arguments(network.encoder, network.encoder_options, views.rand_size)
    with torch.device("meta"):
        encoder = build_encoder(network.encoder, channels, attention="eager", **options)
        encoder.eval()  # BatchNorm refuses a single image in training mode

        def forward(size: int, mask_ratio: float = 0.0) -> float:
            patches = (size // encoder.patch_size[0]) * (size // encoder.patch_size[1])
            kept = int(patches * (1 - mask_ratio))
            keep = torch.arange(kept) if kept < patches else None
            with FlopCounterMode(display=False) as counter:
                encoder(torch.empty(1, channels, size, size), keep)
            return counter.get_total_flops() / 1e9

        inference = forward(views.rand_size)
        anchor = views.rand_views * forward(views.rand_size, views.mask_ratio)
        if views.focal_views:
            masked = views.mask_ratio if views.mask_views == "all" else 0.0
            anchor += views.focal_views * forward(views.focal_size, masked)
    head = head_forward(encoder.num_features, network.hidden_dim, network.output_dim) / 1e9
    step = 3 * (anchor + (views.rand_views + views.focal_views) * head) + inference + head
    return {
        "images": description["images"],
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "inference_gflops": inference,
        "gflops": anchor,
        "step_gflops": step if description["steps"] and "target" in description["networks"] else None,
        "device": description.get("device"),
    }


def write_computation(description: str | Path, output: str | Path) -> None:
    """Count the encoder that `description`, an `encoder.json`, stands for."""
    write_json(count_computation(read_json(description)), output)
