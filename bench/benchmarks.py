"""Times and memory of scoring a full-size embedding (222,601 wells x 384 features, 14,090 map rows).

    python bench/benchmarks.py                 alignment + gene-gene + compound-gene with 100 draws, and the
                                                           published way of one draw for comparison
    python bench/benchmarks.py --plate-probe   the plate probe at full size: raw embeddings, both readings
    python bench/benchmarks.py --workflow DIR  the `scores` target of config/evaluate.yaml, files in DIR

Wells, genes, compounds and truth are the real lists (CWAMSN_SHARED); vectors, well ids and places are made up. Set
OMP_NUM_THREADS to fix the threads; run on a quiet machine.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SHARED = Path(os.environ.get("CWAMSN_SHARED", ROOT.parent / "shared")) / "data" / "rxrx3_core"
WELLS, FEATURES, EMPTY_CRISPR = 222_601, 384, 25_312


def metadata(seed: int = 0) -> pd.DataFrame:
    """The published metadata's columns for 222,601 wells: real experiments and treatments, made-up places."""
    rng = np.random.default_rng(seed)
    table = pd.read_parquet(SHARED / "metadata_without_well_ids.parquet")
    control = np.flatnonzero((table["perturbation_type"] == "CRISPR") & (table["treatment"] == "EMPTY_control"))
    surplus = rng.permutation(control)[EMPTY_CRISPR:]
    table = table.drop(index=table.index[surplus]).reset_index(drop=True)
    assert len(table) == WELLS, len(table)
    place = table.groupby("experiment_name").cumcount().to_numpy()
    plates = table["experiment_name"].map(np.ceil(table["experiment_name"].value_counts() / 1380)).to_numpy(int)
    plates = np.maximum(plates, 9)
    plate, spot = place % plates + 1, place // plates
    letters = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "AA", "AB", "AC", "AD", "AE", "AF"]
    address = [f"{letters[s // 48]}{s % 48 + 1:02d}" for s in spot]
    table = table.assign(plate=plate, address=address)
    table["well_id"] = table["experiment_name"].astype(str) + "_" + table["plate"].astype(str) + "_" + table["address"]
    names = ["well_id", "experiment_name", "plate", "address", "gene", "treatment", "SMILES", "concentration"]
    return table[[*names, "perturbation_type", "cell_type"]]


def as_wells(table: pd.DataFrame) -> pd.DataFrame:
    """The wells contract's columns that scoring needs."""
    treatment = table["treatment"].astype(str)
    control = treatment.map({"EMPTY_control": "negative", "CRISPR_control": "other"}).astype(object)
    rows = table["address"].str.extract(r"([A-Z]+)(\d+)")
    return pd.DataFrame(
        {
            "well_id": table["well_id"],
            "experiment": table["experiment_name"].astype(str),
            "plate": table["plate"].astype(str),
            "row": pd.factorize(rows[0], sort=True)[0] + 1,
            "column": rows[1].astype(int),
            "perturbation_type": table["perturbation_type"].astype(str),
            "perturbation": treatment.str.split("_").str[0].where(control.isna(), treatment),
            "control": control.where(control.notna(), None),
            "treatment": treatment,
            "gene": table["gene"],
            "guide": treatment.where(treatment.str.contains("_guide_")),
            "concentration": table["concentration"],
        }
    )


