"""A host in the layout of MorphoHELM's repository, with tables of the same columns and other numbers."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.files import sha256
from cwamsn.screen_specs.morphohelm import DATABASES, MorphoHelmSpec

DMSO = "JCP2022_033924"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n"
# of complexes that every database knows, and one that the published filter means to be no gene
GENES = [
    *(f"PSMA{i}" for i in range(1, 8)),
    *(f"PSMB{i}" for i in range(1, 8)),
    *(f"PSMC{i}" for i in range(1, 7)),
    *(f"PSMD{i}" for i in (1, 2, 3, 4, 6, 7, 8, 11, 12, 13, 14)),
    *(f"RPS{i}" for i in range(5, 25)),
    *(f"POLR2{letter}" for letter in "ABCDEFGH"),
    "HLA-A",
]
LABELS = "data/enrichment/moa_databases/cpjump16_moa/labeled_moa_samples.csv"


class Host:
    """Files below `root`; `listing` is the list of them that a screen's key `files` takes."""

    def __init__(self, root: Path) -> None:
        self.root, self.listing = root, root / "files.csv"
        self.known: dict[str, tuple[int, str]] = {}

    def table(self, path: str, frame: pd.DataFrame) -> None:
        """Write a Parquet file and list it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(file, index=False)
        self.known[path] = (file.stat().st_size, sha256(file))
        with self.listing.open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(["path", "size", "sha256"])
            writer.writerows([name, *facts] for name, facts in self.known.items())

    def models(self, spec: MorphoHelmSpec, frame: pd.DataFrame) -> None:
        """The table of every model of a screen; each has features of its own where `frame` has none."""
        for number, model in enumerate(spec.models):
            own = frame if any(name.startswith("PC_") for name in frame) else with_features(frame, number)
            self.table(spec.table(model), own)

    def labels(self, frame: pd.DataFrame) -> None:
        """The table of mechanisms of cpg-moa, which is not among the listed files."""
        file = self.root / LABELS
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(file)

    def pairs(self, frames: dict[str, pd.DataFrame]) -> None:
        """The tables of pairs of genes."""
        for database in DATABASES:
            self.table(f"data/enrichment/protein_databases/{database}.parquet", frames[database])

    def section(self, name: str, base: str | None = None, **more: object) -> dict[str, object]:
        """The keys of a screen on this host."""
        base = base or str(self.root)
        found = {"source": "morphohelm", "set": name, "base_url": base, "labels_url": f"{base}/{LABELS}"}
        quick = {"attempts": 2, "backoff_s": 0.01, "timeout_s": 5}
        return {**found, "files": str(self.listing), "retry": quick, **more}


def with_features(frame: pd.DataFrame, seed: int, width: int = 8, of: pd.Series | None = None) -> pd.DataFrame:
    """A table of wells with PC_0 ... of a signal per compound (per value of `of`) and noise."""
    draw = np.random.default_rng(seed)
    codes, values = pd.factorize(frame["Metadata_JCP2022"] if of is None else of)
    centres = draw.normal(size=(len(values), width))
    features = (centres[codes] + draw.normal(size=(len(frame), width))).astype(np.float32)
    return pd.concat([frame, pd.DataFrame(features, columns=[f"PC_{i}" for i in range(width)])], axis=1)


def address(number: int) -> str:
    """A01 ... H12."""
    return f"{'ABCDEFGH'[number // 12]}{number % 12 + 1:02d}"


def jump_wells(sources=("source_2", "source_5", "source_10"), batches=2, plates=1, compounds=40) -> pd.DataFrame:
    """Wells of a JUMP-like set: every compound on every plate, moved between them, and 16 controls per plate."""
    rows = []
    for source in sources:
        for batch in range(batches):
            for plate in range(plates):
                shift = 7 * len(rows) // 96
                for i in range(compounds + 16):
                    name = f"JCP2022_{100000 + i:06d}" if i < compounds else DMSO
                    place = address((i + shift) % 96)
                    rows.append((source, f"{source}_b{batch}", f"{source[7:]}{batch}{plate}", place, name))
    columns = ["Source", "Batch", "Plate", "Well", "JCP2022"]
    return pd.DataFrame(rows, columns=[f"Metadata_{c}" for c in columns])


def counts_of(wells: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Cells of every well."""
    counts = np.random.default_rng(seed).poisson(120, len(wells))
    return wells[["Metadata_Plate", "Metadata_Well"]].assign(cell_count=counts, n_fovs=4, bbox_source="cpg")


