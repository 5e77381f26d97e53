"""Every number that a study takes of one row on one pair of screens."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cwamsn.alignment import AlignOptions, aggregate, align
from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks import plate_probe as pp
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.latent_probe import latent_probe
from cwamsn.benchmarks.replicates import ReplicateOptions, replicate_map
from cwamsn.embeddings.latent import PARTS, latent_columns
from cwamsn.studies.plan import PROBED
from cwamsn.tables import feature_columns
from cwamsn.vocabulary import doses_kept

COLUMNS = ["benchmark", "metric", "source", "value", "n"]


def evaluation_scores(
    frame: pd.DataFrame, wells: pd.DataFrame, truth: pd.DataFrame, latent: pd.DataFrame, sections: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Benchmarks of one row's embeddings `frame` on the evaluation screen, and its map.

    truth: compound-gene truth table; latent: the screen's ground truth. sections: of the configuration `alignment`,
    `gene_gene`, `compound_gene` and `plate_probe` (for the latter two the benchmarks' defaults where absent). Table
    `benchmark, metric, source, value, n`: recall at the first thresholds of each source and of all jointly; AP and AUC
    at the best dose; macro-F1 of the physical plate among negative controls, in the first kind of folds; latent probes.
    """
    wells = wells.set_index("well_id").loc[frame["well_id"]].reset_index()
    features = frame[feature_columns(frame.columns)].to_numpy(np.float64)
    how = sections["alignment"]
    aligned = align(features, wells, options=AlignOptions.from_config(how))
    doses = doses_kept(how["concentrations"], "simulated-rxrx3-core")  # the one simulated screen with a truth table
    found = aggregate(aligned, wells, how["pool"], doses)
    section = sections["gene_gene"]
    similar = gg.Similarities(found, section["null_rows"])
    recalls = gg.summary(similar, section["sources"], section["thresholds"][:1], resamples=1, **_annotated(section))
    chosen = {key: value for key, value in sections.get("compound_gene", {}).items() if key in ("draws", "negatives")}
    scores = cg.score_compounds(found, truth, concentrations=doses or cg.doses_of(found), **chosen)
    best = scores.concentrations.index(cg.MAX)
    compounds = [
        {
            "metric": name,
            "source": cg.MAX,
            "value": float(np.nanmean(scores.values[name][:, best])),
            "n": len(scores.truth.compounds),
        }
        for name in cg.METRICS
    ]
    probed = pp.PlateProbeOptions.from_config(sections.get("plate_probe", {}))
    one = {"plate_readings": [PROBED["plate_readings"]], "controls": [PROBED["controls"]], "folds": probed.folds[:1]}
    probes = pp.probe_plates(features, wells, replace(probed, **one))
    probes = probes.groupby("probe", as_index=False).agg(value=("macro_f1", "mean"), n=("n_wells", "first"))
    probes = probes.assign(metric=probes["probe"] + "_macro_f1", source="negative controls")
    read = latent_probe(features, wells, latent, {part: latent_columns(latent, part) for part in PARTS})
    parts = {"gene_gene": recalls, "compound_gene": pd.DataFrame(compounds), "plate_probe": probes, "latent": read}
    tables = [table.assign(benchmark=name) for name, table in parts.items()]
    return pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS), found


def _annotated(section: Mapping[str, Any]) -> dict[str, Any]:
    """Which annotations, and by which previous symbols: arguments of the functions of gene_gene."""
    return {"folder": section["annotations"], "aliases": section.get("aliases")}


def recall_differences(maps: Mapping[str, pd.DataFrame], first: str, sections: Mapping[str, Any]) -> pd.DataFrame:
    """Joint recall of `first` less that of each other map, with its interval over resampled genes, as `bootstrap` says.

    The only error there is where a point has one pair of screens. Table as of :func:`evaluation_scores`: metrics
    `difference`, `ci_low`, `ci_high`, the other row as source; empty where `first` has no map.
    """
    section = gg.GeneGeneOptions.from_config(sections["gene_gene"])
    section = replace(section, thresholds=section.thresholds[:1])
    bootstrap = BootstrapOptions.from_config(sections.get("bootstrap", {}))
    if first not in maps:
        return pd.DataFrame(columns=COLUMNS)
    similar = {name: gg.Similarities(one, section.null_rows) for name, one in maps.items()}
    rows = []
    for name in similar:
        if name == first:
            continue
        table = gg.paired_difference(similar[first], similar[name], section, bootstrap)
        joint = table[table["source"] == "joint"].iloc[0]
        numbers = {"difference": joint["value"], "ci_low": joint["ci_low"], "ci_high": joint["ci_high"]}
        rows += [{"metric": metric, "source": name, "value": v, "n": joint["n"]} for metric, v in numbers.items()]
    return pd.DataFrame(rows, columns=COLUMNS[1:]).assign(benchmark="comparison").reindex(columns=COLUMNS)


def heldout_retrieval(frame: pd.DataFrame, wells: pd.DataFrame, sections: Mapping[str, Any]) -> pd.DataFrame:
    """Replicate retrieval of the compounds that training did not see, on the training screen itself.

    The signal that recipes are tuned by: a well is to find the wells of its compound on other plates before those of
    other compounds on its own plate. The screen's training part has no controls, so each plate is centred and scaled on
    all its wells. Of the section `replicate_map` it takes everything but `negatives`, of which there is one kind, and
    the null of p-values, which it does not give. Table as :func:`evaluation_scores` gives it, n in compounds.
    """
    wells = wells.set_index("well_id").loc[frame["well_id"]].reset_index()
    features = frame[feature_columns(frame.columns)].to_numpy(np.float64)
    for plate in wells["plate"].unique():
        some = (wells["plate"] == plate).to_numpy()
        spread = features[some].std(axis=0)
        features[some] = (features[some] - features[some].mean(axis=0)) / np.where(spread > 0, spread, 1)
    unseen = wells["split"].isin(["val", "test"]).to_numpy()
    options = ReplicateOptions.from_config(sections.get("replicate_map", {}))
    options = replace(options, negatives="other_perturbations", null_size=100)
    table = replicate_map(features[unseen], wells[unseen].reset_index(drop=True), options)
    value = float(table["mean_average_precision"].mean())
    row = {"metric": "heldout_map", "source": "unseen compounds", "value": value, "n": len(table)}
    return pd.DataFrame([{"benchmark": "replicates", **row}], columns=COLUMNS)
