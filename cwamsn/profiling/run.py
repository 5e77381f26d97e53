"""Profiles of a screen with a trained encoder: crops, embeddings, alignment, tables. Goes on where it was stopped."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd

import cwamsn
from cwamsn import tables
from cwamsn.cell_counts import with_cell_counts
from cwamsn.chain import inputs_digest, prepare_screen
from cwamsn.crops import crops_of
from cwamsn.embeddings.methods import embed_method
from cwamsn.encoder_files import check_weights, encoder_files, read_description, takes_any_channels
from cwamsn.errors import InputError
from cwamsn.files import read_json, sha256, write_json
from cwamsn.live import say
from cwamsn.methods import method_of
from cwamsn.notes import collected, note
from cwamsn.paths import ScreenPaths
from cwamsn.profiles import (
    Profiles,
    about_encoder,
    about_screen,
    about_view,
    count_fields,
    pool_profiles,
    well_profiles,
    write_anndata,
    write_parquet,
)
from cwamsn.profiling.choice import AUTO, align_on_controls
from cwamsn.profiling.folder import ABOUT, ANNDATA, PERTURBATIONS, WELLS, working_in
from cwamsn.profiling.settings import Settings
from cwamsn.screen_specs import ScreenSpec
from cwamsn.stains import find_stains

WORK = "work"
# of EmbedOptions, what changes no feature
_INCIDENTAL = ("device", "gpus", "threads", "loader_threads", "loader_depth", "cuda_graph")


@dataclass(frozen=True)
class Request:
    """What profiles are made of."""

    name: str
    """Of the screen."""
    spec: ScreenSpec
    encoder: Path
    """Folder of a training or an export."""
    settings: Settings
    align: str = AUTO
    """`auto`, `none` or an alignment, see :func:`cwamsn.alignment.align`."""
    stains: Mapping[str, str] = field(default_factory=dict)
    """The screen's name of each stain of the encoder, see :func:`matched`."""


def profile_screen(
    request: Request, out: str | Path, *, work: str | Path | None = None, jobs: int = 1, keep_crops: bool = True
) -> Mapping[str, object]:
    """Write the profiles of a screen to the folder `out`.

    It then holds `wells.parquet`, `perturbations.parquet` (where wells have a perturbation), `profiles.h5ad` and
    `about.json`, and `work/` with the screen's crops. A call that was ended in any way goes on where it was; one whose
    inputs are those of before does nothing.

    Parameters
    ----------
    work : folder of screens, `out / "work"` by default; several encoders may share the crops of one.
    jobs : processes that make crops, and threads that embed.
    keep_crops : whether the crops stay once the profiles are written; those of a shared `work` always do.

    Returns
    -------
    The content of `about.json`.

    Raises
    ------
    InputError
        `out` holds something else; the crops of a shared `work` are not to be kept; encoder and screen have different
        stains; and what the stages raise.
    """
    out = Path(out)
    if work is not None and not keep_crops:
        raise InputError("--work: is a folder of crops to share, which --no-keep-crops would remove; leave out one")
    request = matched(request)
    weights = check_weights(encoder_files(request.encoder))
    with working_in(out, {"screen": request.name, "encoder": weights}):
        key = _key(request, _encoder_digests(request.encoder))
        if (known := _finished(out, key)) is not None:
            say(f"{out}: is up to date")
            for line in _texts(known.get("notes")):
                note(line)
            return known
        with collected() as notes:
            screen = prepare(request, Path(work or out / WORK), jobs)
            profiles = profiles_of(request, screen, jobs)
            of_perturbations = pooled(profiles, request)
        about = (
            dict(profiles.about)
            | {"stains": dict(request.stains), "notes": notes, "key": key}
            | counts(screen, profiles)
        )
        about["files"] = _write(profiles, of_perturbations, out)
        write_json(about, out / ABOUT)
        if not keep_crops:
            shutil.rmtree(screen.root)
    return about


def matched(request: Request) -> Request:
    """The request with the screen's name of each stain of the encoder, and crops of the channels that it takes.

    The screen keeps its own names. What was matched by another name than its own, and what is left out, is said. An
    encoder for any channels is given all that the screen has.
    """
    description = read_description(encoder_files(request.encoder).description)
    wanted, takes_any = list(description["channels"]), takes_any_channels(description)
    spec, settings = request.spec, request.settings
    if spec.channel_map is not None and set(wanted) <= set(spec.stains()):
        spec = replace(spec, channel_map=None)  # the encoder takes the screen's own stains
    if spec.channel_map is None:
        known = spec.stains()
    elif spec.channel_map in settings.channel_maps:
        known = list(settings.channel_maps[spec.channel_map].channels)
    else:
        raise InputError(f"channel_map: there is no {spec.channel_map}; name it in channel_maps of a configuration")
    stains = find_stains(wanted, known, some=takes_any)
    if other := [f"{stain} is {name}" for stain, name in stains.items() if stain != name]:
        say(f"stains by synonym, the encoder's and the screen's: {', '.join(other)}")
    channels = [name for name in known if takes_any or name in stains.values()]  # an order that encoders can share
    if unused := [name for name in known if name not in channels]:
        say(f"stains that the encoder does not take, left out: {', '.join(unused)}")
    crops = replace(crops_of(settings.crops, spec.crops), channels=channels)
    settings = replace(settings, crops=crops)
    return replace(request, spec=replace(spec, crops=None), settings=settings, stains=stains)