def whole_host(root: Path) -> Host:
    """All five sets by all eight models, every table small."""
    made = Host(root)
    jump, few = jump_wells(), jump_wells(sources=("source_2", "source_3", "source_7", "source_10"), compounds=60)
    sparse = few["Metadata_Source"].eq("source_10") & few["Metadata_JCP2022"].gt("JCP2022_100003")
    few = few[~sparse]
    crispr = jump_wells(sources=("source_13",), batches=3, plates=2, compounds=60).rename(
        columns={"Metadata_JCP2022": "Metadata_Symbol"}
    )
    crispr["Metadata_JCP2022"] = crispr["Metadata_Symbol"].replace(DMSO, "JCP2022_800001")
    genes = {f"JCP2022_{100000 + i:06d}": name for i, name in enumerate(GENES)} | {DMSO: "no-guide"}
    crispr["Metadata_Symbol"] = crispr["Metadata_Symbol"].map(genes)
    bray = jump_wells(sources=("source_1",), plates=2, compounds=80)
    names = bray["Metadata_JCP2022"].where(bray["Metadata_JCP2022"] != DMSO, "")
    bray = bray[["Metadata_Plate", "Metadata_Well"]]
    sets = {"bbbc036": bray, "cpg-moa": few.reset_index(drop=True), "cpg-crispr": crispr}
    for name, frame in (sets | {"cpg-tgt2": jump, "cpg-compound": jump}).items():
        spec = MorphoHelmSpec(set=name)
        features = names if name == "bbbc036" else None
        for number, model in enumerate(spec.models):
            made.table(spec.table(model), with_features(frame, number, of=features))
    everything = pd.concat([frame for frame in (jump, few, crispr)]).drop_duplicates(
        ["Metadata_Plate", "Metadata_Well"]
    )
    made.table(MorphoHelmSpec(set="cpg-moa").cell_counts_path(), counts_of(everything))
    made.table(MorphoHelmSpec(set="bbbc036").cell_counts_path(), counts_of(bray))
    role = np.where(names == "", "mock", "treated")
    moa = names.map({f"JCP2022_{100000 + i:06d}": f"mechanism {i % 12}" for i in range(70)})
    known = bray.assign(Metadata_ASSAY_WELL_ROLE=role, Metadata_broad_sample=names.where(names != "", None))
    made.table(MorphoHelmSpec(set="bbbc036").bbbc036_metadata(), known.assign(Metadata_moa=moa))
    labelled = few[few["Metadata_JCP2022"] != DMSO]
    made.labels(labelled.assign(Metadata_MoA="class " + labelled["Metadata_JCP2022"].str[-1]))
    made.pairs({name: gene_pairs(name, number) for number, name in enumerate(DATABASES)})
    return made


def gene_pairs(database: str, seed: int) -> pd.DataFrame:
    """Pairs of genes of the host's screen, with the columns of the database."""
    drawn = np.random.default_rng(seed).integers(0, 60, (80, 2))
    suffix = "" if database == "SIGNOR" else "_symbol"
    columns = [f"protein1{suffix}", f"protein2{suffix}"]
    frame = pd.DataFrame({name: [GENES[i] for i in drawn[:, k]] for k, name in enumerate(columns)})
    return frame.assign(combined_score=np.arange(80) + 930) if database == "StringDB" else frame
