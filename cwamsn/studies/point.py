"""One point of a study: a pair of simulated screens, every method on it, all scores."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path

import pandas as pd
import torch

import cwamsn
from cwamsn import tables
from cwamsn.alignment import aligned_embeddings, keeps_features
from cwamsn.benchmarks.scores import as_scores
from cwamsn.config import embedding_of_method
from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.methods import embed_fields, embed_method
from cwamsn.errors import InputError
from cwamsn.files import atomic_path, locked, read_json, write_json
from cwamsn.heads import HeadOptions, head_embeddings, learn_on_screen
from cwamsn.live import say
from cwamsn.methods import KINDS, Method, chain
from cwamsn.models import leased_devices
from cwamsn.paths import ModelPaths, ScreenPaths
from cwamsn.studies.score import Sections, evaluation_scores, heldout_retrieval, recall_differences
from cwamsn.studies.screens import make_screen
from cwamsn.training import Recipe, train

PACKAGE = Path(cwamsn.__file__).parent
# what is used after all points are there
UNUSED = (
    *("advice", "reporting", "studies/compare.py", "studies/evidence.py", "studies/figures.py"),
    *("studies/prediction.py", "studies/report.py"),
)
LOGGED = ("loss", "cross_entropy", "prototypes_used", "same_plate_map")


@dataclass(frozen=True)
class Point:
    """A pair of simulated screens, and what a run makes of it."""

    run: str
    name: str
    screen_seed: int
    screens: Mapping[str, Mapping[str, object]]
    """`training` and, where methods are scored on it, `evaluation`: screens of the configuration as resolved."""
    first: str
    """Method that the other trained ones are compared with on resampled genes."""
    sections: Mapping[str, Mapping[str, object]]
    """Of the configuration: `crops`, `channel_maps`, `embedding` and what :class:`Sections` holds."""


@dataclass(frozen=True)
class _Work:
    """What the steps of a point share: the point, its options, and the folder it works in."""

    point: Point
    sections: Sections
    folder: Path
    screens: Mapping[str, ScreenPaths]
    threads: int = 1
    methods: Mapping[str, Method] = field(default_factory=dict)
    """All of the point: some take the features of others."""

    def embeddings(self, method: Method, seed: int, screen: ScreenPaths) -> Path:
        return self.folder / "embeddings" / screen.root.name / method.name / f"seed{seed}.parquet"

    def encoder(self, method: Method, seed: int) -> Path:
        return self.folder / "encoders" / method.name / f"seed{seed}"

    def model(self, method: Method, seed: int) -> ModelPaths:
        return ModelPaths(self.encoder(method, seed))

    def scores(self, method: Method, seed: int) -> Path:
        return self.folder / "methods" / method.name / f"seed{seed}.parquet"

    def map(self, method: Method, seed: int) -> Path:
        return self.folder / "maps" / method.name / f"seed{seed}.parquet"

    def fixed(self, method: str, seed: int, screen: str) -> dict[str, object]:
        """Columns of the contract `scores` that are the same in all rows of a method; screens go by their roles."""
        return {"run": self.point.run, "method": method, "seed": seed, "screen": screen}


def run_point(
    point: Point, methods: Sequence[Method], folder: Path, threads: int = 1, shared: Path | None = None
) -> pd.DataFrame:
    """Scores of every method on one pair of screens that is made for it.

    Complete results of an interrupted run of the same point are reused: finished seeds of methods, and a training's
    checkpoint. Those of another configuration or code are removed.

    Parameters
    ----------
    methods : each is scored with each of its seeds. The entry of a trained one holds its complete `recipe`; `gpus: 1`
        in it refuses the CPU
    folder : of this point alone, for the caller to :func:`discard` once the scores are written
    threads : of this process; on a GPU all but one of them load batches
    shared : folder of evaluation screens, each made by the first point that needs it and left for others; None: the
        point makes its own in `folder`

    Returns
    -------
    Table of contract `study`.

    Raises
    ------
    InputError
        A method is of a kind that cannot be in a study, or has nothing to be scored on.
    """
    for method in methods:
        if not method.kind.in_studies:
            possible = ", ".join(kind.name for kind in KINDS.values() if kind.in_studies)
            raise InputError(f"study: method {method.name} is of kind {method.kind.name}; a study takes {possible}")
    torch.set_num_threads(1)  # two jobs that each use both of two cores run several times slower
    _keep_only(folder, {"point": point, "methods": list(methods), "code": code_digest()})
    sections, known = Sections.from_config(point.sections), {method.name: method for method in methods}
    for method in methods:
        chain(method.name, known)  # refuses features that are not there
    screens = {}
    for role in point.screens:
        if shared and role == "evaluation":
            screens[role] = _shared_screen(role, point, shared, folder)
        else:
            screens[role] = _screen(role, point, folder)
    work = _Work(point, sections, folder, screens, threads, known)
    found = []
    for method in methods:
        for seed in method.seeds:
            path = work.scores(method, seed)
            if not path.exists():
                tables.write(_of_point(as_scores(_method_scores(method, seed, work)), point), "study", path)
            found.append(tables.read("study", path))
    if "evaluation" in work.screens:
        found += _differences([method for method in methods if method.kind.ranked], work)
    return _of_point(as_scores(found), point)


def code_digest() -> str:
    """Digest of every file of the package that a point depends on: simulator, crops, training, embeddings, alignment,
    benchmarks, and the tables that come with them."""
    digest = hashlib.sha256(cwamsn.__version__.encode())
    for path in sorted(PACKAGE.rglob("*")):
        name = path.relative_to(PACKAGE).as_posix()
        if path.is_file() and path.suffix != ".pyc" and not name.startswith(UNUSED):
            digest.update(f"{name} {path.stat().st_size} ".encode() + path.read_bytes())
    return digest.hexdigest()


def discard(folder: Path) -> None:
    """Remove a point's folder. Killed halfway, it leaves nothing that looks complete."""
    (folder / "plan.json").unlink()
    shutil.rmtree(folder)


