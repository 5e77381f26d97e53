"""A small screen as a laboratory has it: TIFF planes on disk, a load_data.csv in the Gallery's style, a plate map."""

from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import torch

from cwamsn.training import Recipe
from cwamsn.training.model import Model
from cwamsn.training.weights import save_encoder

STAINS = ("DNA", "RNA", "ER", "AGP", "Mito")
CONTROLS = ("A01", "B02", "C03", "D04")
TREATED = {"A02": "X1", "B01": "X1", "C01": "X2", "D02": "X2"}


def field(seed: int, stains: int = 5, shape: tuple[int, int] = (40, 48)) -> np.ndarray:
    """(stains, H, W) uint16: smooth 12-bit planes with noise, another picture per stain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = [1000 + 800 * np.sin(y / 7 + c + seed) * np.cos(x / 9 - c) for c in range(stains)]
    return np.clip(np.stack(waves) + rng.normal(0, 60, (stains, *shape)), 0, 4095).astype(np.uint16)


def write_lab(root: Path, plates: tuple[str, ...] = ("P1", "P2"), sites: int = 2, stains=STAINS, **shape) -> Path:
    """Write the screen below `root`; returns its load_data.csv, beside which the platemap.csv lies."""
    rows = []
    for p, plate in enumerate(plates):
        folder = root / "images" / plate
        folder.mkdir(parents=True)
        for w, well in enumerate([*CONTROLS, *TREATED]):
            for site in range(1, sites + 1):
                row = {"Metadata_Plate": plate, "Metadata_Well": well, "Metadata_Site": site}
                planes = field(1000 * p + 10 * w + site, len(stains), **shape)
                for stain, plane in zip(stains, planes):
                    name = f"{well}-{site}-{stain}.tif"
                    tifffile.imwrite(folder / name, plane)
                    row |= {f"FileName_Orig{stain}": name, f"PathName_Orig{stain}": f"images/{plate}"}
                rows.append(row)
    pd.DataFrame(rows).to_csv(root / "load_data.csv", index=False)
    compounds = dict.fromkeys(CONTROLS, "DMSO") | TREATED
    doses = ["" if name == "DMSO" else "0.003" for name in compounds.values()]
    names = list(compounds.values())
    table = pd.DataFrame({"well_position": list(compounds), "broad_sample": names, "mmoles_per_liter": doses})
    table.to_csv(root / "platemap.csv", index=False)
    return root / "load_data.csv"


def write_encoder(folder: Path, channels=STAINS, side: int = 32, seed: int = 0, recipe=None, **more) -> Path:
    """What a training leaves, without training: a vision transformer of 24 features, or what `recipe` says."""
    torch.manual_seed(seed)
    options = {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8}
    sizes = {"rand_size": side, "hidden_dim": 16, "output_dim": 8, "prototypes": 4}
    vit = {"encoder": "vit_tiny_patch16_224", "encoder_options": options}
    built = Recipe.from_config(vit | sizes | (recipe or {}))
    model = Model(built, len(channels), classes=5)
    description = {
        "recipe": built.to_config(),
        "channels": list(channels),
        "classes": 5,
        "input_size": side,
        "mean": [100.0] * len(channels),
        "std": [40.0] * len(channels),
        "networks": ["anchor", "target"],
        "seed": 3,
        "steps": 6,
        "images": 40,
        "device": "a processor",
        "precision": "float32",
        "data_sha256": {"crops": "1" * 64, "wells": "2" * 64},
        "training_screen": {"name": "bray-sim", "source": "bray", "simulated": True},
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_encoder(model, description | more, folder)
    return folder
