"""Scores of a made-up run, in the benchmarks' spelling."""

import csv
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.reporting import TableContext, TableMethod
from cwamsn.reporting.provenance import ProvenanceInputs, write_provenance
from cwamsn.reporting.release import release
from cwamsn.reporting.scores import read_scores
from cwamsn.vocabulary import SOURCES

COUNTS = {"CORUM": 1209, "HuMAP": 958, "Reactome": 569, "SIGNOR": 495, "StringDB": 1737}
DOSES = ["0.0025", "0.01", "0.025", "0.1", "0.25", "1.0", "2.5", "10.0", "max"]


def level_value(value: float, level: str) -> float:
    return value if level == "NR" else value / 2


def gene_gene(method: str, seed: int, level: float) -> pd.DataFrame:
    rng = np.random.default_rng([seed, len(method)])
    rows = []
    for source in SOURCES:
        for low, high, extra in ((0.05, 0.95, 0.0), (0.1, 0.9, 0.1)):
            value = round((level + extra + 0.02 * rng.random()) * COUNTS[source]) / COUNTS[source]
            rows.append(("recall", source, low, high, value, COUNTS[source]))
    for level, share in (("NR", 1.0), ("NSB", 0.9)):
        rows.append(("share_of_pairs_left", f"joint {level}", np.nan, np.nan, share, round(3068 * share)))
        rows.append(("recall_at_level", f"joint {level}", 0.05, 0.95, level_value(value, level), 3068))
        rows.append(("recall_right_tail", f"joint {level}", 0.0, 0.95, level_value(value, level) / 2, 3068))
    names = ["metric", "source", "threshold_low", "threshold_high", "value", "n"]
    frame = pd.DataFrame(rows, columns=names)
    fixed = {"run": "test", "screen": "s", "method": method, "seed": seed, "benchmark": "gene_gene"}
    return frame.assign(**fixed, alignment="pca-center-scale", null="crispr")


def compound_gene(method: str, seed: int, level: float) -> pd.DataFrame:
    rows = []
    for i, dose in enumerate(DOSES):
        for name, chance in (("average_precision", 0.2218), ("auc_roc", 0.5)):
            mean, std, spread = chance + level * i / 8 + seed / 1000, 0.015, 0.004
            z = (mean - chance) / np.hypot(std, spread)
            values = {f"{name}_mean": mean, f"{name}_std": std, f"{name}_z": z}
            values |= {f"baseline_{name}_mean": chance, f"baseline_{name}_std": spread}
            rows += [(metric, dose, value, 487) for metric, value in values.items()]
    frame = pd.DataFrame(rows, columns=["metric", "concentration", "value", "n"])
    fixed = {"run": "test", "screen": "s", "method": method, "seed": seed, "benchmark": "compound_gene"}
    return frame.assign(**fixed, source=None, alignment="pca-center-scale", null=None)


def plate_probe(method: str, seed: int, level: float) -> pd.DataFrame:
    rows = []
    for probe in ("linear", "knn"):
        for reading in ("plate", "experiment_plate"):
            for controls in ("full", "none", "only"):
                values = {"mean": level, "std": 0.005, "chance": 1 / 48}
                rows += [(f"{probe}_macro_f1_{k}", reading, controls, None, v) for k, v in values.items()]
                rows += [(f"{probe}_macro_f1", reading, controls, str(f), level) for f in range(5)]
    frame = pd.DataFrame(rows, columns=["metric", "plate_reading", "controls", "fold", "value"])
    fixed = {
        "run": "test",
        "screen": "s",
        "method": method,
        "seed": seed,
        "benchmark": "plate_probe",
        "source": "random folds",
    }
    return frame.assign(**fixed, alignment="none", null=None, n=1000)


def further(benchmark: str, rows: list[tuple], method: str, seed: int, alignment: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["metric", "source", "value", "n"])
    fixed = {"run": "test", "screen": "s", "method": method, "seed": seed, "benchmark": benchmark}
    return frame.assign(**fixed, alignment=alignment, null=None)


