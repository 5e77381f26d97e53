"""Wells of RxRx3-core, and the other tables that are published with it."""

from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.rxrx3_core import RxRx3Spec
from cwamsn.screens.chemistry import inchikeys
from cwamsn.screens.hosts import Fetched, fetch, usable
from cwamsn.screens.names import parse_addresses
from cwamsn.screens.sources.base import Metadata
from cwamsn.text_tables import read_text_table, require_columns
from cwamsn.vocabulary import NEGATIVE

TRUTH_COLUMNS = ("gene_symbol", "nM_value", "treatment")
_COLUMNS = ("well_id", "experiment_name", "plate", "address", "gene", "treatment", "SMILES", "concentration")
_GUIDE = r"_guide_[^_]+$"  # TP53_guide_3; any other underscore is part of a name
_CONTROLS = {"EMPTY_control": NEGATIVE, "CRISPR_control": "other"}


def read_wells(screen: str, spec: RxRx3Spec, cache: Path) -> Metadata:
    """The wells table from the metadata file (surplus columns are fine), and where it came from."""
    fetched = licensed_fetch(spec, spec.metadata_files()[0], cache)
    with usable(fetched):
        frame = read_text_table(fetched.path, fetched.url)
        require_columns(frame, (*_COLUMNS, "perturbation_type"), fetched.url)
    for column in ("well_id", "experiment_name", "plate"):
        if not frame[column].all():
            row = frame.index[(frame[column] == "").argmax()]
            raise InputError(f"{fetched.url}: row {row} has no {column}; fill it in")
    repeated = frame["well_id"].duplicated()
    if repeated.any():
        row = frame.index[repeated.to_numpy().argmax()]
        raise InputError(f"{fetched.url}: row {row}: well_id {frame['well_id'][row]} appears twice; keep one row")
    frame = frame.replace("", None)
    unknown = ~frame["perturbation_type"].isin(["COMPOUND", "CRISPR"])
    if unknown.any():
        row = frame.index[unknown.to_numpy().argmax()]
        raise InputError(f"{fetched.url}: row {row}: perturbation_type must be COMPOUND or CRISPR")
    treatment = _controls_in_one_case(frame["treatment"])
    frame = frame.assign(treatment=treatment)
    control = treatment.map(_CONTROLS).astype(object)
    if NEGATIVE not in set(control):
        note("no well is a negative control: none has the treatment EMPTY_control")
    perturbation = _perturbation(frame).where(control.isna(), treatment)
    frame = frame.assign(
        screen=screen,
        experiment=frame["experiment_name"],
        control=control.where(control.notna(), None),
        perturbation=perturbation,
        guide=treatment.where((frame["perturbation_type"] == "CRISPR") & (perturbation != treatment), None),
        gene=frame["gene"].where(control.isna(), None),
        smiles=frame["SMILES"],
        inchikey=inchikeys(frame["SMILES"]),
        concentration=_concentration(frame["concentration"], fetched.url),
        split=None,
        **parse_addresses(frame["address"], fetched.url),
    )
    return Metadata(frame, [fetched], [f"{len(frame)} wells, no split"])


def _controls_in_one_case(treatment: pd.Series) -> pd.Series:
    """Treatments, those of controls as the published file writes them; notes how many were not."""
    names = {name.casefold(): name for name in _CONTROLS}
    named = treatment.str.casefold().map(names)
    other = named.notna() & (named != treatment)
    if other.any():
        note(f"{int(other.sum())} wells are controls though their treatment is written {treatment[other].iloc[0]!r}")
    return treatment.mask(other, named).astype(object)


def _perturbation(frame: pd.DataFrame) -> pd.Series:
    """The gene of a guide, or the compound; the column `gene` where a knockout names no guide."""
    treatment = frame["treatment"]
    crispr = frame["perturbation_type"] == "CRISPR"
    cut = treatment.str.replace(_GUIDE, "", regex=True).where(crispr, treatment)
    return cut.where(~(crispr & (cut == treatment) & frame["gene"].notna()), frame["gene"])


def _concentration(column: pd.Series, source: str) -> pd.Series:
    values = pd.to_numeric(column, errors="coerce")
    bad = (column.notna() & values.isna()) | (values < 0) | values.isin([float("inf")])
    if bad.any():
        row = column.index[bad.to_numpy().argmax()]
        raise InputError(f"{source}: row {row}: concentration {column[row]!r} is not a number (µM), or not a dose")
    return values


def released_embeddings(spec: RxRx3Spec, cache: Path) -> Fetched:
    """OpenPhenom's embeddings, one row per well (532 MB)."""
    return licensed_fetch(spec, spec.released_files()[0], cache)


def truth(spec: RxRx3Spec, cache: Path) -> Fetched:
    """The compound-gene truth table: columns gene_symbol, nM_value, treatment and more."""
    fetched = fetch(spec.truth_files()[0], cache, spec.retry)
    with usable(fetched):
        require_columns(read_text_table(fetched.path, fetched.url), TRUTH_COLUMNS, fetched.url)
    return fetched


def licensed_fetch(spec: RxRx3Spec, location: str, cache: Path) -> Fetched:
    """Fetch, after asking for the licence unless the file is local."""
    if local_path(location) is None and location.startswith(spec.base_url) and not spec.accept_noncommercial_licence:
        raise InputError(
            f"{location}: RxRx3-core is under Recursion's non-commercial terms; read them there and set "
            "accept_noncommercial_licence: true, or give a local base_url"
        )
    return fetch(location, cache, spec.retry)
