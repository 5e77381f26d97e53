"""Which genes a compound acts on: of the screen's truth table, or of a table of the user's."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from cwamsn.benchmarks.compound_gene import ACTIVE
from cwamsn.errors import InputError
from cwamsn.text_tables import read_text_table, require_columns

_SEPARATORS = {".tsv": "\t", ".txt": "\t"}


def targets_of_truth(truth: pd.DataFrame) -> dict[str, frozenset[str]]:
    """Targets of each compound of a truth table (`treatment`, `gene_symbol`, `nM_value`): those of at most 1,000 nM."""
    active = truth[truth["nM_value"] <= ACTIVE]
    return {str(name): frozenset(genes) for name, genes in active.groupby("treatment")["gene_symbol"]}


def in_one_spelling(targets: Mapping[str, frozenset[str]], genes: Collection[str]) -> dict[str, frozenset[str]]:
    """Targets spelled as the screen's genes, else all in one way: case does not make `Egfr` another gene."""
    named = sorted({name for own in targets.values() for name in own}, reverse=True)
    spelled = {name.casefold(): name for name in (*named, *sorted(genes, reverse=True))}
    return {
        compound: frozenset(name if name in genes else spelled[name.casefold()] for name in own)
        for compound, own in targets.items()
    }


def read_targets(path: str, compound: str | None = None, target: str | None = None) -> dict[str, frozenset[str]]:
    """Targets of each compound, of a table with a row per compound or per pair.

    Parameters
    ----------
    path : CSV, or tab-separated by its name (.tsv, .txt)
    compound : column of the compound; None: the first
    target : column of its targets, several joined by `|`; None: the second

    Raises
    ------
    InputError
        For a missing file or column, a Git LFS pointer, and a table without a target.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"matching.targets: {path}: no such file; correct the path")
    frame = read_text_table(file, path, _SEPARATORS.get(file.suffix, ","))
    if len(frame.columns) < 2:
        raise InputError(f"{path}: has one column; a compound and its target need two")
    name, genes = compound or frame.columns[0], target or frame.columns[1]
    require_columns(frame, (name, genes), path)
    found: dict[str, set[str]] = {}
    for own, text in zip(frame[name], frame[genes]):
        parts = {part.strip() for part in text.split("|")} - {""}
        if own and parts:
            found.setdefault(own, set()).update(parts)
    if not found:
        raise InputError(f"{path}: no row has both {name} and {genes}; correct matching.compound or matching.target")
    return {own: frozenset(parts) for own, parts in found.items()}
