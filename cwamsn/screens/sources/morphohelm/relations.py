"""What MorphoHELM scores enrichment of: mechanisms of compounds, and pairs of genes from five databases."""

from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.files import is_lfs_pointer
from cwamsn.notes import note
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.morphohelm import DATABASES, LABELLED, MorphoHelmSpec
from cwamsn.screens.hosts import Fetched, fetch, usable
from cwamsn.screens.sources.morphohelm.files import fetch_file, read_columns
from cwamsn.text_tables import read_text_table, require_columns

JCP, MOA, SAMPLE, BRAY_MOA = "Metadata_JCP2022", "Metadata_MoA", "Metadata_broad_sample", "Metadata_moa"
LEAST_SCORE = 950
"""StringDB's pairs count above it."""
_PUBLISHED = (1847, 698)  # compounds and mechanisms of cpg-moa's table at the published commit


def labels_of(spec: MorphoHelmSpec, cache: Path) -> tuple[pd.Series, Fetched]:
    """Mechanism by compound, and the file it is from.

    Raises InputError for a set without mechanisms, a compound with two, and an unusable table.
    """
    if spec.set not in LABELLED:
        raise InputError(f"set {spec.set}: has no mechanisms of action; those are {', '.join(LABELLED)}")
    if spec.set == "bbbc036":
        fetched = fetch_file(spec, spec.bbbc036_metadata(), cache)
        frame = read_columns(fetched, (SAMPLE, BRAY_MOA))
    else:
        fetched = _plain(spec.labels_url, spec, cache)
        with usable(fetched):
            frame = read_text_table(fetched.path, fetched.url)
            require_columns(frame, (JCP, MOA), fetched.url)
            frame = frame[[JCP, MOA]]
    frame.columns = ["perturbation", "label"]
    rows = frame[(frame["perturbation"] != "") & (frame["label"] != "")].drop_duplicates()
    twice = rows["perturbation"].duplicated()
    if twice.any():
        name = rows["perturbation"][twice].iloc[0]
        raise InputError(f"{fetched.url}: {name} has two mechanisms; keep one, several are joined by '|'")
    found = rows.set_index("perturbation")["label"].sort_index()
    counts = (len(found), found.nunique())
    if spec.set == "cpg-moa" and counts != _PUBLISHED and spec.labels_url == MorphoHelmSpec(set="cpg-moa").labels_url:
        note(f"{fetched.url}: has {counts[0]:,} compounds and {counts[1]:,} mechanisms, the published table 1,847, 698")
    return found, fetched


def _plain(url: str, spec: MorphoHelmSpec, cache: Path) -> Fetched:
    """A file whose digest is not known."""
    local = local_path(url)
    if local is not None and is_lfs_pointer(local):
        raise InputError(f"{local}: is a Git LFS pointer, not the table; run `git lfs pull` in the repository")
    return fetch(url, cache, spec.retry)


def pairs_of(spec: MorphoHelmSpec, cache: Path) -> tuple[pd.DataFrame, list[Fetched]]:
    """Pairs of gene symbols as the published code takes them: `database, first, second`; and their files.

    Raises InputError for a set of compounds, and an unusable table.
    """
    if spec.set != "cpg-crispr":
        raise InputError(f"set {spec.set}: has no knockouts of genes; pairs of genes belong to cpg-crispr")
    parts, files = [], []
    for database in DATABASES:
        fetched = fetch_file(spec, spec.pairs(database), cache)
        suffix = "" if database == "SIGNOR" else "_symbol"
        columns = [f"protein1{suffix}", f"protein2{suffix}"]
        frame = read_columns(
            fetched, columns, above=("combined_score", LEAST_SCORE) if database == "StringDB" else None
        )
        frame = frame[(frame[columns] != "").all(axis=1)]
        parts.append(pd.DataFrame({"database": database, "first": frame[columns[0]], "second": frame[columns[1]]}))
        files.append(fetched)
    return pd.concat(parts, ignore_index=True), files
