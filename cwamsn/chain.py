"""A screen from its description to a crop store, without a workflow: the stages' own functions, in order.

What is made, and where, is what the rules of the stages screens and crops make: the same bytes. A step that is done,
and whose inputs are what they were, is not done again; whoever was killed calls again.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from cwamsn import tables
from cwamsn.crops import ChannelMap, CropOptions, crops_of, gather_crops, write_crops
from cwamsn.files import alone, read_json, sha256, write_json
from cwamsn.live import duration, say
from cwamsn.naming import check_name, check_names
from cwamsn.notes import collected, note
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import MorphoHelmSpec, RxRx3Spec, ScreenSpec, SimulatedSpec, host_spec, parse_spec
from cwamsn.screen_specs.locations import local_path
from cwamsn.screens import fetch_relations, fetch_truth, fetch_unit, write_wells
from cwamsn.simulate import simulate_layout, simulate_unit
from cwamsn.workers import Task, run_all

FORMAT = 1  # of what a step writes: another number lets every step be done again
# keys of a screen that change no unit's bytes
_MANNER = ("retry", "watch_images", "plates", "shard_selection", "microns_per_pixel", "cell_counts")


def prepare_screen(
    name: str,
    spec: ScreenSpec,
    folder: str | Path,
    *,
    crops: CropOptions | None = None,
    channel_maps: Mapping[str, ChannelMap] | None = None,
    jobs: int = 1,
    cache: str | Path | None = None,
) -> ScreenPaths:
    """Wells, crops, QC table and channel statistics of a screen.

    Parameters
    ----------
    name : of the screen; its files lie in `folder / name`, as the workflow has them in `paths.data`.
    spec : what the screen is (:func:`cwamsn.screen_specs.parse_spec`); a simulated one is drawn first.
    folder : of screens.
    crops : section `crops`, by default its defaults; what `spec` changes in it is laid over it.
    channel_maps : section of that name; needed where `spec` names one.
    jobs : processes, each with one plate or shard at a time; where plates are fewer, with several threads each. The
        bytes do not depend on it.
    cache : folder of downloads; default `folder / "cache"`.

    Returns
    -------
    ScreenPaths
        The screen's files.

    Raises
    ------
    InputError
        What the stages raise, which name file, row or key.
    """
    check_name(name, "screen: the name", ("cache",))
    screen = ScreenPaths(Path(folder) / name)
    own = crops_of(crops or CropOptions(), spec.crops)
    work = _Work(screen, spec, own, channel_maps or {}, Path(cache or Path(folder) / "cache"))
    units = spec.units()
    check_names(units, "plate")
    with alone(screen.root / ".lock"):
        work.simulate(units, jobs)
        work.write_wells()
        work.write_units(units, jobs)
        work.gather(units)
    return screen


def prepare_wells(
    name: str, spec: ScreenSpec, folder: str | Path, *, cache: str | Path | None = None, truth: bool = True
) -> ScreenPaths:
    """The wells table of a screen, and what benchmarks are scored with, where it is published with it; no images.

    Parameters
    ----------
    name, spec, folder, cache : as of :func:`prepare_screen`
    truth : whether the relationships are wanted
    """
    check_name(name, "screen: the name", ("cache",))
    screen, cache = ScreenPaths(Path(folder) / name), Path(cache or Path(folder) / "cache")
    work = _Work(screen, spec, CropOptions(), {}, cache)
    with alone(screen.root / ".lock"):
        work.simulate((), 1)
        work.write_wells()
        if truth and isinstance(work.source, RxRx3Spec):
            fetch_truth(work.source, cache, screen.truth)
        if isinstance(spec, MorphoHelmSpec):
            fetch_relations(spec, cache, screen)
    return screen


def inputs_digest(
    name: str, spec: ScreenSpec, crops: CropOptions, channel_maps: Mapping[str, ChannelMap] | None = None
) -> str:
    """What changes when the crops of a screen would: its keys, the user's own tables and images, the options.

    Local images count by size and time, tables by content; of what lies on a host, only the location counts.
    """
    work = _Work(ScreenPaths(Path(name)), spec, crops, channel_maps or {}, Path())
    units = spec.units()
    key = {"units": [work.unit_key(unit) for unit in units], "plates": asdict(crops.plates), "wells": work.wells_key()}
    return _digest(key)


@dataclass(frozen=True)
class _Work:
    """What the steps of one screen share."""

    screen: ScreenPaths
    spec: ScreenSpec
    crops: CropOptions
    channel_maps: Mapping[str, ChannelMap]
    cache: Path
    source: ScreenSpec = field(init=False)
    """The screen as its real source takes it: of a simulated one, the drawn files."""

    def __post_init__(self) -> None:
        section = {"source": self.spec.source, **asdict(self.spec)}
        real = isinstance(self.spec, SimulatedSpec)
        found = parse_spec(host_spec(self.screen.root.name, section, self.screen.root.parent)) if real else self.spec
        object.__setattr__(self, "source", found)

    def simulate(self, units: Sequence[str], jobs: int) -> None:
        """Draw a simulated screen; all units before the first is read, since a shard's wells may lie in the next."""
        if not isinstance(self.spec, SimulatedSpec):
            return
        host = self.screen.host
        step = self._step("layout", _digest(_section(self.spec)), host)
        if not step.is_done():
            simulate_layout(self.spec, host)
            step.finish()
        steps = {unit: self._step(f"simulated.{unit}", _digest(_section(self.spec)), host) for unit in units}
        todo = [unit for unit in units if not steps[unit].is_done()]
        tasks = [Task(u, self._log(f"simulate_{u}"), simulate_unit, (self.spec, host, u)) for u in todo]
        run_all(tasks, jobs, done=lambda task: steps[task.name].finish())

    def write_wells(self) -> None:
        """The wells table, unless it is there and what it was made from is as it was."""
        screen = self.screen
        step = self._step(
            "wells", _digest(self.wells_key()), screen.wells, screen.source, screen.split, screen.wells_notes
        )
        if not step.is_done():
            with collected() as notes:
                write_wells(screen, self.source, self.cache)
            write_json(notes, screen.wells_notes)
            step.finish()

    def wells_key(self) -> dict[str, object]:
        """What the wells table is made from."""
        local = [path for path in map(local_path, self.source.metadata_files()) if path is not None and path.is_file()]
        return {"spec": _section(self.source, manner=("retry", "watch_images", "cell_counts")), **_contents(local)}

    def write_units(self, units: Sequence[str], jobs: int) -> None:
        """Fields and crops of each unit that is not done."""
        wells = tables.read("wells", self.screen.wells)
        steps = {unit: self._unit_step(unit, wells) for unit in units}
        todo = [unit for unit in units if not steps[unit].is_done()]
        if len(todo) < len(units):
            say(f"{self.screen.root.name}: crops of {len(units) - len(todo)} of {len(units)} plates are there already")
        threads = max(1, jobs // max(len(todo), 1))
        tasks = [
            Task(
                unit,
                self._log(unit),
                _write_unit,
                (self.screen, unit, self.source, self.spec.channel_map, self.crops, dict(self.channel_maps)),
                {"cache": self.cache, "threads": threads},
            )
            for unit in todo
        ]
        pace = _FieldPace(len(tasks))

        def finish(task: Task) -> None:
            steps[task.name].finish()
            pace.finish(task.name)

        run_all(tasks, jobs, counter=pace, done=finish)

    def gather(self, units: Sequence[str]) -> None:
        """One index, QC table and set of statistics of all units."""
        screen = self.screen
        made = {unit: read_json(self._mark(unit))["key"] for unit in units}
        size = self.spec.pixel_size()
        key = _digest({"units": made, "plates": asdict(self.crops.plates), "microns_per_pixel": size})
        step = self._step("gather", key, screen.crops, screen.qc, screen.statistics, screen.crops_notes)
        if not step.is_done():
            with collected() as notes:
                gather_crops(screen, units, self.crops.plates, microns_per_pixel=size)
            write_json(notes, screen.crops_notes)
            step.finish()
        else:
            for line in read_json(screen.crops_notes):
                note(line)

    def unit_key(self, unit: str) -> dict[str, object]:
        """What the crops of a unit are made from, the wells table apart."""
        of_map = self.channel_maps.get(self.spec.channel_map) if self.spec.channel_map else None
        return {
            "spec": _section(self.source),
            "state": self.source.whole_state(unit),
            "crops": {k: v for k, v in asdict(self.crops).items() if k != "plates" and (k != "cells" or v["count"])},
            "channel_map": [self.spec.channel_map, asdict(of_map) if of_map else None],
        }

    def _unit_step(self, unit: str, wells: pd.DataFrame) -> "_Step":
        paths = self.screen.unit(unit)
        own = wells[wells["plate"] == unit]
        key = self.unit_key(unit) | {
            "wells": hashlib.sha256((own if len(own) else wells).to_csv(index=False).encode()).hexdigest(),
            "split": sha256(self.screen.split) if self.screen.split.exists() else None,
        }
        made = (paths.fields, paths.skipped, paths.shards, paths.index, paths.qc, paths.statistics)
        return self._step(unit, _digest(key), *made)

    def _step(self, name: str, key: str, *made: Path) -> "_Step":
        return _Step(self._mark(name), key, made)

    def _mark(self, name: str) -> Path:
        return self.screen.root / "done" / f"{name}.json"

    def _log(self, name: str) -> Path:
        return self.screen.root / "logs" / f"{name}.log"


def _write_unit(
    screen: ScreenPaths,
    name: str,
    source: ScreenSpec,
    channel_map: str | None,
    crops: CropOptions,
    channel_maps: Mapping[str, ChannelMap],
    *,
    cache: Path,
    threads: int,
) -> None:
    """Fetch a unit and convert it. What was downloaded for it is removed."""
    unit = screen.unit(name)
    fetch_unit(unit, source, cache, digests=False)  # the manifest is removed below
    write_crops(unit, crops, channel_map, channel_maps, images=source.image_options(), threads=threads)
    shutil.rmtree(unit.raw, ignore_errors=True)


@dataclass(frozen=True)
class _Step:
    """A step leaves a mark, its last file: what it was made from. Without it, or with another, it is done again."""

    mark: Path
    key: str
    made: Sequence[Path]

    def is_done(self) -> bool:
        """Whether the step is done; where it is not, its old mark is removed, since its files will change."""
        try:
            if read_json(self.mark)["key"] == self.key and all(path.exists() for path in self.made):
                return True
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self.mark.unlink(missing_ok=True)
        return False

    def finish(self) -> None:
        write_json({"key": self.key}, self.mark)


class _FieldPace:
    """Says how far the fields of several units are: after 5 seconds, then every 30."""

    def __init__(self, units: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.units, self.clock, self.start = units, clock, clock()
        self.due, self.finished = self.start + 5, 0
        self.at: dict[str, tuple[int, int]] = {}

    def __call__(self, unit: str, done: int, total: int) -> None:
        """`done` of the `total` fields of a unit are converted."""
        self.at[unit] = (done, total)
        now = self.clock()
        if now < self.due:
            return
        share = sum(done / max(total, 1) for done, total in self.at.values()) / self.units
        fields = sum(done for done, _ in self.at.values())
        left = (now - self.start) / max(share, 1e-9) * (1 - share)
        rate = fields / (now - self.start)
        say(
            f"crops: {self.finished} of {self.units} plates, {fields:,} fields, {rate:.3g} fields per second, "
            f"{duration(left)} left"
        )
        self.due = now + 30

    def finish(self, unit: str) -> None:
        """A unit is done."""
        _, total = self.at.get(unit, (1, 1))
        self.at[unit], self.finished = (total, total), self.finished + 1


def _section(spec: ScreenSpec, manner: Sequence[str] = _MANNER) -> dict[str, object]:
    found = {"source": spec.source, **{key: value for key, value in asdict(spec).items() if key not in manner}}
    if isinstance(images := found.get("images"), dict):
        found["images"] = {key: value for key, value in images.items() if key not in manner}
    return found


def _contents(paths: Sequence[Path]) -> dict[str, object]:
    return {"files": {str(path): sha256(path) for path in sorted(set(paths))}}


def _digest(value: object) -> str:
    text = json.dumps([FORMAT, value], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