def prepare(request: Request, work: Path, jobs: int) -> ScreenPaths:
    """Crops of a matched request."""
    settings = request.settings
    return prepare_screen(
        request.name, request.spec, work, crops=settings.crops, channel_maps=settings.channel_maps, jobs=jobs
    )


def profiles_of(request: Request, screen: ScreenPaths, jobs: int = 1) -> Profiles:
    """Profiles of the wells of a prepared screen, aligned as the request asks."""
    settings = request.settings
    embedding = settings.embedding
    wells = with_cell_counts(tables.read("wells", screen.wells), screen.qc, request.spec.cell_counts)
    frame = _embeddings(request, screen, jobs)
    about = {
        "encoder": about_encoder(request.encoder, embedding.encoder, embedding.feature),
        "screen": about_screen(request.name, request.spec.source),
        "embedding": about_view(asdict(embedding)),
    }
    crops = tables.read("crops", screen.crops)
    profiles = well_profiles(frame, wells, extra=count_fields(crops), about=about)
    return align_on_controls(profiles, request.align, settings.alignment)


def _embeddings(request: Request, screen: ScreenPaths, jobs: int) -> pd.DataFrame:
    """Embeddings of the wells, kept beside the crops: another alignment embeds nothing again."""
    options = replace(request.settings.embedding, threads=jobs)
    stains = dict(request.stains)
    weights = check_weights(encoder_files(request.encoder))
    settings = {key: value for key, value in asdict(options).items() if key not in _INCIDENTAL}
    tables_of_crops = [sha256(screen.crops), sha256(screen.statistics)]
    made_of = [*_encoder_digests(request.encoder), settings, stains, *tables_of_crops, cwamsn.__version__]
    path = screen.root / "embeddings" / f"{_digest(made_of)[:20]}.parquet"
    said = path.with_suffix(".json")
    if not path.exists():
        parts = path.with_suffix(".parts")
        entry = {"kind": "encoder", "path": str(request.encoder), "sha256": weights, "channels": stains}
        with collected() as notes:
            # Wells without a usable image are counted and noted where profiles are made.
            frame, _ = embed_method(
                method_of(request.encoder.name, entry, [0]),
                screen,
                0,
                options,
                request.encoder,
                max_missing_share=1.0,
                parts=parts,
            )
        write_json(notes, said)
        tables.write(frame, "embeddings", path)
        shutil.rmtree(parts, ignore_errors=True)
    else:
        say("embeddings are there already")
        for line in read_json(said):
            note(line)
    return tables.read("embeddings", path)


def counts(screen: ScreenPaths, profiles: Profiles) -> dict[str, object]:
    """Of wells, plates and fields, for whoever reads `about.json`."""
    status = tables.read("qc", screen.qc)["status"].value_counts()
    wells = tables.read("wells", screen.wells)
    return {
        "wells": {"profiled": len(profiles), "of": len(wells), "plates": int(wells["plate"].nunique())},
        "fields": {"kept": int(status.get("kept", 0)), "skipped": int(status.get("skipped", 0))},
    }


def pooled(profiles: Profiles, request: Request) -> Profiles | None:
    """Profiles of perturbations; None, which is noted, where no well has one that can be pooled."""
    options = request.settings.alignment
    doses = options.doses(request.spec.source)
    try:
        return pool_profiles(profiles, options.pool, doses)
    except InputError as error:
        note(f"no profiles of perturbations: {error}")
        return None


def _write(profiles: Profiles, of_perturbations: Profiles | None, out: Path) -> dict[str, str]:
    """Write the tables; returns the digest of each."""
    write_parquet(profiles, out / WELLS)
    write_anndata(profiles, out / ANNDATA)
    names = [WELLS, ANNDATA]
    if of_perturbations is None:
        (out / PERTURBATIONS).unlink(missing_ok=True)
    else:
        write_parquet(of_perturbations, out / PERTURBATIONS)
        names.append(PERTURBATIONS)
    return {name: sha256(out / name) for name in names}


def _encoder_digests(folder: Path) -> list[str]:
    """Of the weights, and of what is said of them: the order of the stains and the size of the input decide too."""
    files = encoder_files(folder)
    return [check_weights(files), _digest(read_description(files.description))]


def _key(request: Request, encoder: Sequence[str]) -> str:
    """What changes when the profiles would."""
    settings = request.settings
    embedding = {key: value for key, value in asdict(settings.embedding).items() if key not in _INCIDENTAL}
    crops = inputs_digest(request.name, request.spec, settings.crops, settings.channel_maps)
    return _digest([*encoder, crops, embedding, asdict(settings.alignment), request.align, cwamsn.__version__])


def _finished(out: Path, key: str) -> Mapping[str, object] | None:
    """The content of `about.json`, where it and the files that it names are those of `key`."""
    try:
        about: Mapping[str, object] = read_json(out / ABOUT)
        files = about["files"]
        assert isinstance(files, Mapping)
        same = about["key"] == key and all(sha256(out / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, AssertionError):
        return None
    return about if same else None


def _texts(value: object) -> list[str]:
    return [str(line) for line in value] if isinstance(value, list) else []


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
