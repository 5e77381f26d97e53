"""Wells of one of MorphoHELM's sets: those of its first model's table that its code scores."""

from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.errors import InputError, nearest
from cwamsn.notes import note
from cwamsn.screen_specs.morphohelm import MorphoHelmSpec
from cwamsn.screens.hosts import Fetched
from cwamsn.screens.names import parse_addresses
from cwamsn.screens.sources.base import Metadata
from cwamsn.screens.sources.morphohelm.files import fetch_file, read_columns
from cwamsn.screens.sources.morphohelm.relations import JCP, SAMPLE, labels_of
from cwamsn.screens.sources.morphohelm.selection import select_genes, select_mechanisms, select_replicates
from cwamsn.vocabulary import NEGATIVE
from cwamsn.wells_by_count import MinimumCellsOptions, enough_cells

PLATE, WELL, BATCH, SOURCE = "Metadata_Plate", "Metadata_Well", "Metadata_Batch", "Metadata_Source"
ROLE, SYMBOL = "Metadata_ASSAY_WELL_ROLE", "Metadata_Symbol"
DMSO, NO_GUIDE, NON_TARGETING = "JCP2022_033924", "JCP2022_800001", "non-targeting"


def read_wells(screen: str, spec: MorphoHelmSpec, cache: Path) -> Metadata:
    """The wells table of a set, and what was left out of it.

    Plates and well names are text; `experiment` is the batch, of BBBC036 the set itself, which has one. `table_row`
    numbers the wells in the order of the table (of cpg-compound: in which they are drawn).
    """
    files: list[Fetched] = []
    known = _bbbc036(spec, cache, files) if spec.set == "bbbc036" else None
    counts = _counts(spec, cache, files)
    wells = _wells_of(screen, spec, spec.models[0], cache, files, known)
    facts: dict[str, object] = {"set": spec.set, "models": spec.models, "wells_in_table": len(wells)}
    if counts is not None:
        before = wells
        wells, threshold = _with_enough_cells(wells, counts, spec)
        facts |= {"least_cells": threshold, "wells_with_fewer_cells": len(before) - len(wells)}
        if "source" in wells:
            lost = before["source"].value_counts() - wells["source"].value_counts().reindex(before["source"].unique())
            facts["wells_with_fewer_cells_by_source"] = {str(k): int(v) for k, v in lost.fillna(0).sort_index().items()}
    if spec.published_selection:
        wells, selected = _select(screen, spec, wells, counts, cache, files)
        facts |= selected
    wells = wells.assign(table_row=np.arange(len(wells), dtype=np.int32))
    notes = [f"{name}: {value}" for name, value in facts.items() if name not in ("models", "dropped")]
    return Metadata(wells, files, [*notes, "no split"], facts)


def table_of(spec: MorphoHelmSpec, model: str, cache: Path) -> Fetched:
    """The well table of a model. Notes where its rows stand in another order than those of the first model.

    Raises InputError for a model that the set has not.
    """
    if model not in spec.models:
        raise InputError(f"models: has no {model}; {nearest(model, spec.models)}")
    fetched = fetch_file(spec, spec.table(model), cache)
    first = fetch_file(spec, spec.table(spec.models[0]), cache)
    places = [read_columns(file, (PLATE, WELL)) for file in (fetched, first)]
    own, other = (frame[PLATE] + "_" + frame[WELL] for frame in places)
    shared = [ids[ids.isin(rest)].to_numpy() for ids, rest in ((own, set(other)), (other, set(own)))]
    if not np.array_equal(*shared):
        note(
            f"{model}: its table has another order of rows than that of {spec.models[0]}, and the published draws of "
            "wells depend on it: its mean average precisions are of other query wells than the published ones"
        )
    return fetched


def _wells_of(
    screen: str,
    spec: MorphoHelmSpec,
    model: str,
    cache: Path,
    files: list[Fetched],
    known: pd.DataFrame | None,
) -> pd.DataFrame:
    """All wells of a model's table, in its order.

    known : compound and role of BBBC036's wells by well_id
    """
    fetched = fetch_file(spec, spec.table(model), cache)
    files.append(fetched)
    own = () if known is not None else (SOURCE, BATCH)
    optional = (JCP, SYMBOL)
    frame = read_columns(fetched, (PLATE, WELL, *own), optional)
    places = parse_addresses(frame[WELL], fetched.url)
    ids = frame[PLATE] + "_" + places["address"]
    twice = ids.duplicated()
    if twice.any():
        raise InputError(f"{fetched.url}: row {int(twice.argmax())}: well {ids[twice].iloc[0]} appears twice; keep one")
    wells = pd.DataFrame(
        {
            "well_id": ids,
            "screen": screen,
            "experiment": spec.set if known is not None else frame[BATCH],
            "plate": frame[PLATE],
            **places,
            "perturbation_type": "CRISPR" if spec.set == "cpg-crispr" else "COMPOUND",
            "split": None,
        }
    )
    if known is not None:
        compound, role = (known[name].reindex(ids).fillna("").to_numpy(object) for name in ("compound", "role"))
        name, negative = compound, role == "mock"
    else:
        wells["source"] = frame[SOURCE]
        name, negative = _contents(spec, frame, fetched)
        if spec.set == "cpg-crispr":
            wells["gene"] = frame[SYMBOL].where(~negative & (frame[SYMBOL] != ""), None).to_numpy(object)
    if not negative.any():
        note(f"{fetched.url}: no well is a negative control")
    treatment = pd.Series(name, index=wells.index, dtype=object)
    control = pd.Series(None, index=wells.index, dtype=object).mask(treatment == NON_TARGETING, "other")
    wells["treatment"] = treatment.mask(treatment == "", None)
    wells["control"] = control.mask(negative, NEGATIVE)
    wells["perturbation"] = wells["treatment"].mask(negative, "no-guide" if spec.set == "cpg-crispr" else "DMSO")
    return wells


