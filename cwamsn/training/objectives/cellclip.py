"""CellCLIP: channel-wise features of a frozen encoder against captions, continuously weighted contrastive loss."""

import math

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.models import ChannelwiseEncoder, Encoder
from cwamsn.training.arithmetic import full_precision
from cwamsn.training.batch import Batch
from cwamsn.training.objectives.gathering import gather_with_gradient, mean_over_views
from cwamsn.training.objectives.molecules import caption, has_molecule, hashed_trigrams, language_model_features
from cwamsn.training.objectives.registry import Features, Molecules, Networks, no_head, objective, options_of
from cwamsn.training.recipe import Recipe

STAND_IN = "hashed-trigrams"
LOG_SCALE = math.log(14.3)  # of the inverse temperature, where it starts


@full_precision
def cwcl(profiles: Tensor, images: Tensor, texts: Tensor, log_scale: float | Tensor = LOG_SCALE) -> Tensor:
    """Continuously weighted contrastive loss (Srinivasa et al. 2023, arXiv:2309.14580) as CellCLIP weighs it.

    profiles: (B, C, E), features of each channel before the image encoder; images, texts: (B, D) encoded. From image to
    text every text counts with w_ij, the cosine of profiles i and j averaged over channels, brought to 0-1 and
    normalised over j; from text to image it is InfoNCE. The two are added.
    """
    profiles = F.normalize(gather_with_gradient(profiles), dim=2)
    images, texts = F.normalize(gather_with_gradient(images), dim=1), F.normalize(gather_with_gradient(texts), dim=1)
    weight = torch.einsum("ice,jce->ij", profiles, profiles) / (2 * profiles.shape[1]) + 0.5
    weight = weight / weight.sum(dim=1, keepdim=True)
    logits = torch.as_tensor(log_scale, dtype=images.dtype, device=images.device).exp() * images @ texts.T
    to_text = -(weight * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    to_image = F.cross_entropy(logits.T, torch.arange(len(images), device=images.device))
    return to_text + to_image


class TextEncoder(nn.Module):
    """Caption features, computed once, and a trained linear map: codes (B,) to (B, out_features)."""

    features: Tensor

    def __init__(self, classes: int, features: int, out_features: int):
        super().__init__()
        self.register_buffer("features", torch.zeros(classes, features))
        self.project = nn.Linear(features, out_features)
        self.log_scale = nn.Parameter(torch.tensor(LOG_SCALE))

    def forward(self, codes: Tensor) -> Tensor:
        return self.project(self.features[codes])

    def read(self, perturbations: pd.DataFrame, encoder: str, cells: str) -> None:
        """Fill in the captions' features, in the order of the codes."""
        pairs = zip(perturbations["perturbation"], perturbations["smiles"])
        texts = [caption(name, smiles, cells) for name, smiles in pairs]
        size = self.features.shape[1]
        values = hashed_trigrams(texts, size) if encoder == STAND_IN else language_model_features(texts, encoder)
        if values.shape[1] != size:
            raise InputError(
                f"training.objective_options.text_features: {encoder} gives {values.shape[1]} features, not {size}"
            )
        self.features[: len(values)] = torch.from_numpy(values).to(self.features)


def prepare(model: Networks, perturbations: pd.DataFrame) -> None:
    """Fill in the captions' features of `model`."""
    options = options_of(model.recipe)
    model.parts["texts"].read(perturbations, options["text_encoder"], options["cells"])


def text_encoder(recipe: Recipe, classes: int, encoder: Encoder) -> dict[str, nn.Module]:
    if not isinstance(encoder, ChannelwiseEncoder):
        raise InputError("training.encoder: cellclip looks at each channel alone; take channelwise")
    return {"texts": TextEncoder(classes, options_of(recipe)["text_features"], encoder.num_features)}


def features(model: Networks, batch: Batch, recipe: Recipe) -> Features:
    """Profiles (V·B, C, E) and encodings (V·B, D) of the anchor views, view-major, texts (B, D), trained scale."""
    encoder, texts = model.anchor.encoder, model.parts["texts"]
    profiles = torch.cat([encoder.profiles(group.images, group.keep) for group in batch.anchors])
    return {
        "profiles": profiles,
        "images": encoder.join(profiles),
        "texts": texts(batch.perturbation),
        "log_scale": texts.log_scale,
    }


@objective(
    "cellclip",
    features,
    modules=text_encoder,
    head=no_head,
    options={"text_encoder": STAND_IN, "text_features": 2048, "cells": "U2OS"},
    molecules=Molecules(usable=has_molecule, prepare=prepare),
)
def cellclip(recipe: Recipe, profiles: Tensor, images: Tensor, texts: Tensor, log_scale: Tensor) -> dict[str, Tensor]:
    """Images of the anchors against captions of their compounds, weighted by the similarity of the frozen features;
    the mean over anchor views.

    Differs from CellCLIP in that the text encoder is not trained (only the map after it) and that a bag is one field.
    `text_encoder` is the folder of a BERT model, or the stand-in `hashed-trigrams`, which does not model language.
    """
    loss = mean_over_views(lambda *view: cwcl(*view, texts, log_scale), len(texts), profiles, images)
    return {"loss": loss}
