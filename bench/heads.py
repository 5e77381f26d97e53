"""Heads on frozen features: how long learning one takes; and the real plates of LINCS, with one perturbation left out.

`OMP_NUM_THREADS=1 python -m bench.heads` measures processor time on one thread. `python -m bench.heads lincs FOLDER`
reads the folder of `config/lincs_example.yaml` (load_data.csv, platemap.csv, images/): texture of five plates, two
compounds and DMSO. For each of the three a head is learned on the other two, DMSO being a perturbation like any other.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cwamsn.alignment import align
from cwamsn.embeddings.texture import texture
from cwamsn.heads import HeadOptions, apply_head, precision_across, train_head
from cwamsn.screens import read_plane

CASES = {
    "linear": {},
    "residual": {"residual": True},
    "two layers": {"layers": 2},
    "contrastive": {"loss": "contrastive"},
}
CHANNELS = ("DNA", "RNA", "ER", "AGP", "Mito")


def wells_of(perturbations: int, plates: int = 60, replicates: int = 4) -> pd.DataFrame:
    """A wells table: the replicates of a perturbation on plates that are drawn."""
    rng = np.random.default_rng(0)
    where = np.concatenate([rng.permutation(plates)[:replicates] for _ in range(perturbations)])
    names = np.repeat([f"p{i:05d}" for i in range(perturbations)], replicates)
    table = pd.DataFrame({"perturbation": names, "plate": [f"P{i}" for i in where], "experiment": "b", "control": None})
    return table.assign(well_id=[f"w{i:06d}" for i in range(len(table))])


def features_of(wells: pd.DataFrame, features: int) -> np.ndarray:
    """(N, D): what the perturbation does, three times as much of the plate, and noise."""
    rng = np.random.default_rng(1)

    def part(column: str, axes: int) -> np.ndarray:
        codes, names = pd.factorize(wells[column])
        return (rng.normal(size=(len(names), axes)) @ rng.normal(size=(axes, features)))[codes] / axes**0.5

    found = part("perturbation", 6) + 3 * part("plate", 6) + rng.normal(size=(len(wells), features))
    return found.astype(np.float32)


def speed(wells: int, features: int) -> None:
    """Print the processor time of each kind of head, all steps made."""
    table = wells_of(wells // 4)
    values = features_of(table, features)
    for name, chosen in CASES.items():
        began = time.process_time()
        trained = train_head(values, table, HeadOptions(**chosen, patience=1000))
        took = time.process_time() - began
        found = f"precision {trained.before:.3f} before, {trained.after:.3f} after"
        print(f"{name}: {took:.1f} s for {len(table):,} wells of {features} features, 1,000 steps; {found}", flush=True)


def lincs(folder: Path) -> None:
    """Print the precision of each perturbation's replicates across plates, by features, alignments and a head."""
    values, table = _lincs_fields(folder)
    wells = table.drop_duplicates("well_id").reset_index(drop=True)
    means = pd.DataFrame(values).groupby(table["well_id"].to_numpy()).mean().loc[wells["well_id"]].to_numpy()
    own = wells.assign(control=np.where(wells["perturbation"] == "DMSO", "negative", None), experiment=wells["plate"])
    rows = {"texture": means}
    rows |= {f"texture, {name}": align(means, own, name) for name in ("center-scale", "sphering")}
    found = {name: _by_perturbation(vectors, wells) for name, vectors in rows.items()}
    for target in ("well", "image"):
        found[f"head, pairs from {target}, mean of 5 seeds"] = _left_out(values, table, means, wells, target)
    print(pd.DataFrame(found).T.round(3).to_string())


def _left_out(
    values: np.ndarray, table: pd.DataFrame, means: np.ndarray, wells: pd.DataFrame, target: str
) -> dict[str, float]:
    """Precision of each perturbation by heads that were learned on the others."""
    found = {}
    for name in sorted(wells["perturbation"].unique()):
        rest = (table["perturbation"] != name).to_numpy()
        scores = []
        for seed in range(5):
            options = HeadOptions(target_from=target, validation=0, steps=300, output=16, prototypes=16, seed=seed)
            head = train_head(values[rest], table[rest].reset_index(drop=True), options).head
            scores.append(_by_perturbation(apply_head(head, means), wells)[name])
        found[name] = float(np.mean(scores))
    return found


def _by_perturbation(vectors: np.ndarray, wells: pd.DataFrame) -> dict[str, float]:
    """Mean average precision of each perturbation's wells among the wells of other plates."""
    names, plates = wells["perturbation"].to_numpy(str), wells["plate"].to_numpy(str)
    found = {}
    for name in np.unique(names):  # the others are distractors alone, each a perturbation of its own
        groups = np.where(names == name, name, np.arange(len(names)).astype(str))
        found[str(name)] = precision_across(vectors, groups, plates)
    return found


def _lincs_fields(folder: Path) -> tuple[np.ndarray, pd.DataFrame]:
    images, names = pd.read_csv(folder / "load_data.csv"), pd.read_csv(folder / "platemap.csv")
    treated = names.set_index("well_position")["pert_iname"]
    rows, values = [], []
    for _, field in images.iterrows():
        paths = [folder / field[f"PathName_Orig{name}"] / field[f"FileName_Orig{name}"] for name in CHANNELS]
        planes = np.stack([read_plane(str(path)) for path in paths])
        values.append(list(texture(planes, CHANNELS).values()))
        plate, well = str(field["Metadata_Plate"]), str(field["Metadata_Well"])
        ids = {"well_id": f"{plate}_{well}", "field_id": f"{plate}_{well}_{field['Metadata_Site']}"}
        rows.append(ids | {"plate": plate, "experiment": "b", "control": None, "perturbation": treated[well]})
    return np.array(values, np.float32), pd.DataFrame(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.heads", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["speed", "lincs"], default="speed")
    parser.add_argument("folder", nargs="?", type=Path, help="of LINCS")
    parser.add_argument("--wells", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=384)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.what == "lincs":
        lincs(given.folder)
    else:
        speed(given.wells, given.features)
