"""Every number that a study takes of one method on one pair of screens: the benchmarks' own, and one of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.alignment import AlignOptions, aggregate, align
from cwamsn.benchmarks import comparison
from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks import latent_probe as lp
from cwamsn.benchmarks import plate_probe as pp
from cwamsn.benchmarks.replicates import ReplicateOptions, replicate_map
from cwamsn.benchmarks.scores import as_scores
from cwamsn.paths import ScreenPaths
from cwamsn.studies.plan import PROBED
from cwamsn.tables import feature_columns

EVALUATED = "simulated-rxrx3-core"  # the one simulated source with knockouts and a truth table


@dataclass(frozen=True, kw_only=True)
class Sections(comparison.ComparisonOptions):
    """The sections of the configuration that the scores of a point depend on."""

    alignment: AlignOptions = field(default_factory=AlignOptions)
    plate_probe: pp.PlateProbeOptions = field(default_factory=pp.PlateProbeOptions)
    replicate_map: ReplicateOptions = field(default_factory=ReplicateOptions)


def evaluation_scores(
    frame: pd.DataFrame, screen: ScreenPaths, sections: Sections, fixed: Mapping[str, object]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Benchmarks of one method's embeddings `frame` on the evaluation screen, and its map.

    Parameters
    ----------
    frame : table of contract `embeddings`
    screen : files of a simulated screen with knockouts: wells, truth table and what the wells were drawn from
    fixed : columns of the contract `scores` that are the same in every row

    Returns
    -------
    Rows of the contract `scores`: gene_gene of the map alone, compound_gene, the plate probe of the physical plate
    among negative controls before the alignment (in the first kind of folds), latent_probe. And the map.
    """
    all_wells = tables.read("wells", screen.wells)
    features, wells = _of_frame(frame, all_wells)
    doses = sections.alignment.doses(EVALUATED)
    found = aggregate(align(features, wells, options=sections.alignment), wells, sections.alignment.pool, doses)
    truth = cg.load_truth(sections.compound_gene.truth or screen.truth, all_wells)
    latent = pd.read_parquet(screen.simulated_truth)
    results = {
        "gene_gene": gg.score(found, sections.gene_gene, sections.bootstrap),
        "compound_gene": cg.score(found, truth, sections.compound_gene, sections.bootstrap, doses=doses),
        "plate_probe": pp.score(features, wells, _probed(sections.plate_probe), sections.alignment),
        "latent_probe": lp.score(features, wells, latent),
    }
    parts = [part.assign(benchmark=name) for name, result in results.items() for part in result.parts]
    return as_scores(parts, alignment=sections.alignment.method, **fixed), found


def _probed(options: pp.PlateProbeOptions) -> pp.PlateProbeOptions:
    """The one setting of the plate probe that a study reports, on the one thread that a study's job has."""
    one: dict[str, Any] = {key: [value] for key, value in PROBED.items()}
    return replace(options, **one, folds=options.folds[:1], threads=1)


def recall_differences(
    first: pd.DataFrame, others: Mapping[str, pd.DataFrame], sections: Sections, fixed: Mapping[str, object]
) -> list[pd.DataFrame]:
    """Recalls of the map `first` less those of each other map, by name, with intervals over resampled genes.

    The only interval there is where a point has one pair of screens. One table of contract `scores` per other map.
    """
    fixed = {**fixed, "benchmark": "comparison", "alignment": sections.alignment.method}
    found = {name: comparison.score((first, other), name, sections) for name, other in others.items()}
    return [result.scores(**fixed) for result in found.values()]


def heldout_retrieval(
    frame: pd.DataFrame, screen: ScreenPaths, options: ReplicateOptions, fixed: Mapping[str, object]
) -> pd.DataFrame:
    """Replicate retrieval of the compounds that training did not see, on the training screen itself.

    The signal that recipes are tuned by: a well is to find the wells of its compound on other plates before those of
    other compounds on its own plate. The screen's training split has no controls, so each plate is centred and scaled
    on all its wells. `options.negatives` is not used, since there is one kind; p-values are not reported.

    Returns
    -------
    One row of the contract `scores`, metric `heldout_map`, n in compounds.
    """
    features, wells = _of_frame(frame, tables.read("wells", screen.wells))
    for plate in wells["plate"].unique():
        of_plate = (wells["plate"] == plate).to_numpy()
        spread = features[of_plate].std(axis=0)
        features[of_plate] = (features[of_plate] - features[of_plate].mean(axis=0)) / np.where(spread > 0, spread, 1)
    unseen = wells["split"].isin(["val", "test"]).to_numpy()
    options = replace(options, negatives="other_perturbations", null_size=100)
    table = replicate_map(features[unseen], wells[unseen].reset_index(drop=True), options)
    value = float(table["mean_average_precision"].mean())
    row = {"metric": "heldout_map", "source": "unseen compounds", "value": value, "n": len(table)}
    return as_scores([pd.DataFrame([row])], benchmark="replicate_map", **fixed)


def _of_frame(frame: pd.DataFrame, wells: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Features (n, d) of an embeddings table, and its wells row for row."""
    wells = wells.set_index("well_id").loc[frame["well_id"]].reset_index()
    return frame[feature_columns(frame.columns)].to_numpy(np.float64, copy=True), wells