def _contents(spec: MorphoHelmSpec, frame: pd.DataFrame, fetched: Fetched) -> tuple[np.ndarray, np.ndarray]:
    """What is in each well, and whether it is a negative control."""
    column = SYMBOL if spec.set == "cpg-crispr" else JCP
    for name in (column, JCP):
        if name not in frame:
            raise InputError(f"{fetched.url}: has no column {name}, which tells what is in a well of {spec.set}")
    control = NO_GUIDE if spec.set == "cpg-crispr" else DMSO
    return frame[column].to_numpy(object), (frame[JCP] == control).to_numpy(bool)


def _bbbc036(spec: MorphoHelmSpec, cache: Path, files: list[Fetched]) -> pd.DataFrame:
    """Compound and role of BBBC036's wells, by well_id; spelling of well names does not count."""
    fetched = fetch_file(spec, spec.bbbc036_metadata(), cache)
    files.append(fetched)
    frame = read_columns(fetched, (PLATE, WELL, SAMPLE), (ROLE,))
    if ROLE not in frame:
        note(f"{fetched.url}: has no column {ROLE}; wells without a compound are taken for controls")
        frame[ROLE] = np.where(frame[SAMPLE] == "", "mock", "treated")
    ids = frame[PLATE] + "_" + parse_addresses(frame[WELL], fetched.url)["address"]
    known = pd.DataFrame({"compound": frame[SAMPLE].to_numpy(), "role": frame[ROLE].to_numpy()}, index=ids)
    return known[~known.index.duplicated()]


def _counts(spec: MorphoHelmSpec, cache: Path, files: list[Fetched]) -> pd.Series | None:
    """Cells by well_id; None where no well is left out for having few."""
    if spec.cell_count_quantile is None:
        return None
    fetched = fetch_file(spec, spec.cell_counts_path(), cache)
    files.append(fetched)
    frame = read_columns(fetched, (PLATE, WELL, "cell_count"))
    ids = frame[PLATE] + "_" + parse_addresses(frame[WELL], fetched.url)["address"]
    values = pd.to_numeric(frame["cell_count"], errors="coerce")
    counts = pd.Series(values.to_numpy(float), index=ids)
    twice = counts.index.duplicated()
    if twice.any():
        example = counts.index[twice][0]
        note(f"{fetched.url}: {int(twice.sum())} wells have several counts (as {example}); the first is taken")
    return counts[~twice]


def _with_enough_cells(wells: pd.DataFrame, counts: pd.Series, spec: MorphoHelmSpec) -> tuple[pd.DataFrame, float]:
    """Wells with at least the quantile's count, and that count; the draw depends on the order of rows."""
    found = counts.reindex(wells["well_id"]).to_numpy()
    wells = wells.assign(cell_count=found)
    enough = enough_cells(wells, MinimumCellsOptions(quantile=spec.cell_count_quantile))
    return wells[enough.kept], enough.threshold


def _select(
    screen: str,
    spec: MorphoHelmSpec,
    wells: pd.DataFrame,
    counts: pd.Series | None,
    cache: Path,
    files: list[Fetched],
) -> tuple[pd.DataFrame, dict[str, object]]:
    """The wells that the published code scores, and what it left out."""
    if spec.set == "cpg-crispr":
        return select_genes(wells)
    if spec.set == "cpg-moa":
        labels, fetched = labels_of(spec, cache)
        files.append(fetched)
        return select_mechanisms(wells, labels)
    if spec.set != "cpg-compound":
        return wells, {}
    tables = {spec.models[0]: wells}
    for model in spec.models[1:]:
        other = _wells_of(screen, spec, model, cache, files, None)
        # the first model's wells with enough cells are those of every model
        kept = other["well_id"].isin(wells["well_id"]) if counts is not None else np.ones(len(other), dtype=bool)
        tables[model] = other[kept]
    return select_replicates(tables, spec.sample)
