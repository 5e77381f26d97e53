"""A whole screen checked before anything long runs."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.checks.cost import cost_of
from cwamsn.checks.decoding import Decoded, How, decode
from cwamsn.checks.files import judge_files, size_text
from cwamsn.checks.images import formats, judge_images, plate_facts
from cwamsn.checks.listing import Listing, list_screen
from cwamsn.checks.pictures import picture
from cwamsn.checks.report import Level, Report, Sample
from cwamsn.checks.sampling import choose, odd_files, usual_sample
from cwamsn.checks.wells import judge_wells
from cwamsn.crops import ChannelMap, CropOptions, crops_of
from cwamsn.errors import InputError
from cwamsn.live import duration
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import HostedSpec, Retry, ScreenSpec, units_of
from cwamsn.screen_specs.zarr_stores import ZarrSpec


@dataclass(frozen=True)
class _Wanted:
    """Which fields are to be decoded."""

    sample: int | None
    everything: bool
    seed: int

    def of(self, listing: Listing, good: pd.Series) -> pd.DataFrame:
        """The fields to decode, of those that can be: the sample, and those with a file that is likely cut off."""
        fields = listing.fields[good]
        if self.everything:
            return fields
        n = usual_sample(fields["plate"].nunique()) if self.sample is None else self.sample
        spread = choose(fields, n, self.seed)
        odd = odd_files(fields, dict(listing.sizes)).difference(spread.index)
        return fields.loc[spread.index.union(odd)]


MOST_REMOTE_UNITS = 8
"""Plates of a remote host whose images are looked for: listing a plate takes seconds, and a fetched shard half a GB."""


def check_screen(
    spec: ScreenSpec,
    *,
    name: str = "screen",
    sample: int | None = None,
    everything: bool = False,
    seed: int = 0,
    crops: CropOptions | None = None,
    channel_maps: Mapping[str, ChannelMap] | None = None,
    cache: str | Path | None = None,
    jobs: int = 1,
    notes: Sequence[str] = (),
) -> Report:
    """Check a screen: its tables, all files that are listed, and the pixels of a sample of its fields.

    Nothing that the screen lacks raises; it is a finding of the report.

    Parameters
    ----------
    spec : the screen as its real source takes it (:func:`cwamsn.screen_specs.host_spec` for a simulated one).
    name : of the screen, for messages.
    sample : fields of view to decode, all channels of each; None for three per plate and at least fifty.
    everything : decode all fields.
    seed : of the sample.
    crops : section `crops` of the run; None takes each stain as a channel.
    channel_maps : section of that name.
    cache : folder of downloads; None for one that is removed afterwards.
    jobs : threads that decode.
    notes : what else is known of the screen, for the report.

    Returns
    -------
    Report
        Its `failed` tells whether anything must be corrected first.
    """
    began = time.perf_counter()
    report = Report(screen=name, source=spec.source)
    for line in notes:
        report.add(Level.INFO, "screen", line)
    with tempfile.TemporaryDirectory(prefix="cwamsn-check-") as folder:
        downloads = Path(cache or Path(folder) / "cache")
        try:
            units = units_of(spec, name)
            chosen = _units_to_list(spec, units, seed)
            screen = ScreenPaths(Path(folder) / "screen")
            listing = list_screen(spec, screen, downloads, chosen)
            listing.units = units
            how = How(
                crops=_crops(spec, crops, listing.stains),
                channel_map=spec.channel_map if crops else None,
                channel_maps=channel_maps or {},
                jobs=jobs,
                cache=downloads,
                spec=spec,
                screen=screen,
                listed=listing.fields,
                empty_chunks=spec.empty_chunks if isinstance(spec, ZarrSpec) else "refuse",
                retry=_impatient(spec.retry if isinstance(spec, HostedSpec) else Retry()),
            )
            _judge(report, listing, how, _Wanted(sample, everything, seed))
        except InputError as error:
            report.add(Level.ERROR, "screen", str(error))
    report.findings.sort(key=lambda found: list(Level).index(found.level))
    report.seconds = time.perf_counter() - began
    return report


def _crops(spec: ScreenSpec, crops: CropOptions | None, stains: list[str]) -> CropOptions:
    """The section `crops` as it holds for the screen; without one each stain is a channel."""
    if crops is not None:
        return crops_of(crops, spec.crops)
    own = {key: value for key, value in (spec.crops or {}).items() if key != "channels"}
    return crops_of(CropOptions(channels=stains), own)


def _impatient(retry: Retry) -> Retry:
    """Whoever waits for a check does not wait for a host that is down."""
    return replace(
        retry,
        attempts=min(retry.attempts, 2),
        backoff_s=min(retry.backoff_s, 1.0),
        timeout_s=min(retry.timeout_s, 20.0),
    )


def _units_to_list(spec: ScreenSpec, units: list[str], seed: int) -> list[str]:
    """All units of a local screen; of a remote one some, drawn from `seed`."""
    state = spec.state(units[0])
    if state or len(units) <= MOST_REMOTE_UNITS:
        return units
    chosen = np.random.default_rng(seed).choice(len(units), MOST_REMOTE_UNITS, replace=False)
    return [units[i] for i in sorted(chosen)]


def _judge(report: Report, listing: Listing, how: How, wanted: _Wanted) -> None:
    """Everything that a listing and its sample show, into `report`."""
    repeated = how.crops.plates.repeated
    good, copies = judge_files(report, listing, repeated)
    judge_wells(report, listing.wells, listing.notes)
    fields = wanted.of(listing, good)
    decoded = Decoded(pd.DataFrame(columns=["plate", "status"]), 0.0, 0.5, 0)
    if len(fields):
        decoded = decode(fields, how)
        report.sample = Sample(
            fields=len(fields),
            of=len(listing.fields),
            images=len(fields) * len(listing.stains),
            plates=fields["plate"].nunique(),
            of_plates=listing.wells["plate"].nunique(),
            seed=wanted.seed,
        )
        judge_images(report, decoded, report.sample, repeated, copies)
        if "Pictures" in report.facts:
            report.facts["Pictures"] += f", {formats(fields)}"
            _cost(report, listing, decoded, len(how.crops.channels))
    elif not listing.looked_at:
        report.add(Level.INFO, "images", "the screen has no images: its wells alone were checked")
    elif not report.failed:
        report.add(Level.ERROR, "images", "no field has images; correct the list of images or the plate map")
    report.plates = plate_facts(listing.wells, listing.fields, listing.skipped, decoded.qc)
    report.pictures = [(channel, picture(plane)) for channel, plane in decoded.thumbs]
    report.shown = decoded.shown


def _cost(report: Report, listing: Listing, decoded: Decoded, channels: int) -> None:
    cost = report.cost = cost_of(listing, decoded, channels)
    report.facts["Time"] = (
        f"crops {duration(3600 * cost.crop_hours)} on one core (measured: {cost.images_per_second:.0f} images per "
        f"second), encoder about {duration(3600 * cost.encoder_hours)} (estimate: ViT-S/16, one view per field)"
    )
    raw = "images" if report.cost.raw_measured else "images (from the sample)"
    report.facts["Disk"] = f"crops {size_text(cost.store_bytes)}, {raw} {size_text(cost.raw_bytes)}"