def replicate_map(method: str, seed: int, level: float) -> pd.DataFrame:
    metrics = ("mean_average_precision", "mean_normalized_average_precision", "share_retrieved")
    rows = [(m, s, level + seed / 1000, n) for s, n in (("replicates", 100), ("targets", 12)) for m in metrics]
    return further("replicate_map", rows, method, seed, "pca-center-scale")


def retrieval(method: str, seed: int, level: float) -> pd.DataFrame:
    rows = [(metric, name, level, 90) for metric in ("recall_at_1", "mean_average_precision") for name in ("NR", "NSB")]
    frames = [further("retrieval", rows, method, seed, "pca-center-scale") for _ in range(2)]
    controls = {"shuffled": 0.02, "shuffled_low": 0.01, "shuffled_high": 0.03, "shuffled_draws": 2}
    kinds = zip(frames, ("perturbations", "controls"))
    return pd.concat([frame.assign(null=null, **controls) for frame, null in kinds])


def enrichment(method: str, seed: int, level: float) -> pd.DataFrame:
    metrics = ("share_significant", "geometric_mean_odds_ratio", "share_of_a_random_ranking")
    rows = [(metric, "pathways NR", level, 40) for metric in (*metrics, "odds_ratio_of_a_random_ranking")]
    return further("enrichment", rows, method, seed, "pca-center-scale")


def morphohelm(method: str, seed: int, level: float) -> pd.DataFrame:
    rows = [(metric, "cpg-moa NSB", level, 40) for metric in ("share_significant", "geometric_mean_odds_ratio")]
    return further("morphohelm", rows, method, seed, "pca-center-scale")


def matching(method: str, seed: int, level: float) -> pd.DataFrame:
    rows = [(m, "sisters NR", level, 40) for m in ("mean_average_precision", "share_retrieved")]
    return further("matching", rows, method, seed, "pca-center-scale")


def signal(method: str, seed: int, level: float) -> pd.DataFrame:
    metrics = ("consistency_median", "consistency_share", "magnitude_median", "magnitude_share")
    rows = [(m, s, level, n) for s, n in (("COMPOUND", 60), ("CRISPR", 40)) for m in metrics]
    return further("signal", rows, method, seed, "pca-center-scale")


def latent_probe(method: str, seed: int, level: float) -> pd.DataFrame:
    rows = [("phenotype_r2", None, level, 500), ("nuisance_r2", None, 0.5 - level, 500)]
    return further("latent_probe", rows, method, seed, "none")


def geometry(method: str, seed: int, level: float) -> pd.DataFrame:
    metrics = ("dimensions", "effective_rank", "share_of_first_component", "mean_cosine", "twin_distance_correlation")
    return further("geometry", [(metric, "wells", level, 500) for metric in metrics], method, seed, "none")


LEVELS = {"random": 0.10, "untrained-vit": 0.15, "single-well-msn": 0.2, "cwa-msn": 0.3}
SEEDS = (0, 1, 2)


@pytest.fixture(scope="session")
def score_files(tmp_path_factory):
    """One score file per row, seed and benchmark, by (row, seed, benchmark)."""
    folder, files = tmp_path_factory.mktemp("scores"), {}
    for method, level in LEVELS.items():
        for seed in SEEDS:
            parts = {"gene_gene": gene_gene(method, seed, level)}
            parts["compound_gene"] = compound_gene(method, seed, level / 5)
            parts["plate_probe"] = plate_probe(method, seed, 0.4 - level)
            for make in (replicate_map, retrieval, enrichment, matching, morphohelm, signal, geometry, latent_probe):
                parts[make.__name__] = make(method, seed, level)
            for benchmark, frame in parts.items():
                path = folder / f"{method}-{seed}-{benchmark}.parquet"
                tables.write(frame, "scores", path)
                files[method, seed, benchmark] = path
    return files


