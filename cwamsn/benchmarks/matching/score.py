"""The benchmark: retrieval of shared targets of a method's aligned wells, at levels of stringency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwamsn.benchmarks.bootstrap import BootstrapOptions, interval, resample_counts, weighted_means
from cwamsn.benchmarks.matching.retrieval import mean_by_target, retrieve
from cwamsn.benchmarks.matching.targets import in_one_spelling, read_targets, targets_of_truth
from cwamsn.benchmarks.matching.tasks import GUIDES, SISTERS, tasks_of
from cwamsn.benchmarks.pairing import in_both
from cwamsn.benchmarks.scores import Result
from cwamsn.benchmarks.stringency import levels_of, missing_column
from cwamsn.errors import InputError
from cwamsn.exposure import marked
from cwamsn.notes import note
from cwamsn.options import Options
from cwamsn.wells import is_treated

SIGNS = ("published", "absolute", "cosine")
METRICS = {
    "mean_average_precision": "mean_average_precision",
    "mean_normalized_average_precision": "mean_normalised",
    "mean_average_precision_of_a_random_ranking": "chance",
}


@dataclass(frozen=True, kw_only=True)
class MatchingOptions(Options):
    """The section `matching` of the configuration."""

    targets: str | None = None
    """Table with the targets of compounds; None: the screen's own truth table, where it has one."""
    compound: str | None = None
    """See :func:`cwamsn.benchmarks.matching.read_targets`."""
    target: str | None = None
    """See :func:`cwamsn.benchmarks.matching.read_targets`."""
    levels: Sequence[str] = ("NR", "NSB", "NSS", "NSL")
    sign: str = "published"
    """What ranks: `published`, the absolute cosine where compounds take part and the cosine among guides; `absolute` or
    `cosine` everywhere."""
    least: int = 10
    """Targets that a level must leave; with fewer it is not scored."""
    max_profiles: int = 8
    """Profiles of a compound, guide or gene at a level, chosen at random beyond it; pairs grow with the square."""
    null_size: int = 10000
    """Random rankings of the null distribution of p-values."""
    seed: int = 0
    """Of choice and null."""


def targets_of(options: MatchingOptions, truth: pd.DataFrame | None) -> dict[str, frozenset[str]] | None:
    """Genes of each compound: of the user's table, else of the screen's truth table; None where there is neither."""
    if options.targets is not None:
        return read_targets(options.targets, options.compound, options.target)
    return None if truth is None else targets_of_truth(truth)


def score(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: MatchingOptions,
    bootstrap: BootstrapOptions,
    *,
    targets: Mapping[str, frozenset[str]] | None,
    in_sample: bool | None = False,
) -> Result:
    """Everything that this benchmark reports of one method's aligned wells.

    Parameters
    ----------
    features : (N, D) aligned vectors
    wells : their wells, row for row; controls take no part
    targets : genes of each compound, by perturbation; None: nothing is known of compounds
    in_sample : whether the method was trained on the screen that it is scored on, as the source says; None: unknown

    Returns
    -------
    Its own table: that of :func:`cwamsn.benchmarks.matching.mean_by_target` with `task` and `level`. Metrics, over
    targets: `mean_average_precision`, `mean_normalized_average_precision`, `share_retrieved` (corrected p below .05),
    `mean_average_precision_of_a_random_ranking`; the source is task and level, as `sisters NSB`.

    Raises
    ------
    InputError
        No task can be scored at any level, or an option is not known.
    """
    if options.sign not in SIGNS:
        raise InputError(f"matching.sign: {options.sign!r} is not known; known: {', '.join(SIGNS)}")
    treated = is_treated(wells)
    features, wells = np.asarray(features)[treated], wells[treated].reset_index(drop=True)
    _say_unknown(wells, targets)
    if targets is not None:
        knocked = wells[wells["perturbation_type"] != "COMPOUND"]
        names = knocked["perturbation"] if "gene" not in knocked else knocked["gene"].fillna(knocked["perturbation"])
        targets = in_one_spelling(targets, set(names.astype(str)))
    tables = []
    for level in levels_of(options.levels):
        why = missing_column(level, wells)
        if why is not None:
            note(f"matching at {level.name} ({level.text}) is not scored: {why}")
            continue
        for task, profiles in tasks_of(features, wells, targets, level, options.max_profiles, options.seed):
            absolute = options.sign == "absolute" or (options.sign == "published" and not task.endswith(GUIDES))
            across = task != SISTERS and not task.endswith(GUIDES)
            queries = retrieve(profiles, absolute, across)
            left = queries["target"].nunique()
            if left < options.least:
                note(
                    f"matching of {task} at {level.name} ({level.text}) is not scored: it leaves {left} targets with "
                    f"{len(queries)} queries, {options.least} targets are needed"
                )
                continue
            found = mean_by_target(queries, options.null_size, options.seed)
            tables.append(found.assign(task=task, level=level.name))
    if not tables:
        raise InputError(
            "matching: no task can be scored; give the targets of compounds (matching.targets) or a screen with "
            "guides, or leave matching out of evaluate"
        )
    suffix = marked("", in_sample)
    table = pd.concat(tables, ignore_index=True)
    parts = [
        _summary(part, bootstrap).assign(source=f"{task} {level}{suffix}")
        for (task, level), part in table.groupby(["task", "level"], sort=False)
    ]
    return Result(tuple(parts), table)


