"""One function that embeds a screen by any method. The workflow, studies and the command line all call it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch

from cwamsn import tables
from cwamsn.crops import CropStore
from cwamsn.embeddings.channels import fit_channels, match_channels
from cwamsn.embeddings.encoder import EncoderMeta, LoadedEncoder, load_encoder
from cwamsn.embeddings.files import count_wells, read_named_embeddings
from cwamsn.embeddings.gaussian import random_embeddings
from cwamsn.embeddings.handcrafted import combine_units, measure_unit
from cwamsn.embeddings.images import Statistics, arithmetic, embed
from cwamsn.embeddings.latent import latent_embeddings
from cwamsn.embeddings.options import EmbedOptions, HandcraftedOptions, PretrainedWeights, WellsFile
from cwamsn.embeddings.twin import untrained
from cwamsn.encoder_files import trained_on
from cwamsn.errors import InputError
from cwamsn.exposure import Exposure
from cwamsn.files import read_json
from cwamsn.live import say
from cwamsn.methods import ENCODER, HANDCRAFTED, LATENT, PRETRAINED, RANDOM, RELEASED, TRAINED, WELLS, Method
from cwamsn.models import leased_devices, load_pretrained, ready_device, share_threads
from cwamsn.notes import note
from cwamsn.paths import ScreenPaths
from cwamsn.wells import is_kept, sample_of

Found = tuple[pd.DataFrame, dict[str, object]]


@dataclass(frozen=True)
class _Job:
    """What every kind of method is given."""

    method: Method
    screen: ScreenPaths
    seed: int
    options: EmbedOptions
    source: Path | Sequence[Path] | None
    wells: pd.DataFrame
    max_missing_share: float
    accept_noncommercial: bool
    parts: Path | None
    untrained: bool = False
    by_field: bool = False
    """Whether a row of the result is a field; its id then stands for that of a well."""

    def store(self) -> CropStore:
        store = CropStore(self.screen.crops, self.screen.root)
        if self.by_field:
            return CropStore(store.frame.assign(well_id=store.frame["field_id"]), self.screen.root)
        if not self.untrained:
            return store
        return CropStore(store.frame[store.frame["well_id"].isin(self.wells["well_id"])], self.screen.root)

    def network(self, found: LoadedEncoder) -> LoadedEncoder:
        return untrained(found, self.seed) if self.untrained else found

    def path(self) -> Path:
        if not isinstance(self.source, str | Path):
            raise InputError(f"{self.method.name}: a method of kind {self.method.kind.name} needs one path as `source`")
        return Path(self.source)

    def counted(self, frame: pd.DataFrame, source: Path, allowed: float | None = None) -> dict[str, object]:
        allowed = self.max_missing_share if allowed is None else allowed
        if self.by_field:
            return {"fields": len(frame)}
        return dict(count_wells(frame, self.wells, allowed, source))


def embed_method(
    method: Method,
    screen: ScreenPaths,
    seed: int,
    options: EmbedOptions,
    source: Path | Sequence[Path] | None = None,
    *,
    imaged_only: bool = False,
    keep: str = "all",
    max_missing_share: float = 0.05,
    accept_noncommercial: bool = False,
    parts: Path | None = None,
) -> Found:
    """Embeddings of a screen's wells by any method that embeds wells.

    Parameters
    ----------
    method : its kind decides what is done; its entry holds the keys of that kind
    screen : the screen's files: the wells table and, where the method needs images, crops and statistics
    seed : of random vectors; an encoder trained here was trained with it
    options : section `embedding` with the method's own keys (:func:`cwamsn.config.embedding_of_method`); used where a
        network embeds images
    source : folder of the encoder; file of a method whose vectors lie in one; tables of a handcrafted method's
        units as :func:`cwamsn.embeddings.handcrafted.measure_unit` gives them (None: they are measured here)
    imaged_only : embed only wells that have a crop, so that methods that see no image have the wells of those that do
    keep : which wells the screen keeps images of, its key `keep` (:func:`cwamsn.wells.is_kept`); others are left out
        and not missing
    max_missing_share : largest share of the wells that may be left without an embedding
    accept_noncommercial : whether weights under non-commercial terms may be used
    parts : folder in which a network's features are kept meanwhile, as in :func:`cwamsn.embeddings.images.embed`

    Returns
    -------
    Embeddings (contract `embeddings`) sorted by well_id; and counts of wells with and without an embedding, with what
    the kind adds: arithmetic and device of a network, description of public weights, names of measured columns.

    Raises
    ------
    InputError
        For a kind that does not embed wells, and whatever the kind's own function raises.
    """
    if method.kind not in _KINDS:
        raise InputError(f"{method.name}: a method of kind {method.kind.name} has no embeddings of wells")
    wells = tables.read("wells", screen.wells)
    wells = wells[is_kept(wells, keep)]
    if imaged_only:
        wells = wells[wells["well_id"].isin(CropStore(screen.crops, screen.root).frame["well_id"])]
    job = _Job(method, screen, seed, options, source, wells, max_missing_share, accept_noncommercial, parts)
    return _KINDS[method.kind](job)


def embed_fields(
    method: Method,
    screen: ScreenPaths,
    seed: int,
    options: EmbedOptions,
    source: Path | Sequence[Path] | None = None,
    *,
    accept_noncommercial: bool = False,
    parts: Path | None = None,
) -> Found:
    """Embeddings of single fields by a method that sees images, for heads that are learned on them.

    Parameters
    ----------
    method, screen, seed, options, source, accept_noncommercial, parts : as in :func:`embed_method`; tables of a
        handcrafted method's units hold fields

    Returns
    -------
    Table of contract `field_embeddings`, sorted by field_id; and what :func:`embed_method` says without counts of
    wells.

    Raises
    ------
    InputError
        For a kind that sees no images, and whatever :func:`embed_method` raises.
    """
    if not method.kind.needs_images:
        raise InputError(f"{method.name}: a method of kind {method.kind.name} has no features of single fields")
    wells = tables.read("wells", screen.wells)
    job = _Job(method, screen, seed, options, source, wells, 1.0, accept_noncommercial, parts, by_field=True)
    frame, counts = _KINDS[method.kind](job)
    frame = frame.rename(columns={"well_id": "field_id"})
    wells_of = CropStore(screen.crops, screen.root).frame.drop_duplicates("field_id").set_index("field_id")["well_id"]
    frame.insert(1, "well_id", wells_of.loc[frame["field_id"]].to_numpy(object))
    return frame, counts


def embed_untrained(
    method: Method,
    screen: ScreenPaths,
    seed: int,
    options: EmbedOptions,
    source: Path | None = None,
    *,
    max_wells: int,
    sample_seed: int = 0,
    accept_noncommercial: bool = False,
) -> Found:
    """Embeddings of some wells by a method's network without its training, see :mod:`cwamsn.embeddings.twin`.

    Parameters
    ----------
    method : one that embeds images with a network (kinds `trained`, `encoder`, `pretrained`)
    screen, seed, options, source, accept_noncommercial : as in :func:`embed_method`
    max_wells : wells that are embedded, of those with a crop; drawn from `sample_seed` beyond it

    Returns
    -------
    As :func:`embed_method`.

    Raises
    ------
    InputError
        For a kind without a network, and whatever :func:`embed_method` raises.
    """
    if not method.kind.encodes:
        raise InputError(f"{method.name}: a method of kind {method.kind.name} has no network, and so no untrained twin")
    wells = tables.read("wells", screen.wells)
    with_crop = wells[wells["well_id"].isin(CropStore(screen.crops, screen.root).frame["well_id"])]
    chosen = sample_of(with_crop, max_wells, sample_seed)
    job = _Job(method, screen, seed, options, source, chosen, 0.0, accept_noncommercial, None, untrained=True)
    return _KINDS[method.kind](job)


def _trained(job: _Job) -> Found:
    found = job.network(load_encoder(job.path(), job.options.encoder, job.options.feature))
    return _embed(job, found, job.store(), read_json(job.screen.statistics))


def _encoder(job: _Job) -> Found:
    entry = job.method.entry
    found = job.network(load_encoder(job.path(), job.options.encoder, job.options.feature, sha256=entry.get("sha256")))
    if not job.untrained:
        _say_what_it_saw(job, found.meta)
    frame, counts = _embed(job, found, job.store(), read_json(job.screen.statistics), entry.get("channels") or {})
    return frame, counts | {"encoder": {key: found.meta.get(key) for key in _OF_ENCODERS}}


_OF_ENCODERS = ("weights_sha256", "data_sha256", "seed", "code_version")


def _say_what_it_saw(job: _Job, meta: Mapping[str, Any]) -> None:
    """What the training of another run saw of this screen, as far as its description says."""
    screen, found = job.screen.root.name, Exposure.of(meta, job.screen.wells, job.wells)
    where = f"its encoder was trained in another run, on {trained_on(meta)}"
    if found.in_sample:
        note(f"its encoder was trained on {screen} itself, in another run: its scores there are in-sample")
    elif found.seen is None:
        note(f"{where}: whether it saw compounds of {screen} there is not known, and none is left out for it")
    else:
        names = sorted(found.seen)
        some = f" (such as {', '.join(names[:3])})" if names else ""
        how = ", some compared by name for want of InChIKeys" if found.by_name else ""
        same = "; plates of the same names were in it, perhaps these very wells" if found.in_sample is None else ""
        note(f"{where}: it saw {len(names)} of the {found.perturbations} perturbations of {screen}{some}{how}{same}")


def _pretrained(job: _Job) -> Found:
    chosen, store = PretrainedWeights.from_config(job.method.entry), job.store()
    encoder, meta = load_pretrained(
        chosen.weights,
        len(store.channels),
        path=chosen.path,
        sha256=chosen.sha256,
        backbone_path=chosen.backbone_path,
        accept_noncommercial=job.accept_noncommercial,
        key=f"definitions.{job.method.name}.path",
        channels=store.channels,
        untrained=chosen.untrained,
    )
    for name in meta.get("digest_unknown", ()):
        note(
            f"weights {name}: no digest of the published file is known, this one has {meta['sha256'][name]}; give it "
            f"as definitions.{job.method.name}.sha256, so that no other file is taken for it"
        )
    match = match_channels(meta["channels"], store.channels) if meta["channels"] else None
    own = {key: match.in_screen_order(meta[key]) if match else meta[key] for key in ("mean", "std")}
    statistics: Statistics = {
        "mean": chosen.mean or own["mean"],
        "std": chosen.std or own["std"],
        "channels": list(store.channels),
    }
    found = job.network(LoadedEncoder(encoder, cast(EncoderMeta, meta)))
    frame, counts = _embed(job, found, store, statistics)
    return frame, counts | {"encoder": meta | statistics}


def _embed(
    job: _Job,
    found: LoadedEncoder,
    store: CropStore,
    statistics: Statistics,
    names: Mapping[str, str] | None = None,
) -> Found:
    """Wells of the store through an encoder, its stains found by name among the store's channels."""
    options = job.options
    if (own := statistics.get("channels")) and tuple(own) != tuple(store.channels):
        raise InputError(
            f"{job.screen.statistics}: of {', '.join(own)}, the crops hold {', '.join(store.channels)}; run crops again"
        )
    key = None if names is None else f"definitions.{job.method.name}.channels"
    encoder, meta, ordered = fit_channels(*found, store.channels, names, key)
    with leased_devices(options.device, gpus=options.gpus or 0, key="embedding", say=say) as (name,):
        device = ready_device(name, "embedding")
        if options.threads:
            torch.set_num_threads(share_threads(device, options.threads, options.loader_threads).compute)
        frame = embed(encoder, meta, store, statistics, options, device, parts=job.parts)
        computed = asdict(arithmetic(device, options.precision))
    return frame, job.counted(frame, job.screen.crops) | computed | ordered


