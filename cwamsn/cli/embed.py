"""`cwamsn embed SCREEN --encoder FOLDER --out FOLDER`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cwamsn.cli import base
from cwamsn.cli.output import Answer
from cwamsn.cli.screen_options import SCREEN, jobs_here, read_screen, screen_options
from cwamsn.profiling import AUTO, Request, profile_screen, settings_of
from cwamsn.screen_specs.name_of import screen_name

EXAMPLES = [
    "cwamsn embed plates/load_data.csv --platemap plates/platemap.csv --encoder results/demo/models/cwa-msn/seed0 "
    "--out profiles",
    "cwamsn embed my.yaml --encoder exported/cwa-msn --out profiles --jobs 4",
    "cwamsn embed my.yaml:plates --encoder exported/cwa-msn --out profiles --align none --no-keep-crops",
    "cwamsn embed plates/load_data.csv --encoder other-encoder --out other --work profiles/work",
]


@base.command("embed", examples=EXAMPLES)
@screen_options
@click.option("--encoder", type=base.PATH, required=True, help="Folder of a trained or an exported encoder.")
@click.option("--out", type=base.PATH, required=True, help="Folder for the profiles; new, or one of an earlier call.")
@click.option("--name", help="Name of the screen.  [default: its own, else from its path]")
@click.option("--align", default=AUTO, show_default=True, help="auto, none, or an alignment such as sphering.")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Processes.  [default: cores, at most 4]")
@click.option("--device", default=None, help="auto, cpu, cuda or cuda:N.")
@click.option("--network", type=click.Choice(["target", "anchor"]), default=None, help="Which of the two encoders.")
@click.option("--work", type=base.PATH, default=None, help="Folder of crops, to share.  [default: OUT/work]")
@click.option("--keep-crops/--no-keep-crops", default=True, show_default=True, help="Keep the crops afterwards.")
def command(
    encoder: Path,
    out: Path,
    *,
    name: str | None,
    align: str,
    jobs: int | None,
    device: str | None,
    network: str | None,
    work: Path | None,
    keep_crops: bool,
    **screen: Any,
) -> Answer:
    """Make profiles of a screen with a trained encoder.

    Writes wells.parquet, perturbations.parquet, profiles.h5ad and about.json to OUT. Stains are matched by name, then
    by well-known synonyms. A call that was stopped goes on where it was.
    """
    spec, settings = read_screen(**screen), settings_of(screen["screen"])
    embedding = settings.embedding
    embedding = replace(embedding, device=device or embedding.device, encoder=network or embedding.encoder)
    settings = replace(settings, embedding=embedding)
    request = Request(name or screen_name(screen["screen"]), spec, encoder, settings, align)
    about = profile_screen(request, out, work=work, jobs=jobs or jobs_here(), keep_crops=keep_crops)
    return Answer(about, _words(about, out))


def _words(about: Mapping[str, Any], out: Path) -> list[str]:
    wells, fields, files = about["wells"], about["fields"], about["files"]
    return [
        f"{wells['profiled']} of {wells['of']} wells on {wells['plates']} plates have a profile",
        f"{fields['kept']} fields were used, {fields['skipped']} left out (see qc.parquet of the screen)",
        str(about.get("alignment_choice") or f"alignment: {', '.join(about.get('alignment', {})) or 'none'}"),
        f"in {out}: {', '.join([*sorted(files), 'about.json'])}",
    ]


command.help = f"{command.help}\n\n{SCREEN}"