def vectors(n: int, d: int = FEATURES, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def published_draw(perturbation_map: pd.DataFrame, truth: pd.DataFrame, draw: int, doses) -> float:
    """CPU seconds of one draw the published way: a loop over doses and compounds, scikit-learn a compound."""
    start = time.process_time()
    columns = [c for c in perturbation_map.columns if c.startswith("feature_")]
    genes = perturbation_map[perturbation_map["perturbation_type"] == "CRISPR"].set_index("perturbation")[columns]
    known = set(truth["gene_symbol"]) & set(genes.index)
    for dose in doses:
        rows = perturbation_map[perturbation_map["concentration"] == dose].set_index("perturbation")[columns]
        similar = pd.DataFrame(np.abs(cosine_similarity(rows, genes)), index=rows.index, columns=genes.index)
        for compound, own in truth[truth["gene_symbol"].isin(known)].groupby("treatment"):
            active = list(own.loc[own["nM_value"] <= 1000, "gene_symbol"].unique())
            if not active or compound not in similar.index:
                continue
            barred = set(own.loc[own["nM_value"] <= 10000, "gene_symbol"])
            eligible = sorted(known - barred)
            n = min(max(2 * len(active), 20), len(eligible))
            chosen = np.random.default_rng(draw).choice(eligible, n, replace=False)
            labels = [1] * len(active) + [0] * n
            scores = [similar.loc[compound, gene] for gene in [*active, *chosen]]
            average_precision_score(labels, scores)
            roc_auc_score(labels, scores)
            noise = np.random.default_rng(draw).random(len(labels))
            average_precision_score(labels, noise)
            roc_auc_score(labels, noise)
    return time.process_time() - start


def scoring() -> None:
    from cwamsn.alignment import aggregate, align
    from cwamsn.benchmarks import compound_gene as cg
    from cwamsn.benchmarks import gene_gene as gg
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.vocabulary import RXRX3_DOSES

    wells, x = as_wells(metadata()), vectors(WELLS)
    truth = cg.load_truth(SHARED / "compound_gene_interactions.csv", wells)
    steps, start, cpu = {}, time.perf_counter(), time.process_time()

    def done(name: str) -> None:
        nonlocal start, cpu
        now, used = time.perf_counter(), time.process_time()
        steps[name] = (now - start, used - cpu)
        print(f"{name:<45} {now - start:8.2f} s wall {used - cpu:8.2f} s CPU   peak {peak_gib():.2f} GiB", flush=True)
        start, cpu = now, used

    aligned = align(x, wells)
    done("alignment")
    perturbation_map = aggregate(aligned, wells)
    done(f"aggregation to {len(perturbation_map):,} rows")
    gg.gene_gene_recall(perturbation_map)
    done("gene-gene recall, five sources")
    scores = cg.score_compounds(perturbation_map, truth, draws=100)
    table = cg.compound_gene_table(scores)
    done("compound-gene, 100 draws, nine doses")
    wall, used = (sum(v[i] for v in steps.values()) for i in (0, 1))
    print(f"{'total':<45} {wall:8.2f} s wall {used:8.2f} s CPU   peak {peak_gib():.2f} GiB (target: 20 s, 2.5 GiB)")
    gg.summary(gg.Similarities(perturbation_map), gg.GeneGeneOptions(aliases=None), BootstrapOptions())
    done("gene bootstrap of the recalls")
    cg.summary(scores)
    done("compound bootstrap and z")
    one = published_draw(perturbation_map, truth, 0, RXRX3_DOSES)
    ratio = 100 * one / steps["compound-gene, 100 draws, nine doses"][1]
    print(f"one draw the published way: {one:.1f} s CPU, 100 draws {100 * one:.0f} s: {ratio:.0f} times as long")
    print(f"random vectors: AP {table['average_precision'].mean():.4f}, AUC {table['auc_roc'].mean():.4f}")


def plate_probe(threads: int, probes: list[str]) -> None:
    from cwamsn.benchmarks import plate_probe as pp

    wells, x = as_wells(metadata()), vectors(WELLS)
    for probe in probes:
        start, cpu = time.perf_counter(), time.process_time()
        table = pp.probe_plates(x, wells, pp.PlateProbeOptions(probes=[probe], threads=threads))
        wall, used = time.perf_counter() - start, time.process_time() - cpu
        print(
            f"{probe}, two readings, three choices of controls: {used:.1f} s of processor time, {wall:.1f} s wall, ",
            end="",
        )
        print(f"peak {peak_gib():.2f} GiB", flush=True)
        print(table.groupby(["plate_reading", "controls"])[["macro_f1", "chance_macro_f1", "n_classes"]].mean())


def workflow(folder: Path) -> None:
    """Write the user's three files and a configuration of six lines into `folder`, then time `snakemake scores`."""
    folder.mkdir(parents=True, exist_ok=True)
    table = metadata()
    table.to_csv(folder / "metadata_rxrx3_core.csv", index=False)
    columns = {"well_id": table["well_id"].to_numpy()}
    columns |= {f"feature_{i}": column for i, column in enumerate(vectors(WELLS).T)}
    pq.write_table(pa.table(columns), folder / "embeddings.parquet")
    config = yaml.safe_load((ROOT / "config" / "evaluate.yaml").read_text())
    config["embeddings"]["my-model"]["path"] = str(folder / "embeddings.parquet")
    screen = config["screens"]["my-screen"]
    screen["metadata"] = str(folder / "metadata_rxrx3_core.csv")
    screen["compound_gene_truth"] = str(SHARED / "compound_gene_interactions.csv")
    config["paths"] = {"data": str(folder / "data"), "results": str(folder / "results")}
    (folder / "my.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "scores", "--configfile", str(folder / "my.yaml")]
    start = time.perf_counter()
    subprocess.run([*command, "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)], check=True, cwd=ROOT)
    print(f"scores target: {time.perf_counter() - start:.1f} s (target: 60 s)")
    for path in sorted((folder / "results").glob("*/usage/**/*.tsv")):
        used = pd.read_csv(path, sep="\t").iloc[0]
        print(f"{path.relative_to(folder / 'results')!s:<60} {used['s']:8.1f} s {used['max_rss'] / 1024:6.2f} GiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plate-probe", action="store_true")
    parser.add_argument("--probe", choices=["linear", "knn"], help="of the plate probe; default: both")
    parser.add_argument("--workflow", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if given.workflow:
        workflow(given.workflow.resolve())
    elif given.plate_probe:
        plate_probe(given.threads, [given.probe] if given.probe else ["linear", "knn"])
    else:
        scoring()
