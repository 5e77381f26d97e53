"""Embeddings of a screen on the benchmarks, without a workflow: what its rules compute, by the same functions."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.alignment import AlignOptions, aggregate, align
from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks import enrichment as en
from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks import geometry as ge
from cwamsn.benchmarks import latent_probe as lp
from cwamsn.benchmarks import matching as mt
from cwamsn.benchmarks import morphohelm as mh
from cwamsn.benchmarks import plate_probe as pp
from cwamsn.benchmarks import replicates as rp
from cwamsn.benchmarks import signal as sg
from cwamsn.benchmarks import stringency as st
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.scores import Result, as_scores
from cwamsn.benchmarks.shuffled import ShuffleOptions, beside, shuffled_ids, shuffled_names
from cwamsn.cell_counts import with_cell_counts
from cwamsn.config_files import sections_of
from cwamsn.embeddings import WellsFile, load_features, read_embeddings
from cwamsn.errors import InputError, nearest
from cwamsn.files import read_json
from cwamsn.options import Options
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import MorphoHelmSpec
from cwamsn.wells_by_count import MinimumCellsOptions, minimum_scores, with_enough_cells

OF_RXRX3 = ("gene_gene", "compound_gene")
OF_OTHERS = ("plate_probe", "replicate_map", "signal")


@dataclass(frozen=True, kw_only=True)
class Sections(Options):
    """The sections of the configuration that scores depend on."""

    alignment: AlignOptions = field(default_factory=AlignOptions)
    bootstrap: BootstrapOptions = field(default_factory=BootstrapOptions)
    compound_gene: cg.CompoundGeneOptions = field(default_factory=cg.CompoundGeneOptions)
    enrichment: en.EnrichmentOptions = field(default_factory=en.EnrichmentOptions)
    gene_gene: gg.GeneGeneOptions = field(default_factory=gg.GeneGeneOptions)
    geometry: ge.GeometryOptions = field(default_factory=ge.GeometryOptions)
    minimum_cells: MinimumCellsOptions = field(default_factory=MinimumCellsOptions)
    matching: mt.MatchingOptions = field(default_factory=mt.MatchingOptions)
    plate_probe: pp.PlateProbeOptions = field(default_factory=pp.PlateProbeOptions)
    replicate_map: rp.ReplicateOptions = field(default_factory=rp.ReplicateOptions)
    retrieval: st.RetrievalOptions = field(default_factory=st.RetrievalOptions)
    shuffled_labels: ShuffleOptions = field(default_factory=ShuffleOptions)
    signal: sg.SignalOptions = field(default_factory=sg.SignalOptions)


@dataclass(frozen=True)
class Subject:
    """Embeddings of a screen, in the forms that benchmarks take."""

    features: np.ndarray
    """(N, D), as they were embedded."""
    wells: pd.DataFrame
    """Their N wells, row for row."""
    all_wells: pd.DataFrame
    """Wells of the screen, with an embedding or without."""
    aligned: np.ndarray
    """(M, D') after the alignment, of the wells that have enough cells."""
    kept: pd.DataFrame
    """Those M wells, row for row."""
    map: pd.DataFrame | None
    """Aligned wells pooled (contract `map`); None where no benchmark reads it."""
    truth: pd.DataFrame | None
    """Known compound-gene relationships, where there are any."""
    simulated_truth: Path
    """What the wells of a simulated screen were drawn from; need not exist."""
    source: str
    """The screen's source."""
    in_sample: bool | None
    """Whether the method was trained on the screen; None: unknown."""
    sections: Sections
    screen: ScreenPaths


def _gene_gene(of: Subject) -> Result:
    again = align(of.features, of.wells, options=of.sections.alignment, say=False)
    kept = with_enough_cells(again, of.wells, of.all_wells, of.sections.minimum_cells)
    halves = kept if of.sections.gene_gene.needs_wells else None
    options, bootstrap = of.sections.gene_gene, of.sections.bootstrap
    return beside(
        of.sections.shuffled_labels,
        _map(of),
        lambda named: gg.score(named, options, bootstrap, wells=of.all_wells, aligned=halves),
        lambda named: gg.score(named, options, bootstrap),
        by=shuffled_names,
    )


def _compound_gene(of: Subject) -> Result:
    if of.truth is None:
        raise InputError("compound_gene: the screen comes with no known compound-gene relationships; give --truth FILE")
    sections, truth, doses = of.sections, of.truth, of.sections.alignment.doses(of.source)
    return beside(
        sections.shuffled_labels,
        _map(of),
        lambda named: cg.score(named, truth, sections.compound_gene, sections.bootstrap, doses=doses),
        by=shuffled_names,
    )


def _replicate_map(of: Subject) -> Result:
    targets = (_map(of), of.truth) if of.truth is not None else None
    options = of.sections.replicate_map
    return beside(
        of.sections.shuffled_labels,
        of.kept,
        lambda wells: rp.score(of.aligned, wells, options, in_sample=of.in_sample, targets=targets),
        lambda wells: rp.score(of.aligned, wells, options, in_sample=of.in_sample, targets=None),
    )


def _retrieval(of: Subject) -> Result:
    options, bootstrap = of.sections.retrieval, of.sections.bootstrap
    return beside(
        of.sections.shuffled_labels,
        of.kept,
        lambda wells: st.score(of.aligned, wells, options, bootstrap, in_sample=of.in_sample),
    )


def _enrichment(of: Subject) -> Result:
    sections, options = of.sections, of.sections.enrichment
    bootstrap, genes = sections.bootstrap, sections.gene_gene
    if options.labels is None and of.screen.labels.is_file():
        options = replace(options, labels=str(of.screen.labels))
    return beside(
        sections.shuffled_labels,
        of.kept,
        lambda wells: en.score(of.aligned, wells, options, bootstrap, gene_gene=genes, in_sample=of.in_sample),
    )


def _morphohelm(of: Subject) -> Result:
    if of.source != MorphoHelmSpec.source:
        raise InputError("morphohelm: is of screens with the source morphohelm; take retrieval and enrichment")
    labels, pairs = (path if path.is_file() else None for path in (of.screen.labels, of.screen.gene_pairs))
    name, sections = str(read_json(of.screen.source)["set"]), of.sections
    relations, bootstrap, threads = mh.read_relations(labels, pairs), sections.bootstrap, sections.retrieval.threads
    return beside(
        sections.shuffled_labels,
        of.kept,
        lambda wells: mh.score(
            of.aligned, wells, name, bootstrap, relations=relations, in_sample=of.in_sample, threads=threads
        ),
    )


def _matching(of: Subject) -> Result:
    options, bootstrap = of.sections.matching, of.sections.bootstrap
    targets = mt.targets_of(options, of.truth)
    return beside(
        of.sections.shuffled_labels,
        of.kept,
        lambda wells: mt.score(of.aligned, wells, options, bootstrap, targets=targets, in_sample=of.in_sample),
    )


def _latent_probe(of: Subject) -> Result:
    if not of.simulated_truth.is_file():
        raise InputError("latent_probe: the screen is not simulated; leave the benchmark out")
    return beside(
        of.sections.shuffled_labels,
        pd.read_parquet(of.simulated_truth),
        lambda truth: lp.score(of.features, of.wells, truth),
        by=shuffled_ids,
    )


def _plate_probe(of: Subject) -> Result:
    sections = of.sections
    return pp.score(
        of.features,
        of.wells,
        sections.plate_probe,
        sections.alignment,
        all_wells=of.all_wells,
        minimum=sections.minimum_cells,
    )


BENCHMARKS: dict[str, Callable[[Subject], Result]] = {
    "gene_gene": _gene_gene,
    "compound_gene": _compound_gene,
    "plate_probe": _plate_probe,
    "replicate_map": _replicate_map,
    "retrieval": _retrieval,
    "enrichment": _enrichment,
    "matching": _matching,
    "morphohelm": _morphohelm,
    "signal": lambda of: beside(
        of.sections.shuffled_labels, of.kept, lambda wells: sg.score(of.aligned, wells, of.sections.signal)
    ),
    "geometry": lambda of: ge.score(of.features, of.wells, of.sections.geometry, of.sections.alignment),
    "latent_probe": _latent_probe,
}


def _map(of: Subject) -> pd.DataFrame:
    assert of.map is not None
    return of.map


def score_embeddings(
    path: str | Path,
    screen: ScreenPaths,
    source: str,
    *,
    benchmarks: Sequence[str] = (),
    sections: Sections | None = None,
    file: WellsFile | None = None,
    method: str | None = None,
    run: str = "score",
    max_missing_share: float = 0.05,
    cell_counts: str | Path | None = None,
    in_sample: bool | None = False,
) -> tuple[pd.DataFrame, Mapping[str, object]]:
    """Scores of a file of embeddings on a screen.

    Parameters
    ----------
    path : one vector per well, in any of the formats that :func:`cwamsn.embeddings.read_embeddings` reads
    screen : files of the screen: its wells table and, beside it, what it publishes
    source : of the screen; default benchmarks and doses depend on it
    benchmarks : names; none: gene_gene and compound_gene of RxRx3-core, else plate_probe, replicate_map and signal
    sections : of the configuration; None: its defaults
    file : how the file is to be read
    method, run : what the scores say of themselves; the method is the file's name by default
    max_missing_share : share of wells that may have no embedding
    cell_counts : the user's own table of cells per well, see :func:`cwamsn.cell_counts.with_cell_counts`; without it
        the counts of the screen's QC table are taken, if it has any
    in_sample : whether the method was trained on this screen, which scores say in their source; None: unknown

    Returns
    -------
    Table of contract `scores`, and counts of wells.

    Raises
    ------
    InputError
        For an unknown benchmark, and what reading, alignment and benchmarks raise.
    """
    sections, path = sections or Sections(), Path(path)
    chosen = list(benchmarks) or list(OF_RXRX3 if "rxrx3-core" in source else OF_OTHERS)
    for name in chosen:
        if name not in BENCHMARKS:
            raise InputError(f"benchmarks: {name!r} is not known; {nearest(name, BENCHMARKS)}")
    qc = screen.qc if screen.qc.is_file() else None
    wells = with_cell_counts(tables.read("wells", screen.wells), qc, cell_counts)
    frame, counts = read_embeddings(path, file or WellsFile(), wells, max_missing_share)
    subject = replace(_subject(frame, wells, screen, source, sections, chosen), in_sample=in_sample)
    parts = []
    for name in chosen:
        fixed = {"run": run, "screen": screen.root.name, "method": method or path.name.split(".")[0], "seed": 0}
        result = BENCHMARKS[name](subject)
        if name != "latent_probe":  # which looks at the images of wells, not at what is aligned
            result = result.beside(minimum_scores(wells, sections.minimum_cells))
        parts.append(result.scores(**fixed, benchmark=name, alignment=sections.alignment.method))
    return as_scores(parts), counts


def _subject(
    frame: pd.DataFrame,
    wells: pd.DataFrame,
    screen: ScreenPaths,
    source: str,
    sections: Sections,
    benchmarks: Sequence[str],
) -> Subject:
    """Embeddings as the stages pass them on: through a table, aligned, and pooled where a benchmark needs it."""
    with tempfile.TemporaryDirectory(prefix="cwamsn-") as folder:
        matched = Path(folder) / "embeddings.parquet"
        tables.write(frame, "embeddings", matched)
        features, embedded = load_features(matched, wells)
    aligned = align(features, embedded, options=sections.alignment)
    aligned, kept = with_enough_cells(aligned, embedded, wells, sections.minimum_cells)
    own = sections.compound_gene.truth
    where = Path(own) if own else screen.truth
    truth = cg.load_truth(where, wells) if own or where.is_file() else None
    needed = ("replicate_map" in benchmarks and truth is not None) or {"gene_gene", "compound_gene"} & set(benchmarks)
    options = sections.alignment
    pooled = aggregate(aligned, kept, options.pool, options.doses(source)) if needed else None
    return Subject(
        features, embedded, wells, aligned, kept, pooled, truth, screen.simulated_truth, source, False, sections, screen
    )


def sections_of_argument(argument: str | Path) -> tuple[Sections, Mapping[str, Any]]:
    """The sections of a configuration file that `argument` names, else the defaults; and the whole configuration."""
    names = [*Sections.__dataclass_fields__, "evaluate", "run", "max_missing_share"]
    config = sections_of(argument, names)
    return Sections.from_config(config), config
