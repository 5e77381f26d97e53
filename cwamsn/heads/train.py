"""Cross-well alignment on frozen features: the pairs and the loss of CWA-MSN, over vectors in place of images."""

import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cwamsn.errors import InputError
from cwamsn.heads.network import Head
from cwamsn.heads.options import HeadOptions
from cwamsn.heads.validation import chosen_rows, precision_across
from cwamsn.models import Prototypes
from cwamsn.training import PairSampler, msn_loss
from cwamsn.training.objectives.simclr import nt_xent
from cwamsn.training.recipe import PairOptions
from cwamsn.training.sampler import DIFFERS, can_pair
from cwamsn.wells import is_treated

LEAST = 2  # perturbations of a validation set that can tell anything


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """A head, what it was trained on, and how it did on what it was not."""

    head: Head
    trained_on: list[str]
    """Perturbations of its training."""
    validated_on: list[str]
    """Perturbations that said when to stop."""
    before: float
    """Mean average precision of their replicates across plates, of the features as they came; NaN: none held out."""
    scaled: float
    """The same of the standardised features, which is what scaling alone gives."""
    after: float
    """The same of the head that is kept."""
    steps: int
    """Steps of the head that is kept."""
    log: pd.DataFrame
    """Columns `step`, `loss`, `precision`, a row per look at the validation perturbations."""

    @property
    def better(self) -> bool:
        """Whether unseen perturbations' replicates find each other better than before, and than by scaling alone."""
        return self.after > max(self.before, self.scaled)

    def doubt(self) -> str | None:
        """What the reader must know of whether the head helps; None where it does."""
        if self.better:
            return None
        if not self.validated_on:
            return "no perturbation was held out from the head's training, so nothing says whether it helps"
        keep = "as they are" if self.before >= self.scaled else "and scale each feature"
        return (
            f"the head does not help: replicates of perturbations that it was not trained on find each other with mean "
            f"average precision {self.after:.3f}, {self.before:.3f} before and {self.scaled:.3f} with each feature "
            f"scaled; keep the vectors {keep}"
        )


