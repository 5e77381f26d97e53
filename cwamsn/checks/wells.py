"""What the wells table and the plate layout show: controls, replicates, what alignment can and cannot remove."""

import pandas as pd

from cwamsn.advice import brief_advice, read_evidence, situation_of
from cwamsn.checks.report import Level, Report
from cwamsn.screens import layout_report
from cwamsn.screens.sources.listed.wells import BARCODES
from cwamsn.wells import is_negative

FEW_CONTROLS = 4
"""Negative controls of a plate below which their mean and spread say little of the plate."""
_NAMED = 5

# Beginnings of notes of the library that only say how something was read.
_PLAIN = ("own split", "plate maps", "no batch")


def judge_wells(report: Report, wells: pd.DataFrame, notes: list[str]) -> None:
    """Add what the wells show, and what the library noted when it read them."""
    for line in notes:
        plain = line.startswith(_PLAIN) or BARCODES in line
        report.add(Level.INFO if plain else Level.WARNING, "wells", line)
    _controls(report, wells)
    _replicates(report, wells)
    _layout(report, wells)


def _controls(report: Report, wells: pd.DataFrame) -> None:
    counts = pd.Series(is_negative(wells), wells.index).groupby(wells["plate"], sort=False).sum()
    if counts.sum() == 0:
        report.facts["Controls"] = "no negative control"
        return  # a note of the library says so already
    low, high = int(counts.min()), int(counts.max())
    span = str(low) if low == high else f"{low} to {high}"
    report.facts["Controls"] = f"{span} negative per plate ({int(counts.sum()):,} wells)"
    few = counts[(counts > 0) & (counts < FEW_CONTROLS)]
    if len(few):
        report.add(
            Level.WARNING,
            "controls",
            f"{len(few)} of {len(counts)} plates have fewer than {FEW_CONTROLS} negative controls "
            f"({_plates(few)}); alignment on controls needs more: let plates of a batch share them "
            "(experiment_column), or align on all wells (+all)",
        )


def _replicates(report: Report, wells: pd.DataFrame) -> None:
    treated = wells[wells["control"].isna() & wells["perturbation"].notna()]
    if not len(treated):
        return
    counts = treated["perturbation"].value_counts()
    alone = int((counts == 1).sum())
    low, high = int(counts.min()), int(counts.max())
    each = f"{low} each" if low == high else f"{low} to {high} each"
    report.facts["Perturbations"] = f"{len(counts):,} in {len(treated):,} wells, {each}"
    if alone == len(counts):
        report.add(
            Level.INFO,
            "wells",
            f"no perturbation has two wells: nothing can be trained across wells, nor replicates compared; profiles "
            f"can be made ({len(counts):,} perturbations)",
        )
    elif alone:
        report.add(
            Level.INFO,
            "wells",
            f"{alone:,} of {len(counts):,} perturbations have a single well; replicates cannot be compared for them",
        )


def _layout(report: Report, wells: pd.DataFrame) -> None:
    table = layout_report(wells)
    report.layout = table.to_dict("records")
    kinds = {v: table.loc[table["verdict"] == v, "factor"].str.replace("_", " ") for v in ("removable", "shortcut")}
    told = [f"{', '.join(names)} {verdict}" for verdict, names in kinds.items() if len(names)]
    report.facts["Layout"] = "; ".join(told) or "untestable: " + str(table["reason"].iloc[0])
    shortcuts = list(kinds["shortcut"])
    if shortcuts:
        report.add(
            Level.INFO,
            "layout",
            f"wells of a perturbation share their {', '.join(shortcuts)}, which training across wells rewards and "
            "alignment cannot remove; compare perturbations at other positions or batches with care (docs/layout.md)",
        )
    situation = situation_of(wells, report.screen, report=table)
    if situation.perturbations:
        report.facts["Alignment"] = (
            f"{brief_advice(situation, read_evidence())} (by simulated screens; docs/simulation.md, Which alignment to "
            "take)"
        )


def _plates(counts: pd.Series) -> str:
    text = ", ".join(f"{plate}: {n}" for plate, n in counts[:_NAMED].items())
    return text + (f" and {len(counts) - _NAMED} more" if len(counts) > _NAMED else "")
