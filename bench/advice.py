"""Put what studies have shown behind the decision rule, and the rule's table on its page.

    python -m bench.advice results/map/study/tables/evidence.csv [MORE.csv ...]   these studies in place of the old ones
    python -m bench.advice                                                       the page alone

Writes cwamsn/advice/evidence.csv and, between its two marks, docs/simulation.md. Every study writes its `evidence.csv`.
"""

import argparse
import re
from pathlib import Path

import pandas as pd

from cwamsn.advice import pays, read_evidence, table
from cwamsn.advice.evidence import FILE
from cwamsn.errors import InputError

PAGE = Path(__file__).parents[1] / "docs" / "simulation.md"
START, END = "<!-- python -m bench.advice writes from here -->", "<!-- to here -->"


def written(evidence: pd.DataFrame) -> str:
    """The part of the page that follows from the evidence."""
    return f"{START}\n\n{pays(evidence)}\n\n{table(evidence)}\n\n{END}"


def replaced(page: str, part: str) -> str:
    """The page with its part between the marks replaced; InputError where it has no marks."""
    found, count = re.subn(re.escape(START) + ".*?" + re.escape(END), lambda _: part, page, flags=re.DOTALL)
    if count != 1:
        raise InputError(f"{PAGE}: has {count} parts between {START} and {END}; it needs one")
    return found


def replace_evidence(paths: list[Path], file: Path) -> None:
    """Write `file` from several studies' tables; InputError where a point of a study is in two of them."""
    found = pd.concat([read_evidence(path) for path in paths], ignore_index=True)
    keys = ["study", "point", "first", "second", "metric"]
    if len(again := found[found.duplicated(keys)]):
        row = again.iloc[0]
        raise InputError(f"{row['point']} of {row['study']} is in two of the tables; give each study once")
    names = ", ".join(dict.fromkeys(found["study"]))
    text = f"# Simulated. Written by python -m bench.advice from the studies {names}.\n"
    file.write_text(text + found.to_csv(index=False, float_format="%.4g"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.advice", description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", type=Path, help="evidence.csv of studies; none: as before")
    arguments = parser.parse_args()
    if arguments.tables:
        replace_evidence(arguments.tables, FILE)
    PAGE.write_text(replaced(PAGE.read_text(), written(read_evidence())))
    print(pays(read_evidence()))


if __name__ == "__main__":
    main()
