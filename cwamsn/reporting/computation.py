"""Parameters and operations of a trained encoder, counted on the network itself (torch's counter, no arithmetic)."""

from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from cwamsn.files import read_json, write_json
from cwamsn.models import build_encoder, encoder_arguments
from cwamsn.reporting.flops import head_forward


def count_computation(description: dict[str, Any]) -> dict[str, Any]:
    """Counts for the content of an `encoder.json`, in the convention of :mod:`cwamsn.reporting.flops`.

    Returns
    -------
    `images` it was trained on; `parameters` of the encoder without projection head; GFLOP of one image's forward pass
    (`inference_gflops`), of the encoder on all anchor views of a pair, forward (`gflops`), and of a full training step
    per pair (`step_gflops`; None where nothing is trained, and where the objective keeps no moving average, whose cost
    this formula does not hold); the `device` it was trained on.
    """
    recipe, channels = description["recipe"], len(description["channels"])
    options = encoder_arguments(recipe) | {"attention": "eager"}
    with torch.device("meta"):
        encoder = build_encoder(recipe["encoder"], channels, **options)
        encoder.eval()  # BatchNorm refuses a single image in training mode

        def forward(size: int, mask_ratio: float = 0.0) -> float:
            patches = (size // encoder.patch_size[0]) * (size // encoder.patch_size[1])
            kept = int(patches * (1 - mask_ratio))
            keep = torch.arange(kept) if kept < patches else None
            with FlopCounterMode(display=False) as counter:
                encoder(torch.empty(1, channels, size, size), keep)
            return counter.get_total_flops() / 1e9

        inference = forward(recipe["rand_size"])
        anchor = recipe["rand_views"] * forward(recipe["rand_size"], recipe["mask_ratio"])
        if recipe["focal_views"]:
            masked = recipe["mask_ratio"] if recipe["mask_views"] == "all" else 0.0
            anchor += recipe["focal_views"] * forward(recipe["focal_size"], masked)
    head = head_forward(encoder.num_features, recipe["hidden_dim"], recipe["output_dim"]) / 1e9
    step = 3 * (anchor + (recipe["rand_views"] + recipe["focal_views"]) * head) + inference + head
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