def train_head(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: HeadOptions | None = None,
    validate: np.ndarray | None = None,
) -> TrainedHead:
    """Train a head so that a well's features predict those of another well of its perturbation.

    Treated wells of `1 - validation` of the perturbations are paired as :class:`cwamsn.training.PairSampler` pairs
    fields. The anchor's standardised features are dropped and get noise; the target's go through a moving average of
    the head. The head is kept that finds the replicates of the other perturbations best across plates. The same digits
    for any order of the wells, on one thread and machine.

    Rows may be fields: then another field of a well is another view of it. A trained head takes the mean over a well's
    fields, so it is scaled and judged by those means.

    Parameters
    ----------
    features : (N, D), finite
    wells : wells table of the same N wells: `perturbation`, `control`, `experiment`, `plate`, `well_id`; of N fields
        with `field_id`, each field with what is known of its well
    options : of the head and its training
    validate : (N,) bool, wells that are not trained on and say when to stop; None: a drawn share of the perturbations

    Raises
    ------
    InputError
        Features that are not finite, or too few perturbations with the pairs that are asked for.
    """
    options = options or HeadOptions()
    if len(features) != len(wells):
        raise InputError(f"heads: {len(features)} rows of features for {len(wells)} wells")
    if not np.isfinite(features).all():
        bad = wells["well_id"].iloc[int((~np.isfinite(features)).any(axis=1).argmax())]
        raise InputError(f"heads: the features of {bad} hold a NaN or infinite value; leave the well out")
    if "field_id" not in wells:
        wells = wells.assign(field_id=wells["well_id"])
    order = np.lexsort((wells["field_id"].to_numpy(str), wells["well_id"].to_numpy(str)))
    order = order[is_treated(wells.iloc[order])]
    table = wells.iloc[order].reset_index(drop=True)
    values = np.asarray(features, dtype=np.float32)[order]
    groups = table["perturbation"].to_numpy(str)
    train, held = _split(groups, _plates(table), options) if validate is None else _given(validate[order])
    sampler = _sampler(table.iloc[train][["perturbation", "experiment", "plate", "well_id", "field_id"]], options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return _train(values, train, held, table, sampler, options)


def can_validate(wells: pd.DataFrame) -> bool:
    """Whether the replicates of these wells' perturbations can say when to stop."""
    return int((pd.Series(_plates(wells)).groupby(wells["perturbation"].to_numpy()).nunique() > 1).sum()) >= LEAST


def _given(validate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.flatnonzero(~validate), np.flatnonzero(validate)


def _split(groups: np.ndarray, plates: np.ndarray, options: HeadOptions) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to validate on: whole perturbations, of those on two plates or more."""
    if options.validation == 0:
        return np.arange(len(groups)), np.arange(0)
    spread = pd.Series(plates).groupby(groups).nunique()
    names = np.sort(spread.index[spread > 1].to_numpy(str))
    count = round(len(names) * options.validation)
    if count < LEAST:
        raise InputError(
            f"heads: {len(names)} perturbations lie on two plates or more, and {options.validation:g} of them say when "
            "to stop: too few; give more perturbations, or a larger share"
        )
    chosen = np.random.default_rng(options.seed).permutation(names)[:count]
    held = np.isin(groups, chosen)
    return np.flatnonzero(~held), np.flatnonzero(held)


def _plates(table: pd.DataFrame) -> np.ndarray:
    """(N,) names of plates that are unique in the screen: RxRx3-core's repeat in every experiment."""
    return (table["experiment"].astype(str) + "/" + table["plate"].astype(str)).to_numpy(str)


def _sampler(crops: pd.DataFrame, options: HeadOptions) -> PairSampler:
    crops = crops.reset_index(drop=True)
    able = crops.loc[can_pair(crops, DIFFERS[options.target_from]), "perturbation"].nunique()
    if able < LEAST:
        raise InputError(
            f"heads: too few perturbations have a second well with target_from: {options.target_from}; choose another"
        )
    # where fewer than a batch have such a pair, all of them are the batch
    pairs = PairOptions(target_from=options.target_from, batch_size=min(options.batch_size, able))
    return PairSampler(crops, pairs, options.seed)


def _train(
    values: np.ndarray,
    train: np.ndarray,
    validate: np.ndarray,
    table: pd.DataFrame,
    sampler: PairSampler,
    options: HeadOptions,
) -> TrainedHead:
    wells, learned, of_wells = _means(values, table, train)
    groups, plates = wells["perturbation"].to_numpy(str), _plates(wells)
    names = sorted(set(table["perturbation"].to_numpy(str)[validate]))
    looked = chosen_rows(np.flatnonzero(np.isin(groups, names) & ~learned), groups, options.seed)
    head = Head(values.shape[1], options)
    head.fit_scale(torch.from_numpy(of_wells[learned]))
    shown = head.standardise(torch.from_numpy(of_wells[looked]))
    rows = head.standardise(torch.from_numpy(values))
    own = rows[torch.from_numpy(train)]
    target = copy.deepcopy(head).requires_grad_(False)
    prototypes = Prototypes(options.prototypes, head.width)
    parameters = [*head.parameters(), *(prototypes.parameters() if options.loss == "prototypes" else ())]
    optimiser = torch.optim.AdamW(parameters, lr=options.learning_rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.steps)

    def precision(module: Head) -> float:
        with torch.no_grad():
            vectors = module(shown)
        return precision_across(vectors.numpy(), groups[looked], plates[looked])

    before = precision_across(of_wells[looked], groups[looked], plates[looked])
    scaled = precision_across(shown.numpy(), groups[looked], plates[looked])
    best, best_step, kept = precision(head), 0, copy.deepcopy(head.state_dict())
    log = [{"step": 0, "loss": float("nan"), "precision": best}]
    step, epoch, total = 0, 0, 0.0
    patience = options.patience * options.check_every if len(looked) else options.steps
    while step < options.steps and (step - best_step) < patience:
        for pairs in sampler.epoch(epoch):
            loss = _loss(head, target, prototypes.weight, own, pairs.anchor, pairs.target, options)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            _follow(target, head, options.momentum)
            step, total = step + 1, total + float(loss.detach())
            if step % options.check_every == 0 or step == options.steps:
                found = precision(head)
                log.append({"step": step, "loss": total / ((step - 1) % options.check_every + 1), "precision": found})
                total = 0.0
                if found > best or not len(looked):
                    best, best_step, kept = found, step, copy.deepcopy(head.state_dict())
            if step == options.steps or (step - best_step) >= patience:
                break
        epoch += 1
    head.load_state_dict(kept)
    return TrainedHead(
        head.eval(),
        sorted(map(str, np.unique(sampler.perturbations))),
        names,
        before,
        scaled,
        best,
        best_step,
        pd.DataFrame(log),
    )


def _means(values: np.ndarray, table: pd.DataFrame, train: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """One row per well: the table, whether it is trained on, and the mean of its rows of `values`, float32."""
    starts = np.flatnonzero(~table["well_id"].duplicated().to_numpy())
    counts = np.diff(np.append(starts, len(table)))
    sums = np.add.reduceat(values.astype(np.float64), starts, axis=0)
    learned = np.isin(starts, train)
    return table.iloc[starts].reset_index(drop=True), learned, (sums / counts[:, None]).astype(np.float32)


def _loss(
    head: Head,
    target: Head,
    prototypes: Tensor,
    rows: Tensor,
    anchors: np.ndarray,
    targets: np.ndarray,
    options: HeadOptions,
) -> Tensor:
    views = torch.cat([_view(rows[torch.from_numpy(anchors)], options) for _ in range(options.views)])
    shown = rows[torch.from_numpy(targets)]
    if options.loss == "contrastive":
        second = head(_view(shown, options))
        parts = head(views).unflatten(0, (options.views, -1))
        return torch.stack([nt_xent(view, second, options.temperature) for view in parts]).mean()
    if options.target_from == "image":
        shown = _view(shown, options)
    with torch.no_grad():
        wanted = target(shown)
    return msn_loss(
        head(views),
        wanted,
        prototypes,
        num_views=options.views,
        temperature=options.temperature,
        sharpening=options.sharpening,
        me_max_weight=options.me_max_weight,
        sinkhorn_iterations=options.sinkhorn_iterations,
    ).total


def _view(rows: Tensor, options: HeadOptions) -> Tensor:
    """Standardised features with noise, some of them at their mean: what masking is for images."""
    noisy = rows + options.noise * torch.randn_like(rows)
    return noisy * (torch.rand_like(rows) >= options.drop)


@torch.no_grad()
def _follow(target: Head, head: Head, momentum: float) -> None:
    for slow, fast in zip(target.parameters(), head.parameters()):
        slow.lerp_(fast, 1 - momentum)


def apply_head(head: Head, features: np.ndarray) -> np.ndarray:
    """(N, width) float32 of (N, D) features, with the head's own scale."""
    with torch.no_grad():
        return np.asarray(head(head.standardise(torch.from_numpy(np.asarray(features, dtype=np.float32)))).numpy())
