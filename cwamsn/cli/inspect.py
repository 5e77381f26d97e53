"""`cwamsn inspect PATH`."""

from pathlib import Path

import click

from cwamsn.cli import base
from cwamsn.cli._contents import contents, in_words
from cwamsn.cli.output import Answer


@base.command(
    "inspect",
    examples=[
        "cwamsn inspect results/demo/models/cwa-msn/seed0",
        "cwamsn inspect profiles --json",
        "cwamsn inspect data/bray-sim --whole",
    ],
)
@click.argument("path", type=base.PATH)
@click.option("--whole", is_flag=True, help="Read everything: checksums of crops, digests of a release.")
def command(path: Path, whole: bool) -> Answer:
    """Say what a file or folder of this project holds.

    PATH is a crop store (the folder of a screen), an encoder, profiles, embeddings, scores, a run or a release.
    """
    found = contents(path, whole=whole)
    return Answer(found, in_words(found))
