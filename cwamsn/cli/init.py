"""`cwamsn init FOLDER`."""

from pathlib import Path
from typing import Any

import click

from cwamsn.cli import base
from cwamsn.cli.output import Answer
from cwamsn.cli.screen_options import stains_of
from cwamsn.screen_specs.start import CONFIGURATION, PLATE_MAP, Start, StartOptions, parse_stack, start_screen

EXAMPLES = [
    "cwamsn init plates --channels DNA,RNA,ER,AGP,Mito",
    "cwamsn init plates --pattern imagexpress --channels Hoechst=w1,Mito=w5 --to lists",
    r"cwamsn init plates --pattern '(?P<well>[A-P]\d+)_(?P<site>\d)_(?P<channel>\w+)\.tif' --platemap platemap.csv",
]


@base.command("init", examples=EXAMPLES)
@click.argument("folder", type=base.PATH)
@click.option("--pattern", metavar="NAME|REGEX", help="opera, imagexpress, incell, cv8000 or a regular expression.")
@click.option("--channels", metavar="A,B|A=WORD,...", help="Stains in the order of their words, or each with its word.")
@click.option("--platemap", type=base.PATH, help="A plate map that you have.  [default: writes one to fill in]")
@click.option("--stack", metavar="max|sharpest|N", help="What becomes of several depths (z).")
@click.option("--time", type=int, help="The time point to use, where there are several.")
@click.option("--to", type=base.PATH, default=Path(), show_default=True, help="Folder of what is written.")
@click.option("--name", default="mine", show_default=True, help="Name of the screen and of the run.")
@click.option("--force", is_flag=True, help="Replace load_data.csv and my.yaml (never a plate map).")
def command(folder: Path, *, channels: str | None, stack: str | None, to: Path, **options: Any) -> Answer:
    """Look at a folder of images and write the files that describe it as a screen.

    Writes load_data.csv (one row per field), platemap.csv with the wells that were found, to be filled in, and my.yaml,
    which every command and `snakemake --configfile` take. Plates are sub-folders. Without --pattern a known one is
    looked for; groups of a regular expression: well (or row, column), channel, plate, site, z, time.
    """
    chosen = stains_of(channels) if channels is not None else None
    start = start_screen(folder, to, StartOptions(channels=chosen, stack=parse_stack(stack), **options))
    return Answer(_value(start), _words(start, channels is not None))


def _value(start: Start) -> dict[str, object]:
    looked = start.looked
    return {
        "folder": looked.folder,
        "pattern": looked.pattern.name,
        "plates": looked.plates(),
        "wells": len(start.wells),
        "fields": start.fields,
        "images": start.images,
        "stains": start.stains,
        "incomplete_fields": start.incomplete,
        "lacking": start.lacking,
        "thumbnails": looked.thumbnails,
        "unmatched": looked.unmatched,
        "files": list(start.files.values()),
    }


def _words(start: Start, named: bool) -> list[str]:
    looked = start.looked
    plates = looked.plates()
    more = ", ..." if len(plates) > 5 else ""
    found = ((len(start.wells), "well"), (start.fields, "field"), (start.images, "image"))
    lines = [
        f"pattern: {looked.pattern.name}, {looked.pattern.instrument}, as in {looked.images[0].path}",
        f"plates: {len(plates)} ({', '.join(plates[:5])}{more})",
        f"found: {', '.join(_count(n, what) for n, what in found)}",
        f"stains: {', '.join(f'{s} = {w}' if s != w else s for s, w in start.stains.items())}",
    ]
    if start.index.names and not named:
        lines.append("stains are named by Harmony's index")
    elif not named and looked.pattern.name not in ("own", "incell"):
        lines.append(
            f"the stains have no names yet: --channels {','.join(f'NAME={w}' for w in looked.channels()[:2])},..."
        )
    if start.incomplete:
        missing = ", ".join(f"{stain} in {count}" for stain, count in start.lacking.items())
        lines.append(
            f"missing: {start.incomplete} of {start.fields} fields lack a stain ({missing}); they are left out"
        )
    if looked.thumbnails:
        lines.append(f"left out: {_count(looked.thumbnails, 'thumbnail')}")
    if looked.unmatched:
        shown = ", ".join(looked.unmatched[:3])
        lines.append(f"left out: {_count(len(looked.unmatched), 'image file')} with another name, such as {shown}")
    lines.append(f"written: {', '.join(map(str, start.files.values()))}")
    if PLATE_MAP in start.files:
        lines.append(f"next: fill in {PLATE_MAP}; cwamsn check {start.files[CONFIGURATION]}")
    else:
        lines.append(f"next: cwamsn check {start.files[CONFIGURATION]}")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
