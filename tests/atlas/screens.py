"""A small screen for the tests of atlases: genes with known relationships, a compound at doses, controls."""

from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.profiles import Profiles, align_profiles, well_profiles, write_anndata
from tests.pictures.stores import noise, write_store

GENES = ["BRCA1", "BRCA2", "RAD51", "TP53", "MDM2", "KRAS"]
DOSES = [0.1, 1.0, 10.0]


def wells_of(plates: int = 3) -> pd.DataFrame:
    """Each plate holds every gene twice, two compounds at three doses once, and four controls; plates lie in two
    batches, in which their names repeat."""
    rows = []
    for plate in range(plates):
        batch, name = f"e{plate % 2}", str(plate // 2 + 1)
        held = [(gene, "CRISPR", None, np.nan) for gene in GENES * 2]
        held += [(drug, "COMPOUND", None, dose) for drug in ("aspirin", "taxol") for dose in DOSES]
        held += [("DMSO", "COMPOUND", "negative", np.nan)] * 4
        for place, (perturbation, kind, control, dose) in enumerate(held):
            row, column = place // 6 + 1, place % 6 + 1
            address = f"{chr(64 + row)}{column:02d}"
            rows.append(
                {
                    "well_id": f"{batch}_{name}_{address}", "screen": "s", "experiment": batch, "plate": name,
                    "address": address, "row": row, "column": column, "perturbation": perturbation,
                    "perturbation_type": kind, "control": control, "concentration": dose, "treatment": None,
                    "split": None, "cell_count": float(50 + place),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def profiles_of(wells: pd.DataFrame, size: int = 8, seed: int = 0, simulated: bool = False) -> Profiles:
    """Vectors with an effect of each perturbation, aligned by centring and scaling."""
    rng = np.random.default_rng(seed)
    codes, names = pd.factorize(wells["perturbation"])
    effects = 2 * rng.normal(size=(len(names), size))
    effects[list(names).index("DMSO")] = 0
    features = effects[codes] + rng.normal(size=(len(wells), size))
    frame = pd.DataFrame(features, columns=[f"feature_{i}" for i in range(size)]).assign(well_id=wells["well_id"])
    about = {"screen": {"name": "s", "simulated": simulated}}
    return align_profiles(well_profiles(frame, wells, about=about), "center-scale")


def write_screen(folder: Path, *, simulated: bool = False) -> tuple[Path, Path, Path]:
    """Profiles, wells table and crops table of a screen below `folder`."""
    wells = wells_of()
    folder.mkdir(parents=True, exist_ok=True)
    write_anndata(profiles_of(wells, simulated=simulated), folder / "profiles.h5ad")
    tables.write(wells, "wells", folder / "wells.parquet")
    crops = write_store(folder, {well: [noise(i, 48, 48)] for i, well in enumerate(wells["well_id"])})
    return folder / "profiles.h5ad", folder / "wells.parquet", crops


def write_relationships(folder: Path) -> Path:
    """Two sources, which share one relationship."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "One.txt").write_text("entity1,entity2\nBRCA1,BRCA2\nBRCA2,RAD51\nBRCA1,NOTHERE\n")
    (folder / "Two.txt").write_text("entity1,entity2\nBRCA2,BRCA1\nMDM2,TP53\n")
    return folder
