"""The screens of a run, checked one after another."""

from collections.abc import Mapping
from pathlib import Path

from cwamsn.checks.page import write_page
from cwamsn.checks.report import Level
from cwamsn.checks.screen import check_screen
from cwamsn.checks.text import lines
from cwamsn.crops import ChannelMap, CropOptions
from cwamsn.errors import InputError
from cwamsn.files import write_json
from cwamsn.live import say
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import ScreenSpec


def check_screens(
    screens: Mapping[ScreenPaths, ScreenSpec],
    *,
    crops: CropOptions,
    channel_maps: Mapping[str, ChannelMap],
    cache: str | Path,
) -> None:
    """Check screens, write `check.html` and `check.json` of each, and say what was found.

    Parameters
    ----------
    screens : the screens as their real sources take them, by the paths of their folders.
    crops, channel_maps : sections of those names.
    cache : folder of downloads.

    Raises
    ------
    InputError
        Where something must be corrected first; the pages are there nevertheless.
    """
    failed: dict[Path, int] = {}
    for paths, spec in screens.items():
        report = check_screen(spec, name=paths.root.name, crops=crops, channel_maps=channel_maps, cache=cache)
        write_page(report, paths.check_page)
        write_json(report.as_json(), paths.check)
        for line in [*lines(report), f"{'Page':<18} {paths.check_page}", ""]:
            say(line)
        if report.failed:
            failed[paths.check_page] = len(report.of(Level.ERROR))
    if failed:
        pages = ", ".join(f"{path} ({n} error{'s' if n > 1 else ''})" for path, n in failed.items())
        raise InputError(f"{len(failed)} of {len(screens)} screens are not ready; correct what stands in {pages}")