@pytest.fixture(scope="session")
def scores(score_files):
    return read_scores(sorted(score_files.values()))


@pytest.fixture
def methods():
    titles = {"random": "Random", "untrained-vit": "Untrained ViT"}
    titles |= {"single-well-msn": "Single-Well-MSN", "cwa-msn": "CWA-MSN"}
    printed = {"random": "Random", "single-well-msn": "Single-Well-MSN", "cwa-msn": "CWA-MSN"}
    return [
        TableMethod(
            name=name,
            title=titles[name],
            kind="random" if name == "random" else "trained",
            seeds=SEEDS,
            tables=tuple(range(1, 10)),
            paper_row=printed.get(name),
            images=None if name == "random" else 198609.0,
            parameters=None if name == "random" else 21.86e6,
        )
        for name in LEVELS
    ]


@pytest.fixture
def context():
    return TableContext(simulated=True, versions=("Code abc; configuration def; data sim 123.",))


@pytest.fixture
def on_rxrx3_core(context):
    """The context of a run that is scored on the paper's own screen."""
    return replace(context, simulated=False, on_rxrx3_core=True)


def parse(text):
    return {line["row"]: line for line in csv.DictReader(io.StringIO(text))}


def comparison(seed, low, high):
    fixed = {
        "run": "test",
        "screen": "s",
        "method": "cwa-msn",
        "seed": seed,
        "benchmark": "comparison",
        "source": "CORUM",
        "value": 0.1,
    }
    fixed |= {"metric": "recall_minus_single-well-msn", "threshold_low": 0.05, "threshold_high": 0.95}
    return fixed | {"n": 1209, "alignment": "pca-center-scale", "null": "crispr", "ci_low": low, "ci_high": high}


CONFIG = {"run": "test", "title": "A test", "seeds": [0], "methods": ["a"], "paths": {"data": "d"}, "evaluate": {}}
CODE = {"commit": "0123456789abcdef", "clean": True, "version": "0.1.0"}


@pytest.fixture
def run(tmp_path):
    """A finished run: two tables, a figure, provenance, report."""
    results = tmp_path / "results" / "test"
    for name in ("tables/table1.csv", "tables/table1.md", "figures/figure3.png", "report.html", "scores.parquet"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(f"content of {name}")
    (results / "usage" / "train" / "a").mkdir(parents=True)
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
    (results / "usage" / "train" / "a" / "seed0.tsv").write_text(
        header + "\n7200.5\t2:00:00\t812.5" + "\t0" * 6 + "\t7100\n"
    )
    (results / "usage" / "train" / "removed").mkdir()
    (results / "usage" / "train" / "removed" / "seed0.tsv").write_text(header + "\n99" + "\t0" * 9 + "\n")
    (tmp_path / "source.json").write_text("{}")
    (tmp_path / "encoder.json").write_text('{"precision": "bfloat16", "attention": "eager", "device": "EPYC"}')
    (tmp_path / "Snakefile").write_text("rule all:\n")
    inputs = ProvenanceInputs(
        config=CONFIG,
        code=CODE,
        manifests={"screen": tmp_path / "source.json"},
        usage={
            "train/a/seed0": results / "usage" / "train" / "a" / "seed0.tsv",
            "wells/screen": results / "usage" / "wells" / "screen.tsv",  # made by another run
        },
        products={"table1": [str(results / "scores.parquet")]},
        computed={"a/seed0": tmp_path / "encoder.json"},
        notes={"screens": {}, "methods": {"a": ["179 of 512 dimensions"]}},
        resources={"gene symbols": tmp_path / "source.json"},
    )
    write_provenance(inputs, results / "provenance.json")
    return results


FILES = ["tables/table1.csv", "tables/table1.md", "figures/figure3.png"]
FILES += ["report.html", "scores.parquet", "provenance.json"]


def make_release(run):
    files = [run / name for name in FILES]
    return release(run, files, run.parent / "releases", run.parent.parent / "Snakefile")
