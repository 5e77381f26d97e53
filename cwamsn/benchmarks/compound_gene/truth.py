"""Which genes a compound is known to act on: the truth table, read and cut to a map."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.text_tables import read_text_table, require_columns
from cwamsn.wells import inchikey_block

ACTIVE, AMBIGUOUS = 1000.0, 10000.0  # nM: a target up to the first, neither target nor negative up to the second
TRUTH_COLUMNS = ("gene_symbol", "nM_value", "treatment")


@dataclass(frozen=True)
class Truth:
    """What is known of each compound of the map, and what had to be left out."""

    compounds: tuple[str, ...]  # sorted
    genes: tuple[str, ...]  # all truth genes of the map, sorted
    active: tuple[np.ndarray, ...]  # per compound, sorted positions in `genes`
    eligible: tuple[np.ndarray, ...]  # per compound, sorted positions of possible negatives
    cluster: tuple[str, ...]  # most potent target of each compound: compounds of one target are not independent
    n_missing_genes: int
    n_missing_compounds: int
    n_without_active: int


def read_truth(truth: pd.DataFrame, genes: Sequence[str], compounds: Sequence[str]) -> Truth:
    """Truth table (`gene_symbol`, `nM_value`, `treatment`) cut to the map's genes and compounds.

    A gene with several values for a compound is active if one of them is at most 1000 nM, ambiguous if one lies in
    (1000, 10000] and none below. Explicit inactives (above 10000 nM) stay possible negatives.
    """
    missing = [c for c in TRUTH_COLUMNS if c not in truth.columns]
    if missing:
        raise InputError(f"compound-gene truth table lacks column {', '.join(missing)}")
    known, present = sorted(set(truth["gene_symbol"]) & set(genes)), set(compounds)
    position = {gene: i for i, gene in enumerate(known)}
    inside = truth[truth["gene_symbol"].isin(position)]
    kept, active, eligible, cluster, without = [], [], [], [], 0
    for compound, rows in inside[inside["treatment"].isin(present)].groupby("treatment", sort=True):
        best = rows.groupby("gene_symbol")["nM_value"].min()
        targets = best[best <= ACTIVE]
        if targets.empty:
            without += 1
            continue
        close = rows.loc[(rows["nM_value"] <= AMBIGUOUS), "gene_symbol"].unique()
        barred = np.array([position[g] for g in close])
        kept.append(str(compound))
        active.append(np.sort([position[g] for g in targets.index]))
        eligible.append(np.setdiff1d(np.arange(len(known)), barred))
        cluster.append(str(targets[targets == targets.min()].index.min()))
    return Truth(
        compounds=tuple(kept),
        genes=tuple(known),
        active=tuple(active),
        eligible=tuple(eligible),
        cluster=tuple(cluster),
        n_missing_genes=truth["gene_symbol"].nunique() - len(known),
        n_missing_compounds=len(set(truth["treatment"]) - present),
        n_without_active=without,
    )


def load_truth(path: str | Path, wells: pd.DataFrame | None = None) -> pd.DataFrame:
    """The truth table of `path` (CSV), its compounds named as in the map.

    Where `wells` give a compound's published name (`treatment`) another perturbation name, that one is taken.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such truth table; set compound_gene_truth of the screen or compound_gene.truth")
    truth = read_text_table(path, str(path))
    require_columns(truth, TRUTH_COLUMNS, str(path))
    values = pd.to_numeric(truth["nM_value"], errors="coerce")
    bad = (values.isna() | (values < 0)).to_numpy()
    if bad.any():
        row = truth.index[bad.argmax()]
        raise InputError(f"{path}: row {row} has nM_value {truth['nM_value'][row]!r}; a number in nM is needed")
    for column in ("gene_symbol", "treatment"):
        if not truth[column].all():
            raise InputError(f"{path}: row {truth.index[(truth[column] == '').argmax()]} has no {column}; fill it in")
    truth = truth.assign(nM_value=values).reset_index(drop=True)
    if wells is not None:
        compounds = wells[(wells["perturbation_type"] == "COMPOUND") & wells["treatment"].notna()]
        names = compounds.drop_duplicates("treatment").set_index("treatment")["perturbation"]
        truth["treatment"] = truth["treatment"].map(names).fillna(truth["treatment"])
    return truth


def say_missing(truth: pd.DataFrame, perturbation_map: pd.DataFrame) -> None:
    """Note the compounds and genes of the truth table that the map lacks, and those it has in another case alone."""
    for column, kind, what in (("treatment", "COMPOUND", "compounds"), ("gene_symbol", "CRISPR", "genes")):
        there = set(perturbation_map.loc[perturbation_map["perturbation_type"] == kind, "perturbation"])
        names = set(truth[column])
        missing = sorted(names - there)
        folded = {name.casefold() for name in there}
        case = [name for name in missing if name.casefold() in folded]
        if missing:
            hint = f"; {len(case)} of them it has in another case ({case[0]})" if case else ""
            note(
                f"{len(missing)} of {len(names)} {what} of the truth table are not in the map "
                f"(such as {', '.join(missing[:3])}){hint}"
            )


def seen_compounds(wells: pd.DataFrame, training: pd.DataFrame) -> set[str]:
    """Compounds of `wells` whose connectivity (first block of the InChIKey) occurs among the training wells.

    Training wells are those of split `train`, or all where a screen has no split. Empty where a table lacks keys.
    """
    if "inchikey" not in wells.columns or "inchikey" not in training.columns:
        return set()
    if training["split"].notna().any():
        training = training[training["split"] == "train"]
    blocks = set(inchikey_block(training["inchikey"].dropna()))
    compounds = wells[wells["perturbation_type"].eq("COMPOUND") & wells["inchikey"].notna()]
    return set(compounds.loc[inchikey_block(compounds["inchikey"]).isin(blocks), "perturbation"])
