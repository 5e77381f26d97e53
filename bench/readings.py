"""How much each reading of the protocols moves the numbers, on half-synthetic wells: the table of docs/benchmarks.md.

    python bench/readings.py

Real: layout, genes, compounds, truth and gene profiles (PERISCOPE; CWAMSN_SHARED). Simulated: wells, as a gene's
profile, an offset and a scale of its experiment and noise; a compound carries a share of its targets' profiles.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import benchmarks as full_size

from cwamsn.alignment import aggregate, align
from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.split_half import split_half_by_guide, split_half_summary

RENAMED = {"ATP5F1A": "ATP5A1", "ATP5ME": "ATP5I", "ATP5MF": "ATP5J2", "DMAC2L": "ATP5S", "MICOS13": "C19orf70"}
RENAMED["NECTIN1"] = "PVRL1"
LOW = [(0.05, 0.95)]


def profiles(dimension: int, rng: np.random.Generator) -> pd.DataFrame:
    """Real effect counts of genes, log and standardised, turned into `dimension` features by a random rotation."""
    folder = full_size.SHARED.parent / "profiles"
    parts = [pd.read_csv(p, index_col=0) for p in sorted(folder.glob("PERISCOPE_HeLa_HPLM_significant_features_*.csv"))]
    table = pd.concat(parts).select_dtypes("number")
    table = table.rename(index=RENAMED)
    table = np.log1p(table[~table.index.duplicated()])
    table = (table - table.mean()) / table.std()
    turned = table.to_numpy() @ rng.normal(size=(table.shape[1], dimension)) / np.sqrt(table.shape[1])
    return pd.DataFrame(turned, index=table.index)


def simulate(wells: pd.DataFrame, truth: pd.DataFrame, dimension: int = 64, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = profiles(dimension, rng)
    x = rng.normal(size=(len(wells), dimension)) * np.linspace(0.5, 2.0, dimension)
    gene = table.reindex(wells["gene"]).fillna(0.0).to_numpy()
    active = truth[(truth["nM_value"] <= cg.ACTIVE) & truth["gene_symbol"].isin(table.index)]
    target = active.groupby("treatment")["gene_symbol"].agg(lambda genes: table.loc[genes].mean())
    target = pd.DataFrame({name: value for name, value in target.items()}).T
    compound = target.reindex(wells["perturbation"]).fillna(0.0).to_numpy(float)
    dose = wells["concentration"].to_numpy(float)
    strength = np.where(np.isnan(dose), 0.0, dose / (dose + 1.0))
    x += 0.35 * gene + 0.15 * strength[:, None] * compound
    code, names = pd.factorize(wells["experiment"], sort=True)
    offset, scale = rng.normal(size=(len(names), dimension)), np.exp(0.2 * rng.normal(size=(len(names), dimension)))
    return (x * scale[code] + offset[code]).astype(np.float32)


def recalls(perturbation_map: pd.DataFrame, null: str = "crispr", exclude=()) -> str:
    found = gg.gene_gene_recall(perturbation_map, thresholds=LOW, null=null, exclude=exclude)["recall"]
    return " / ".join(f"{value:.3f}".lstrip("0") for value in found)


def compounds(perturbation_map: pd.DataFrame, truth: pd.DataFrame, negatives: str, dose: str = "max") -> str:
    table = cg.summary(cg.score_compounds(perturbation_map, truth, 100, negatives), 200)
    table = table[table["concentration"] == dose].set_index("metric")
    ap, z = table.loc["average_precision_mean"], table.loc["average_precision_z"]
    std, auc = table.loc["average_precision_std", "value"], table.loc["auc_roc_mean", "value"]
    text = f"AP {ap['value']:.3f} [{ap['ci_low']:.3f}, {ap['ci_high']:.3f}], std over draws {std:.3f}, "
    return text + f"z {z['value']:.2f} [{z['ci_low']:.2f}, {z['ci_high']:.2f}], AUC {auc:.3f}"


def main() -> None:
    wells = full_size.as_wells(full_size.metadata())
    truth = cg.load_truth(full_size.SHARED / "compound_gene_interactions.csv")
    x = simulate(wells, truth)
    default = None
    for method in ("pca-center-scale", "none", "center-scale", "pca-center-scale@16", "sphering", "tvn-coral"):
        aligned = align(x, wells, method)
        found = aggregate(aligned, wells)
        print(f"| alignment `{method}` | {recalls(found)} | {compounds(found, truth, 'published')} |", flush=True)
        default = (found, aligned) if default is None else default
    found, aligned = default
    print(f"| null `whole-map` | {recalls(found, 'whole-map')} | |", flush=True)
    for pool in ("guide_mean", "guide_median"):
        print(f"| pool `{pool}` | {recalls(aggregate(aligned, wells, pool))} | |", flush=True)
    common = ["CYP11B1", "EIF3H", "HCK", "MTOR", "PLK1", "SRC"]
    print(f"| without the six common genes | {recalls(found, exclude=common)} | |")
    for negatives in ("independent", "all"):
        print(f"| negatives `{negatives}` | | {compounds(found, truth, negatives)} |", flush=True)
    print(f"| 10 µM in place of `max` | | {compounds(found, truth, 'published', '10.0')} |")
    halves = split_half_summary(split_half_by_guide(aligned, wells, LOW)).set_index("metric")["value"]
    print(f"| noise ceiling | split-half recall {halves['split_half_recall']:.3f} | |")
    table = gg.summary(gg.Similarities(found), gg.GeneGeneOptions(thresholds=LOW, aliases=None), BootstrapOptions())
    for row in table.itertuples():
        print(f"{row.source}: {row.value:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}] over genes")


if __name__ == "__main__":
    main()