def _handcrafted(job: _Job) -> Found:
    if job.source is None:
        options = HandcraftedOptions.from_config(job.method.entry["options"])
        measured = [measure_unit(job.store(), job.method.entry["features"], options)]
    else:
        paths = [job.source] if isinstance(job.source, str | Path) else job.source
        measured = [pd.read_parquet(path) for path in paths]
    frame, report = combine_units(measured)
    return frame, job.counted(frame, job.screen.crops) | report


def _latent(job: _Job) -> Found:
    frame = latent_embeddings(pd.read_parquet(job.screen.simulated_truth), job.wells, job.method.entry["part"])
    return frame, job.counted(frame, job.screen.simulated_truth, allowed=0)


def _random(job: _Job) -> Found:
    frame = random_embeddings(job.wells, job.method.entry["dimension"], job.seed)
    return frame, job.counted(frame, job.screen.wells, allowed=0)


def _from_file(job: _Job) -> Found:
    entry = WellsFile.from_config(job.method.entry)
    frame, counts, names = read_named_embeddings(job.path(), entry, job.wells, job.max_missing_share)
    return frame, {**counts, **({"columns": names} if names else {})}


_KINDS = {
    TRAINED: _trained,
    ENCODER: _encoder,
    PRETRAINED: _pretrained,
    HANDCRAFTED: _handcrafted,
    LATENT: _latent,
    RANDOM: _random,
    RELEASED: _from_file,
    WELLS: _from_file,
}