def _keep_only(folder: Path, plan: Mapping[str, object]) -> None:
    """Empty `folder` unless it was begun with the same plan, in whatever order its keys were."""
    path = folder / "plan.json"
    text = json.dumps(plan, sort_keys=True, default=_plain)
    if not path.exists() or path.read_text() != text:
        shutil.rmtree(folder, ignore_errors=True)
        with atomic_path(path) as temporary:
            temporary.write_text(text)


def _plain(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def _of_point(scores: pd.DataFrame, point: Point) -> pd.DataFrame:
    return scores.assign(point=point.name, screen_seed=point.screen_seed)


def _screen(role: str, point: Point, folder: Path) -> ScreenPaths:
    """The screen's files, made unless they are complete."""
    done = folder / f"{role}.done"
    if not done.exists():
        shutil.rmtree(folder / role, ignore_errors=True)
        make_screen(role, point.screens[role], point.sections, folder)
        done.touch()
    return ScreenPaths(folder / role)


def _shared_screen(role: str, point: Point, shared: Path, folder: Path) -> ScreenPaths:
    """A screen's files in `shared`, below a digest of all that they depend on; others wait while they are made."""
    sections = {name: point.sections[name] for name in ("crops", "channel_maps")}
    known = json.dumps([point.screens[role], sections, code_digest()], sort_keys=True, default=_plain)
    own = shared / hashlib.sha256(known.encode()).hexdigest()[:16]
    own.mkdir(parents=True, exist_ok=True)
    with locked(own / "lock") as alone:
        return _screen(role, point, own if alone else folder)


def _method_scores(method: Method, seed: int, work: _Work) -> list[pd.DataFrame]:
    """All scores of one method and seed, tables of contract `scores`; its map is written on the way."""
    tables_found = []
    if method.kind.trains and not work.model(method, seed).description.exists():
        _train(method, seed, work)
    if "evaluation" in work.screens:
        screen = work.screens["evaluation"]
        fixed = work.fixed(method.name, seed, "evaluation")
        scores, found = evaluation_scores(_embeddings(method, seed, screen, work), screen, work.sections, fixed)
        tables_found.append(scores)
        tables.write(found, "map", work.map(method, seed))
    elif method.kind.trains:
        screen = work.screens["training"]
        fixed = work.fixed(method.name, seed, "training")
        frame = _embeddings(method, seed, screen, work)
        tables_found.append(heldout_retrieval(frame, screen, work.sections.replicate_map, fixed))
    if method.kind.trains:
        log = work.model(method, seed).log
        tables_found.append(_training_log(log, **work.fixed(method.name, seed, "training")))
    if not tables_found:
        raise InputError(
            f"study: method {method.name} is not trained, and there is no evaluation screen to score it on"
        )
    return tables_found


def _train(method: Method, seed: int, work: _Work) -> None:
    recipe, screen = Recipe.from_config(method.entry["recipe"]), work.screens["training"]
    with leased_devices(recipe.run.device, gpus=method.entry.get("gpus", 0), say=say) as (device,):
        train(recipe, screen, work.encoder(method, seed), seed=seed, threads=work.threads, device=device)


def _embeddings(method: Method, seed: int, screen: ScreenPaths, work: _Work) -> pd.DataFrame:
    """Embeddings of the wells that have an image, so that all methods are scored on the same ones."""
    return _features(method, seed, screen, work)[0]


def _features(method: Method, seed: int, screen: ScreenPaths, work: _Work) -> tuple[pd.DataFrame, Sequence[str] | None]:
    """Embeddings of a screen's wells with the names of their features, if they have any; kept for who takes them."""
    path = work.embeddings(method, seed, screen)
    names = path.with_suffix(".names.json")
    if not path.exists():
        frame, known = (_features_of_another if method.kind.on_method else _own_features)(method, seed, screen, work)
        write_json(known, names)
        tables.write(frame, "embeddings", path)
    return tables.read("embeddings", path), read_json(names)


def _own_features(
    method: Method, seed: int, screen: ScreenPaths, work: _Work
) -> tuple[pd.DataFrame, Sequence[str] | None]:
    """Embeddings of wells by a method with features of its own."""
    options, source = _how(method, seed, work)
    frame, counts = embed_method(method, screen, seed, options, source, imaged_only=True, max_missing_share=1.0)
    return frame, _columns(counts)


def _how(method: Method, seed: int, work: _Work) -> tuple[EmbedOptions, Path | None]:
    """How a method embeds images, and where its encoder lies, which is trained if it is not there."""
    own = method.entry.get("embedding")
    section = embedding_of_method(work.point.sections["embedding"], method.name, own)
    if method.kind.trains and not work.model(method, seed).description.exists():
        _train(method, seed, work)
    source = work.encoder(method, seed) if method.kind.trains else None
    return EmbedOptions.from_config(section | {"threads": work.threads}), source


def _columns(counts: Mapping[str, object]) -> Sequence[str] | None:
    columns = counts.get("columns")
    return columns if isinstance(columns, list) else None


def _features_of_another(
    method: Method, seed: int, screen: ScreenPaths, work: _Work
) -> tuple[pd.DataFrame, Sequence[str] | None]:
    """The features of the method below, through a head that the training screen's wells teach, or aligned."""
    below = work.methods[str(method.features)]
    own = seed if seed in below.seeds else below.seeds[0]
    frame, names = _features(below, own, screen, work)
    wells = tables.read("wells", screen.wells)
    if not method.kind.learns:
        name, options = str(method.entry["alignment"]), work.sections.alignment
        return aligned_embeddings(frame, wells, name, options), names if keeps_features(name, options) else None
    folder = work.folder / "heads" / method.name / f"seed{seed}"
    if not ModelPaths(folder).head_description.exists():
        _learn(method, seed, below, own, work, folder)
    scale = str(method.entry["scale"])
    found, _ = head_embeddings(frame, screen.wells, wells, folder, names=names, scale=scale, max_missing_share=1.0)
    return found, None


def _learn(method: Method, seed: int, below: Method, own: int, work: _Work, folder: Path) -> None:
    screen = work.screens["training"]
    if method.entry["fields"]:
        frame, counts = embed_fields(below, screen, own, *_how(below, own, work))
        names = _columns(counts)
    else:
        frame, names = _features(below, own, screen, work)
    wells, options = tables.read("wells", screen.wells), HeadOptions.from_config({**method.entry["head"], "seed": seed})
    learn_on_screen(frame, screen.wells, wells, options, folder, names=names, method=below.name)


def _differences(methods: Sequence[Method], work: _Work) -> list[pd.DataFrame]:
    """Recalls of the point's `first` less those of the other `methods`, seed by seed.

    A method that has no seeds is compared with each seed of the first one.
    """
    first = next((method for method in methods if method.name == work.point.first), None)
    if first is None:
        return []
    found = []
    for seed in first.seeds:
        others = {}
        for other in [method for method in methods if method.name != first.name]:
            own = seed if other.kind.seeded or seed in other.seeds else other.seeds[0]
            if own in other.seeds:
                others[other.name] = tables.read("map", work.map(other, own))
        fixed = work.fixed(first.name, seed, "evaluation")
        found += recall_differences(tables.read("map", work.map(first, seed)), others, work.sections, fixed)
    return found


def _training_log(path: Path, **fixed: object) -> pd.DataFrame:
    """The last window of the training log: what the loss came to, and the pairs that were really drawn."""
    rows = []
    if path.stat().st_size and len(log := pd.read_csv(path)):
        rows = [{"metric": c, "value": float(log[c].iloc[-1])} for c in LOGGED if c in log]
    return as_scores([pd.DataFrame(rows)], benchmark="training", **fixed)
