"""Molecules and texts as inputs: Morgan fingerprints, captions, and the perceptron that encodes them."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.models import GlobalBatchNorm1d
from cwamsn.training.objectives.registry import Networks

FINGERPRINT_RADIUS, FINGERPRINT_SIZE = 3, 1024


def fingerprints(smiles: Iterable[str | None]) -> tuple[np.ndarray, np.ndarray]:
    """Morgan fingerprints (N, 1024) uint8 with radius 3 and chirality, and (N,) whether RDKit could read the molecule.

    Rows of missing or refused SMILES are zeros and marked unreadable; the caller leaves them out and counts them.
    """
    from rdkit import Chem, RDLogger  # only objectives that look at molecules need RDKit
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(
        radius=FINGERPRINT_RADIUS, fpSize=FINGERPRINT_SIZE, includeChirality=True
    )
    smiles = list(smiles)
    bits, readable = np.zeros((len(smiles), FINGERPRINT_SIZE), np.uint8), np.zeros(len(smiles), bool)
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]  # refused molecules are counted, not printed one by one
    try:
        for i, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text) if isinstance(text, str) and text.strip() else None
            if molecule is not None and molecule.GetNumAtoms():
                bits[i], readable[i] = generator.GetFingerprintAsNumPy(molecule), True
    finally:
        RDLogger.EnableLog("rdApp.*")  # type: ignore[attr-defined]
    return bits, readable


def caption(perturbation: str, smiles: str | None, cells: str = "U2OS") -> str:
    """What CellCLIP's text encoder reads about a compound."""
    return f"{cells} cells treated with compound {perturbation}, SMILES {smiles}"


def hashed_trigrams(texts: Iterable[str], size: int = 2048) -> np.ndarray:
    """(N, size) float32: counts of the texts' character trigrams in hashed bins, each row of length 1.

    An offline stand-in for a pretrained language model: it knows nothing about words or molecules.
    """
    texts = list(texts)
    counts = np.zeros((len(texts), size), np.float32)
    for row, text in zip(counts, texts):
        padded = "  " + re.sub(r"\s+", " ", text) + " "
        for i in range(len(padded) - 2):
            digest = hashlib.blake2b(padded[i : i + 3].encode(), digest_size=4).digest()
            row[int.from_bytes(digest, "little") % size] += 1
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-12)


def language_model_features(texts: Iterable[str], folder: str) -> np.ndarray:
    """(N, size) float32: the pooled output of a BERT model in `folder` (configuration, tokenizer, safetensors)."""
    if not Path(folder).is_dir():
        raise InputError(
            f"training.objective_options.text_encoder: no such folder: {folder}; give a local copy of a model such as "
            "bert-base-cased, or hashed-trigrams"
        )
    from transformers import AutoModel, AutoTokenizer

    # a local folder, so there is no revision to pin
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)  # nosec B615
    model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()  # nosec B615
    rows = []
    with torch.no_grad():
        for text in texts:
            rows.append(model(**tokenizer(text, truncation=True, max_length=512, return_tensors="pt")).pooler_output[0])
    return torch.stack(rows).float().numpy()


def has_molecule(perturbations: pd.DataFrame) -> np.ndarray:
    """(N,) whether RDKit reads the perturbation's `smiles`."""
    return fingerprints(perturbations["smiles"])[1]


class Perceptron(nn.Module):
    """`layers` of Linear, BatchNorm and ReLU of `hidden` units, then Linear: the molecule encoder of CLOOME."""

    def __init__(self, in_features: int, out_features: int, hidden: int = 1024, layers: int = 4):
        super().__init__()
        steps: list[nn.Module] = []
        for i in range(layers):
            width = in_features if i == 0 else hidden
            steps += [nn.Linear(width, hidden), GlobalBatchNorm1d(hidden), nn.ReLU()]
        self.layers = nn.Sequential(*steps, nn.Linear(hidden if layers else in_features, out_features))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class MoleculeEncoder(nn.Module):
    """Codes of perturbations (B,) to (B, out_features): their Morgan fingerprints through a :class:`Perceptron`."""

    fingerprints: Tensor

    def __init__(self, classes: int, out_features: int):
        super().__init__()
        self.register_buffer("fingerprints", torch.zeros(classes, FINGERPRINT_SIZE, dtype=torch.uint8))
        self.perceptron = Perceptron(FINGERPRINT_SIZE, out_features)

    def forward(self, codes: Tensor) -> Tensor:
        return self.perceptron(self.fingerprints[codes].to(next(self.perceptron.parameters()).dtype))

    def read(self, perturbations: pd.DataFrame) -> None:
        """Fill in the fingerprints of the perturbations, in the order of their codes."""
        bits, _ = fingerprints(perturbations["smiles"])
        self.fingerprints[: len(bits)] = torch.from_numpy(bits)


def read_fingerprints(model: Networks, perturbations: pd.DataFrame) -> None:
    """Fill in the fingerprints of a model whose objective has a :class:`MoleculeEncoder` called `molecules`."""
    model.parts["molecules"].read(perturbations)