def _say_unknown(wells: pd.DataFrame, targets: Mapping[str, frozenset[str]] | None) -> None:
    """Note how many compounds have no known target; InputError where none of the known ones is in the screen."""
    compounds = set(wells.loc[wells["perturbation_type"] == "COMPOUND", "perturbation"])
    if targets is None or not compounds:
        return
    known = compounds & set(targets)
    if not known:
        raise InputError(
            f"matching: none of the {len(targets)} compounds with targets ({', '.join(sorted(targets)[:2])} ...) is a "
            f"perturbation of the wells (as {sorted(compounds)[:1]}); correct matching.targets or matching.compound"
        )
    if len(known) < len(compounds):
        note(f"matching: {len(compounds) - len(known):,} of {len(compounds):,} compounds have no known target")


def _summary(table: pd.DataFrame, bootstrap: BootstrapOptions) -> pd.DataFrame:
    """Means over targets, with intervals from resampled targets."""
    counts = resample_counts(len(table), bootstrap.resamples, bootstrap.seed)
    values = {metric: table[column].to_numpy(float) for metric, column in METRICS.items()}
    values["share_retrieved"] = (table["corrected_p_value"] < 0.05).to_numpy(float)
    rows = []
    for metric, of_targets in values.items():
        bounds = interval(weighted_means(of_targets, counts), bootstrap.level)
        rows.append((metric, float(of_targets.mean()), len(table), *bounds))
    return pd.DataFrame(rows, columns=["metric", "value", "n", "ci_low", "ci_high"])


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, bootstrap: BootstrapOptions) -> pd.DataFrame:
    """Scores of `first` less those of `second` over the targets that both have, from the same resamples of targets.

    Parameters
    ----------
    first, second : the benchmark's own tables

    Returns
    -------
    `metric, source, value, n, ci_low, ci_high`; metrics `mean_average_precision`, `mean_normalized_average_precision`
    and `share_retrieved`.
    """
    keys = ["task", "level", "target"]
    both = in_both(first, second, keys, benchmark="matching", of="target", same="with the same targets")
    rows = []
    for (task, level), table in both.groupby(["task", "level"], sort=False):
        counts = resample_counts(len(table), bootstrap.resamples, bootstrap.seed)
        less = {
            metric: (table[column] - table[f"{column}_other"]).to_numpy(float)
            for metric, column in METRICS.items()
            if column != "chance"
        }
        retrieved = [(table[f"corrected_p_value{suffix}"] < 0.05).to_numpy(float) for suffix in ("", "_other")]
        less["share_retrieved"] = retrieved[0] - retrieved[1]
        for metric, values in less.items():
            bounds = interval(weighted_means(values, counts), bootstrap.level)
            rows.append((metric, f"{task} {level}", float(values.mean()), len(table), *bounds))
    return pd.DataFrame(rows, columns=["metric", "source", "value", "n", "ci_low", "ci_high"])
