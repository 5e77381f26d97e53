"""What rows without any training score on the simulated screens: the targets their strengths were fixed by.

    OMP_NUM_THREADS=1 python bench/simulated_references.py [--seed 1]

Draws the default evaluation screen and a training screen in memory and prints, for the latent phenotype (oracle), the
latent nuisance, pixel statistics, texture features, an untrained ViT and random numbers: recall of related genes at
5/95 for each source, average precision of compound-gene pairs at `max`, plate macro-F1, and replicate mAP on the
training screen. About three minutes.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from itertools import pairwise

import numpy as np
import pandas as pd
import timm
import torch
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cwamsn.screen_specs import SimulatedBraySpec, SimulatedRxRx3Spec
from cwamsn.simulate import bray, rxrx3_core
from cwamsn.simulate.genes import relationships


def pixel_statistics(fields: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of every channel: (n, 2 C)."""
    return np.concatenate([fields.mean((2, 3)), fields.std((2, 3))], axis=1)


def texture_features(fields: np.ndarray) -> np.ndarray:
    """Spread and skewness of every channel in four bands of scale, its mean, and the correlations of the channels."""
    rows = []
    for field in fields.astype(np.float32):
        values = []
        for plane in field:
            smooth = [plane] + [gaussian_filter(plane, s) for s in (1, 2, 4, 8)]
            bands = [a - b for a, b in pairwise(smooth)]
            values += [b.std() for b in bands] + [(b**3).mean() / (b.std() ** 3 + 1e-6) for b in bands] + [plane.mean()]
        pairs = np.triu_indices(len(field), 1)
        rows.append(np.concatenate([values, np.corrcoef(field.reshape(len(field), -1))[pairs]]))
    return np.array(rows)


def untrained_vit(fields: np.ndarray) -> np.ndarray:
    """Mean patch token of a small ViT with random weights on the field at 64 px, channels standardised: (n, 96)."""
    torch.manual_seed(0)
    channels = fields.shape[1]
    model = timm.models.vision_transformer.VisionTransformer(
        img_size=64, patch_size=8, in_chans=channels, embed_dim=96, depth=4, num_heads=3, num_classes=0
    ).eval()
    images = torch.from_numpy(fields.astype(np.float32))
    images = (images - images.mean((0, 2, 3), keepdim=True)) / images.std((0, 2, 3), keepdim=True)
    images = torch.nn.functional.interpolate(images, size=(64, 64), mode="bilinear", antialias=True)
    with torch.no_grad():
        tokens = [model.forward_features(images[i : i + 64])[:, 1:].mean(1) for i in range(0, len(images), 64)]
    return torch.cat(tokens).numpy()


def align(features: np.ndarray, control: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """PCA fit on the controls, then centre and scale on the controls of each batch (OpenPhenom's PCA-CenterScale)."""
    _, size, axes = np.linalg.svd(features[control] - features[control].mean(0), full_matrices=False)
    rotated = (features - features[control].mean(0)) @ axes[size > 1e-8 * size[0]].T
    for name in np.unique(batch):
        some = batch == name
        own = rotated[some & control]
        rotated[some] = (rotated[some] - own.mean(0)) / own.std(0)
    return rotated


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


def evaluation_scores(features: np.ndarray, wells: pd.DataFrame, truth: pd.DataFrame) -> dict[str, float]:
    control = (wells["treatment"] == "EMPTY_control").to_numpy()
    aligned = pd.DataFrame(align(features.astype(float), control, wells["batch"].to_numpy()))
    is_gene = (wells["perturbation_type"] == "CRISPR") & ~control
    genes = aligned[is_gene].groupby(wells["gene"][is_gene]).mean()
    similar = cosine(genes.to_numpy(), genes.to_numpy())
    low, high = np.quantile(similar[np.triu_indices(len(similar), 1)], [0.05, 0.95])
    place = {g: i for i, g in enumerate(genes.index)}
    scores = {}
    for source, pairs in relationships().items():
        known = np.array([similar[place[a], place[b]] for a, b in pairs if a in place and b in place])
        scores[source] = float(((known <= low) | (known >= high)).mean())
    dosed = wells["concentration"].notna()
    drugs = aligned[dosed].groupby([wells["treatment"][dosed], wells["concentration"][dosed]]).mean()
    pair = pd.DataFrame(np.abs(cosine(drugs.to_numpy(), genes.to_numpy())), index=drugs.index, columns=genes.index)
    pair = pair.groupby(level=0).max()
    precision = []
    for draw in range(10):
        for compound, rows in truth.groupby("treatment"):
            active = rows.loc[rows["nM_value"] <= 1000, "gene_symbol"].tolist()
            ambiguous = rows.loc[rows["nM_value"].between(1000, 10_000, inclusive="right"), "gene_symbol"]
            eligible = sorted(set(truth["gene_symbol"]) - set(active) - set(ambiguous))
            negative = np.random.default_rng(draw).choice(eligible, min(20, len(eligible)), replace=False)
            labels = [1] * len(active) + [0] * len(negative)
            precision.append(average_precision_score(labels, pair.loc[compound, active + list(negative)]))
    scores["compound-gene AP"] = float(np.mean(precision))
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores["plate F1"] = float(cross_val_score(probe, features, wells["plate"], cv=folds, scoring="f1_macro").mean())
    return scores


def replicate_map(features: np.ndarray, wells: pd.DataFrame) -> float:
    """Mean average precision of a compound's wells among the treated wells of the other plates of its map."""
    scaled = np.empty(features.shape)
    for plate in wells["plate"].unique():
        some = (wells["plate"] == plate).to_numpy()
        scaled[some] = (features[some] - features[some].mean(0)) / (features[some].std(0) + 1e-9)
    treated = wells["compound"].to_numpy() >= 0
    precision = []
    for _, rows in wells[treated].groupby("batch"):
        some = rows.index.to_numpy()
        similar = cosine(scaled[some], scaled[some])
        plate, compound = rows["plate"].to_numpy(), rows["compound"].to_numpy()
        for i in range(len(some)):
            other = plate != plate[i]
            precision.append(average_precision_score(compound[other] == compound[i], similar[i, other]))
    return float(np.mean(precision))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="seed of the evaluation screen (training screen: 100 more)")
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    evaluation = SimulatedRxRx3Spec(seed=seed)
    screens = {
        "evaluation": rxrx3_core.simulation(evaluation),
        "training": bray.simulation(SimulatedBraySpec(seed=seed + 100)),
    }
    rng = np.random.default_rng(0)
    rows = {
        "oracle": lambda s, f: s.latent + 1e-6 * rng.standard_normal(s.latent.shape),
        "nuisance": lambda s, f: s.nuisance.to_numpy()[:, s.nuisance.std().to_numpy() > 0],
        "pixel statistics": lambda s, f: pixel_statistics(f),
        "texture features": lambda s, f: texture_features(f),
        "untrained ViT": lambda s, f: untrained_vit(f),
        "random": lambda s, f: rng.standard_normal((len(f), 64)),
    }
    fields = {n: np.stack([s.field(w, 1) for w in s.design["well_id"]]) for n, s in screens.items()}
    truth = rxrx3_core.interactions(evaluation)
    table = {}
    for name, row in rows.items():
        table[name] = evaluation_scores(
            row(screens["evaluation"], fields["evaluation"]), screens["evaluation"].design, truth
        )
        table[name]["replicate mAP"] = replicate_map(
            row(screens["training"], fields["training"]), screens["training"].design
        )
    print(pd.DataFrame(table).T.round(3).to_markdown())


if __name__ == "__main__":
    main()
