"""What the jobs of a row said about its result, as lines below a table or in the report."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cwamsn.notes import read_notes


def notes_by_method(files: Mapping[str, Mapping[int, Sequence[str | Path]]]) -> dict[str, list[str]]:
    """Each row's notes, each once; one that not every seed's jobs said names the seeds that did.

    files : for each row and seed, the `notes` files of its jobs
    """
    found = {}
    for row, seeds in files.items():
        said: dict[str, list[int]] = {}
        for seed, paths in seeds.items():
            for text in read_notes(paths):
                said.setdefault(text, []).append(seed)
        found[row] = [
            text if len(those) == len(seeds) else f"{text} (seed {', '.join(map(str, those))})"
            for text, those in said.items()
        ]
    return {row: lines for row, lines in found.items() if lines}


def named_lines(notes: Mapping[str, Iterable[str]], titles: Mapping[str, str]) -> list[str]:
    """The notes of several rows as `CWA-MSN, Random: text`, each text once with all the rows it was said of.

    titles : what a row is called, for the rows that may appear, in order
    """
    said: dict[str, list[str]] = {}
    for row, title in titles.items():
        for text in notes.get(row, ()):
            said.setdefault(text, []).append(title)
    everyone = len(titles) > 1
    return [
        f"{'Every row' if everyone and len(rows) == len(titles) else ', '.join(rows)}: {text}"
        for text, rows in said.items()
    ]
