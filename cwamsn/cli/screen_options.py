"""SCREEN and the options that say what it is, for every command that takes one."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import click
import yaml

from cwamsn.errors import InputError
from cwamsn.screen_specs import ScreenSpec
from cwamsn.screen_specs.argument import screen_from_argument

SCREEN = """SCREEN is a load_data.csv, a sample sheet with a row per image, a folder of images, an OME-Zarr plate or a
configuration (my.yaml, or my.yaml:SCREEN for one of several)."""


def screen_options(
    function: Callable[..., Any] | None = None, *, option: str | None = None, required: bool = True
) -> Callable[..., Any]:
    """Decorator: the function gets `screen`, `platemap`, `pattern`, `channels` and `keys`.

    option : name of the option that SCREEN is given with; None: it is an argument
    required : whether the option must be given
    """
    if function is None:
        return lambda inner: screen_options(inner, option=option, required=required)
    given = click.option(option, "screen", required=required, metavar="SCREEN") if option else click.argument("screen")
    options = (
        given,
        click.option("--platemap", metavar="FILE", help="Plate map: what each well was treated with."),
        click.option("--pattern", metavar="NAME|REGEX", help="How file names of a folder are built."),
        click.option("--channels", metavar="A,B|A=WORD,...", help="Stains, and what stands for each in the list."),
        click.option("--set", "keys", metavar="KEY=VALUE", multiple=True, help="Another key of the screen."),
    )
    for decorate in reversed(options):
        function = decorate(function)
    return function


def read_screen(
    screen: str,
    platemap: str | None = None,
    pattern: str | None = None,
    channels: str | None = None,
    keys: tuple[str, ...] = (),
) -> ScreenSpec:
    """The screen that the options mean. InputError for options that are not spelt as they should be."""
    chosen = stains_of(channels) if channels is not None else None
    return screen_from_argument(screen, platemap=platemap, pattern=pattern, channels=chosen, **dict(map(key_of, keys)))


def stains_of(text: str) -> list[str] | Mapping[str, str]:
    """`DNA,ER` as a list, `Hoechst=DNA,ERSyto=ER` as a mapping from stain to the word in the list."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise InputError("--channels: names no stain; write --channels DNA,ER,... or --channels DNA=WORD,...")
    if not any("=" in part for part in parts):
        return parts
    pairs = [part.partition("=") for part in parts]
    return {name.strip(): (word or name).strip() for name, _, word in pairs}


def key_of(text: str) -> tuple[str, Any]:
    """`control_values=[DMSO]` as key and value, the value read as in a configuration."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise InputError(f"--set {text!r}: is not KEY=VALUE; write for example --set compound_column=Compound")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"--set {text!r}: the value cannot be read; put text with signs in quotes") from None


def jobs_here(most: int = 4) -> int:
    """Processor cores that this process may use, at most `most`: memory grows with each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, most)
