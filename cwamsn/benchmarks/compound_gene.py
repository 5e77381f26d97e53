"""Do compounds resemble the knockouts of their known targets more than other genes? AP and AUC a compound.

EFAAR's compound-gene benchmark on RxRx3-core as its notebook of November 2024 runs it; the released package lacks it.
For each draw and compound, targets (nM <= 1000) stand against a random choice of other truth genes; a pair's score is
the absolute cosine of the two aggregated vectors. All draws, doses and genes of a compound are scored at once.
"""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.benchmarks.bootstrap import cluster_counts, interval
from cwamsn.benchmarks.gene_gene import SAME, cosines
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.screens.text import read_text_table, require_columns
from cwamsn.tables import concentration_text, feature_columns
from cwamsn.vocabulary import RXRX3_DOSES

ACTIVE, AMBIGUOUS = 1000.0, 10000.0  # nM: a target up to the first, neither target nor negative up to the second
NEGATIVES = ("published", "independent", "all")
METRICS = ("average_precision", "auc_roc")
TRUTH_COLUMNS = ("gene_symbol", "nM_value", "treatment")
_PER_COMPOUND = ("compounds", "active", "eligible", "cluster")
MAX = "max"


def average_precision_and_auc(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AP and AUC along the last axis, ties as in scikit-learn (one threshold a distinct score).

    Parameters
    ----------
    labels : (..., k) booleans; at least one true and one false in each row for AUC, else NaN
    scores : (..., k), finite

    Returns
    -------
    Two arrays (...,): sum over thresholds of (recall_i - recall_{i-1}) precision_i, and the Mann-Whitney AUC.
    """
    order = np.argsort(-scores, axis=-1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=-1)
    hits = np.take_along_axis(np.broadcast_to(labels, scores.shape), order, axis=-1)
    k = scores.shape[-1]
    last = np.ones(scores.shape, dtype=bool)  # the last place of each group of equal scores
    last[..., :-1] = ranked[..., :-1] != ranked[..., 1:]
    end = np.minimum.accumulate(np.where(last, np.arange(k), k)[..., ::-1], axis=-1)[..., ::-1]
    found = np.cumsum(hits, axis=-1)
    at_end = np.take_along_axis(found, end, axis=-1)
    positives = found[..., -1]
    negatives = k - positives
    precision = at_end / (end + 1)
    first = np.zeros(scores.shape, dtype=np.int64)  # the first place of each group
    first[..., 1:] = np.maximum.accumulate(np.where(last[..., :-1], np.arange(1, k), 0), axis=-1)
    before = np.where(first > 0, np.take_along_axis(found, np.maximum(first - 1, 0), axis=-1), 0)
    # a positive beats every negative ranked after its group and half of those within it; halves are exact in binary
    lost = (first - before) + (end + 1 - first - (at_end - before)) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        ap = (hits * precision).sum(axis=-1) / positives
        auc = (hits * (negatives[..., None] - lost)).sum(axis=-1) / (positives * negatives)
    return ap, auc


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


def _some(names: Collection[str]) -> str:
    return ", ".join(sorted(map(str, set(names)))[:2]) or "none"


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


def doses_of(perturbation_map: pd.DataFrame) -> list[float]:
    """Every dose of the map's compounds, ascending."""
    doses = perturbation_map.loc[perturbation_map["perturbation_type"] == "COMPOUND", "concentration"].dropna()
    return sorted(doses.unique().tolist())


class Negatives:
    """Which eligible genes stand against a compound's targets in each draw."""

    def __init__(self, draws: int, mode: str = "published"):
        if mode not in NEGATIVES:
            raise InputError(f"compound_gene.negatives: {mode!r} is not known; known: {', '.join(NEGATIVES)}")
        self.draws, self.mode = draws, mode
        self._known: dict[tuple[int, int], np.ndarray] = {}

    def of(self, compound: str, n_active: int, n_eligible: int) -> np.ndarray:
        """Positions among the sorted eligible genes, ascending: (draws, n); one row that serves every draw if `all`."""
        if self.mode == "all":
            return np.arange(n_eligible)[None, :]
        n = min(max(2 * n_active, 20), n_eligible)
        if self.mode == "independent":
            return self._choose(n_eligible, n, zlib.crc32(compound.encode()))
        # The published generator is made anew for every compound, so that a draw depends on the two sizes alone.
        if (n_eligible, n) not in self._known:
            self._known[n_eligible, n] = self._choose(n_eligible, n, None)
        return self._known[n_eligible, n]

    def _choose(self, n_eligible: int, n: int, stream: int | None) -> np.ndarray:
        seeds = range(self.draws) if stream is None else ([draw, stream] for draw in range(self.draws))
        return np.sort([np.random.default_rng(seed).choice(n_eligible, n, replace=False) for seed in seeds], axis=1)


@dataclass(frozen=True)
class CompoundScores:
    """AP and AUC of every compound: arrays (draws, doses and `max`, compounds), NaN where a compound lacks the dose."""

    truth: Truth
    concentrations: tuple[str, ...]
    values: dict[str, np.ndarray]  # the metrics of METRICS and `baseline_` of each


def pair_scores(perturbation_map: pd.DataFrame, truth: Truth, concentrations: Sequence[float]) -> np.ndarray:
    """|cosine| of each compound with each truth gene: (doses + 1, compounds, genes); last, the maximum over doses.

    NaN where a compound is absent at a dose.
    """
    features = feature_columns(perturbation_map.columns)
    crispr = perturbation_map["perturbation_type"] == "CRISPR"
    genes = perturbation_map[crispr].set_index("perturbation").loc[list(truth.genes), features].to_numpy()
    rows = perturbation_map[(perturbation_map["perturbation_type"] == "COMPOUND")]
    rows = rows[rows["perturbation"].isin(truth.compounds) & rows["concentration"].isin(concentrations)]
    rows = rows.sort_values(["concentration", "perturbation"])
    out = np.full((len(concentrations) + 1, len(truth.compounds), len(truth.genes)), np.nan)
    dose = {c: i for i, c in enumerate(concentrations)}
    compound = {c: i for i, c in enumerate(truth.compounds)}
    where = (rows["concentration"].map(dose).to_numpy(int), rows["perturbation"].map(compound).to_numpy(int))
    out[where] = np.abs(cosines(rows[features].to_numpy(), genes))
    out[-1] = np.fmax.reduce(out[:-1], axis=0)
    return out


def score_compounds(
    perturbation_map: pd.DataFrame,
    truth: pd.DataFrame,
    draws: int = 100,
    negatives: str = "published",
    concentrations: Sequence[float] = RXRX3_DOSES,
    exclude: Sequence[str] = (),
) -> CompoundScores:
    """AP and AUC of every compound in every draw at every dose, and the same for uniform random scores.

    The result depends on nothing but the values: rows are put in order of names, draws come from
    `numpy.random.default_rng(draw)`, products use one thread.

    Parameters
    ----------
    perturbation_map : table of contract `map` with CRISPR rows and COMPOUND rows x concentration (µM)
    truth : table with `gene_symbol`, `nM_value`, `treatment` (compounds named as in the map)
    negatives : `published`, the generator made anew for every compound of a draw; `independent`, a stream of its own
        a compound; `all`, every eligible gene, without a draw
    concentrations : doses scored; other doses of the map are left out
    exclude : compounds left out
    """
    concentrations = sorted(float(c) for c in concentrations)
    compound_rows = perturbation_map[perturbation_map["perturbation_type"] == "COMPOUND"]
    present = set(compound_rows.loc[compound_rows["concentration"].isin(concentrations), "perturbation"])
    genes = perturbation_map.loc[perturbation_map["perturbation_type"] == "CRISPR", "perturbation"]
    if genes.duplicated().any():
        raise InputError(f"compound_gene: the map has several CRISPR rows of {genes[genes.duplicated()].iloc[0]!r}")
    _say_unscored(compound_rows, present, concentrations)
    known = read_truth(truth, list(genes), sorted(present - set(exclude)))
    if not known.compounds:
        raise InputError(
            "compound_gene: no compound of the map has an active gene in the truth table "
            f"(map: {_some(present)} and {_some(genes)}; table: {_some(truth['treatment'])} and "
            f"{_some(truth['gene_symbol'])}); check the names and alignment.concentrations"
        )
    similarity = pair_scores(perturbation_map, known, concentrations)
    if np.nanmax(similarity) - np.nanmin(similarity) < SAME:
        raise InputError(
            f"compound_gene: all compounds have the same cosine ({np.nanmax(similarity):.3g}) with all genes; the "
            "map's vectors tell nothing apart, look at the embeddings and the controls"
        )
    choice, n_rows = Negatives(draws, negatives), len(concentrations) + 1
    values = {
        f"{p}{m}": np.full((draws, n_rows, len(known.compounds)), np.nan) for p in ("", "baseline_") for m in METRICS
    }
    # One stream a draw serves all compounds and doses: made anew a compound, it inflates the std over draws tenfold.
    streams = [np.random.default_rng([draw, 1]) for draw in range(draws)]
    for i, (compound, active, eligible) in enumerate(zip(known.compounds, known.active, known.eligible, strict=True)):
        chosen = eligible[choice.of(compound, len(active), len(eligible))]
        candidates = np.concatenate([np.broadcast_to(active, (len(chosen), len(active))), chosen], axis=1)
        candidates = np.sort(candidates, axis=1)
        labels = np.isin(candidates, active)
        at = np.flatnonzero(~np.isnan(similarity[:, i, 0]))
        scores = similarity[at, i][:, candidates].swapaxes(0, 1)
        for name, result in zip(METRICS, average_precision_and_auc(labels[:, None, :], scores), strict=True):
            values[name][:, at, i] = result
        noise = np.stack([stream.random((n_rows, candidates.shape[1])) for stream in streams])[:, at]
        labels = np.broadcast_to(labels[:, None, :], noise.shape)
        for name, result in zip(METRICS, average_precision_and_auc(labels, noise), strict=True):
            values[f"baseline_{name}"][:, at, i] = result
    names = (*(concentration_text(c) for c in concentrations), MAX)
    return CompoundScores(known, names, values)


def _say_unscored(compound_rows: pd.DataFrame, present: set[str], concentrations: Sequence[float]) -> None:
    """Note the compounds that have no dose or none that is scored; InputError where all are so."""
    lost = sorted(set(compound_rows["perturbation"]) - present)
    if not lost:
        return
    none = compound_rows[compound_rows["perturbation"].isin(lost)]["concentration"].isna().all()
    why = (
        "no dose (concentration, in µM)" if none else f"no dose that is scored ({', '.join(map(str, concentrations))})"
    )
    if not present:
        raise InputError(f"compound_gene: the {len(lost)} compounds of the map have {why}; give their doses")
    note(f"{len(lost)} compounds of the map have {why} and are not scored (such as {', '.join(lost[:3])})")


def subset(scores: CompoundScores, compounds: Collection[str]) -> CompoundScores:
    """Scores of those compounds that are among `compounds`."""
    wanted = set(compounds)
    at = [i for i, name in enumerate(scores.truth.compounds) if name in wanted]
    picked = {key: tuple(getattr(scores.truth, key)[i] for i in at) for key in _PER_COMPOUND}
    values = {name: array[:, :, at] for name, array in scores.values.items()}
    return CompoundScores(replace(scores.truth, **picked), scores.concentrations, values)


def seen_compounds(wells: pd.DataFrame, training: pd.DataFrame) -> set[str]:
    """Compounds of `wells` whose connectivity (first 14 characters of the InChIKey) stands in the training part.

    The training part is the wells of split `train`, or all where a screen has no split. Empty where a table lacks keys.
    """
    if "inchikey" not in wells.columns or "inchikey" not in training.columns:
        return set()
    if training["split"].notna().any():
        training = training[training["split"] == "train"]
    blocks = set(training["inchikey"].dropna().str[:14])
    compounds = wells[wells["perturbation_type"].eq("COMPOUND") & wells["inchikey"].notna()]
    return set(compounds.loc[compounds["inchikey"].str[:14].isin(blocks), "perturbation"])


def unseen_summary(scores: CompoundScores, seen: Collection[str], **bootstrap) -> pd.DataFrame:
    """:func:`summary` without the compounds that training saw (metrics end in `_unseen`), and `n_seen_compounds`."""
    rest = [name for name in scores.truth.compounds if name not in set(seen)]
    count = len(scores.truth.compounds) - len(rest)
    counted = pd.DataFrame({"metric": ["n_seen_compounds"], "value": [float(count)]})
    if not rest or not count:
        return counted
    table = summary(subset(scores, rest), **bootstrap)
    return pd.concat([counted, table.assign(metric=table["metric"] + "_unseen")], ignore_index=True)


def paired_difference(
    first: CompoundScores, second: CompoundScores, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Mean AP and AUC of `first` less those of `second`, over the compounds both have, on the same resamples.

    Same columns as :func:`summary`; metrics `average_precision_mean` and `auc_roc_mean`.
    """
    common = sorted(set(first.truth.compounds) & set(second.truth.compounds))
    one, two = subset(first, common), subset(second, common)
    weights = cluster_counts(one.truth.cluster, resamples, seed).astype(np.float64)
    rows = []
    for name in METRICS:
        for dose in [d for d in one.concentrations if d in two.concentrations]:
            pair = [s.values[name][:, s.concentrations.index(dose)].mean(axis=0) for s in (one, two)]
            difference = pair[0] - pair[1]
            n = int((~np.isnan(difference)).sum())
            if n:
                bounds = interval(_means(difference, weights), level)
                rows.append((f"{name}_mean", dose, float(_means(difference)), n, *bounds))
    return pd.DataFrame(rows, columns=["metric", "concentration", "value", "n", "ci_low", "ci_high"])


def compound_gene_table(scores: CompoundScores) -> pd.DataFrame:
    """Macro means over compounds: table `draw, concentration, average_precision, auc_roc, baseline_average_precision,
    baseline_auc_roc, n_compounds`, one row a draw and dose."""
    draws, doses, _ = scores.values[METRICS[0]].shape
    n = (~np.isnan(scores.values[METRICS[0]])).sum(axis=2)
    table = {"draw": np.repeat(np.arange(draws), doses), "concentration": list(scores.concentrations) * draws}
    for name in (*METRICS, *(f"baseline_{m}" for m in METRICS)):
        table[name] = _means(scores.values[name]).ravel()
    table["n_compounds"] = n.ravel()
    frame = pd.DataFrame(table)
    return frame[frame["n_compounds"] > 0].reset_index(drop=True)


def _means(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean over the last axis without NaN: (...,); with weights (resamples, compounds): (..., resamples)."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    if weights is None:
        total, count = filled.sum(axis=-1), known.sum(axis=-1)
    else:
        total, count = filled @ weights.T, known.astype(np.float64) @ weights.T
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def z_score(model: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """(mean - baseline mean) / sqrt(std^2 + baseline std^2) over the first axis, stds with ddof 1.

    The paper's z, found from its Table 2: all five AUC values and, within rounding, every AP value but one follow.
    """
    spread = np.sqrt(model.var(axis=0, ddof=1) + baseline.var(axis=0, ddof=1))
    return np.divide(
        model.mean(axis=0) - baseline.mean(axis=0), spread, out=np.full(spread.shape, np.nan), where=spread > 0
    )


def summary(scores: CompoundScores, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> pd.DataFrame:
    """Mean and std over draws and z, each mean and z with a bootstrap interval over compounds, clustered by target.

    Table `metric, concentration, value, n, ci_low, ci_high`; metrics are `<name>_mean`, `<name>_std`, `<name>_z`,
    `baseline_<name>_mean`, `baseline_<name>_std` for `average_precision` and `auc_roc`. The std over draws says which
    twenty genes were drawn; it is no error over compounds, which the interval is (of z: of the difference of
    means, stds over draws held fixed).
    """
    weights = cluster_counts(scores.truth.cluster, resamples, seed).astype(np.float64)
    rows = []
    for name in METRICS:
        model, baseline = scores.values[name], scores.values[f"baseline_{name}"]
        for j, dose in enumerate(scores.concentrations):
            n = int((~np.isnan(model[0, j])).sum())
            if not n:
                continue
            mean, chance = _means(model[:, j]), _means(baseline[:, j])
            means, chances = _means(model[:, j], weights), _means(baseline[:, j], weights)
            ddof = min(1, len(mean) - 1)
            rows.append((f"{name}_mean", dose, mean.mean(), n, *interval(means.mean(axis=0), level)))
            rows.append((f"{name}_std", dose, mean.std(ddof=ddof), n, np.nan, np.nan))
            rows.append((f"baseline_{name}_mean", dose, chance.mean(), n, *interval(chances.mean(axis=0), level)))
            rows.append((f"baseline_{name}_std", dose, chance.std(ddof=ddof), n, np.nan, np.nan))
            if len(mean) > 1:
                z = float(z_score(mean[:, None], chance[:, None])[0])
                # Stds over draws stay those of all compounds: a resample repeats compounds, which alone raises them.
                spread = np.sqrt(mean.var(ddof=1) + chance.var(ddof=1))
                samples = (means - chances).mean(axis=0) / spread if spread > 0 else np.full(resamples, np.nan)
                rows.append((f"{name}_z", dose, z, n, *interval(samples, level)))
    return pd.DataFrame(rows, columns=["metric", "concentration", "value", "n", "ci_low", "ci_high"])


def draws_as_scores(table: pd.DataFrame) -> pd.DataFrame:
    """The table of :func:`compound_gene_table`, one number a row: `metric, draw, concentration, value, n`."""
    names = [*METRICS, *(f"baseline_{m}" for m in METRICS)]
    long = table.melt(["draw", "concentration", "n_compounds"], names, var_name="metric", value_name="value")
    return long.rename(columns={"n_compounds": "n"})


def counts(truth: Truth) -> pd.DataFrame:
    """What was scored and what the map lacked: `metric, value`."""
    values = {
        "n_compounds": len(truth.compounds),
        "n_truth_genes": len(truth.genes),
        "n_missing_genes": truth.n_missing_genes,
        "n_missing_compounds": truth.n_missing_compounds,
        "n_without_active": truth.n_without_active,
    }
    return pd.DataFrame({"metric": list(values), "value": [float(v) for v in values.values()]})
