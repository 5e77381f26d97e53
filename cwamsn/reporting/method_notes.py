"""What the jobs of a method noted about its result, as lines below a table or in the report."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cwamsn.notes import read_notes


def notes_by_method(files: Mapping[str, Mapping[int, Sequence[str | Path]]]) -> dict[str, list[str]]:
    """Each method's notes, each once; a note that not every seed's jobs made names the seeds that did.

    Parameters
    ----------
    files : for each method and seed, the `notes` files of its jobs.
    """
    notes = {}
    for method, by_seed in files.items():
        seeds_of: dict[str, list[int]] = {}
        for seed, paths in by_seed.items():
            for text in read_notes(paths):
                seeds_of.setdefault(text, []).append(seed)
        notes[method] = [
            text if len(seeds) == len(by_seed) else f"{text} (seed {', '.join(map(str, seeds))})"
            for text, seeds in seeds_of.items()
        ]
    return {method: lines for method, lines in notes.items() if lines}


def named_lines(notes: Mapping[str, Iterable[str]], titles: Mapping[str, str]) -> list[str]:
    """The notes of several methods as `CWA-MSN, Random: text`, each text once with all the methods it is about.

    Parameters
    ----------
    notes : notes by the method's name.
    titles : title of each method that may appear, by its name, in order.
    """
    titles_of: dict[str, list[str]] = {}
    for method, title in titles.items():
        for text in notes.get(method, ()):
            titles_of.setdefault(text, []).append(title)
    return [
        f"{'Every method' if 1 < len(titles) == len(named) else ', '.join(named)}: {text}"
        for text, named in titles_of.items()
    ]
