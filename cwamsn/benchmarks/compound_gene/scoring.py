"""AP and AUC of every compound in every draw at every dose. All draws, doses and genes of a compound at once."""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cwamsn.benchmarks.compound_gene.metrics import METRICS, average_precision_and_auc
from cwamsn.benchmarks.compound_gene.truth import Truth, read_truth
from cwamsn.benchmarks.similarity import SAME, cosines
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.tables import concentration_text, feature_columns
from cwamsn.vocabulary import RXRX3_DOSES

NEGATIVES = ("published", "independent", "all")
MAX = "max"  # takes the place of the dose in the score of a compound's best dose


class Negatives:
    """Which eligible genes a compound's targets are ranked against in each draw."""

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
        # The published generator is recreated for every compound, so a draw depends on the two sizes alone.
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
    say: bool = True,
) -> CompoundScores:
    """AP and AUC of every compound in every draw at every dose, and the same for uniform random scores.

    The result depends on the values alone: rows are sorted by name, draws come from
    `numpy.random.default_rng(draw)`, products use one thread.

    Parameters
    ----------
    perturbation_map : table of contract `map` with CRISPR rows and COMPOUND rows x concentration (µM)
    truth : table with `gene_symbol`, `nM_value`, `treatment` (compounds named as in the map)
    negatives : `published`, the generator recreated for every compound of a draw; `independent`, one generator per
        compound; `all`, every eligible gene, without a draw
    concentrations : doses scored; other doses of the map are left out
    exclude : compounds left out
    say : whether compounds without a scored dose are noted
    """
    concentrations = sorted(float(c) for c in concentrations)
    compound_rows = perturbation_map[perturbation_map["perturbation_type"] == "COMPOUND"]
    present = set(compound_rows.loc[compound_rows["concentration"].isin(concentrations), "perturbation"])
    genes = perturbation_map.loc[perturbation_map["perturbation_type"] == "CRISPR", "perturbation"]
    if genes.duplicated().any():
        raise InputError(f"the map has several CRISPR rows of {genes[genes.duplicated()].iloc[0]!r}")
    if say:
        _say_unscored(compound_rows, present, concentrations)
    known = read_truth(truth, list(genes), sorted(present - set(exclude)))
    if not known.compounds:
        raise InputError(
            "no compound of the map has an active gene in the truth table "
            f"(map: {_some(present)} and {_some(genes)}; table: {_some(truth['treatment'])} and "
            f"{_some(truth['gene_symbol'])}); check the names and alignment.concentrations"
        )
    similarity = pair_scores(perturbation_map, known, concentrations)
    if np.nanmax(similarity) - np.nanmin(similarity) < SAME:
        raise InputError(
            f"all compounds have the same cosine ({np.nanmax(similarity):.3g}) with all genes; the "
            "map's vectors distinguish nothing; look at the embeddings and the controls"
        )
    choice, n_rows = Negatives(draws, negatives), len(concentrations) + 1
    values = {
        f"{p}{m}": np.full((draws, n_rows, len(known.compounds)), np.nan) for p in ("", "baseline_") for m in METRICS
    }
    # Use one generator per draw for all compounds and doses; recreating it per compound inflates the std tenfold.
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
    names = (*(str(concentration_text(c)) for c in concentrations), MAX)
    return CompoundScores(known, names, values)


def _say_unscored(compound_rows: pd.DataFrame, present: set[str], concentrations: Sequence[float]) -> None:
    """Note the compounds without a dose that is scored; InputError where no compound has one."""
    lost = sorted(set(compound_rows["perturbation"]) - present)
    if not lost:
        return
    none = compound_rows[compound_rows["perturbation"].isin(lost)]["concentration"].isna().all()
    why = (
        "no dose (concentration, in µM)" if none else f"no dose that is scored ({', '.join(map(str, concentrations))})"
    )
    if not present:
        raise InputError(f"the {len(lost)} compounds of the map have {why}; give their doses")
    note(f"{len(lost)} compounds of the map have {why} and are not scored (such as {', '.join(lost[:3])})")


def _some(names: Collection[str]) -> str:
    return ", ".join(sorted(map(str, set(names)))[:2]) or "none"


def subset(scores: CompoundScores, compounds: Collection[str]) -> CompoundScores:
    """Scores of those compounds that are among `compounds`."""
    wanted = set(compounds)
    at = [i for i, name in enumerate(scores.truth.compounds) if name in wanted]
    truth = replace(
        scores.truth,
        compounds=tuple(scores.truth.compounds[i] for i in at),
        active=tuple(scores.truth.active[i] for i in at),
        eligible=tuple(scores.truth.eligible[i] for i in at),
        cluster=tuple(scores.truth.cluster[i] for i in at),
    )
    values = {name: array[:, :, at] for name, array in scores.values.items()}
    return CompoundScores(truth, scores.concentrations, values)


def doses_of(perturbation_map: pd.DataFrame) -> list[float]:
    """Every dose of the map's compounds, ascending."""
    doses = perturbation_map.loc[perturbation_map["perturbation_type"] == "COMPOUND", "concentration"].dropna()
    return sorted(doses.unique().tolist())
