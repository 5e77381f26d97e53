"""Whether replicates share their place on the plate, whose effects then look like an effect of the perturbation."""

import pandas as pd

from cwamsn.notes import note
from cwamsn.screens import layout_report

PLACES = ("row", "column")


def note_positions(wells: pd.DataFrame) -> list[str]:
    """The places (row, column) that the wells of a perturbation share, by the layout report's verdict; noted if any.

    wells : wells table; without `row` and `column` nothing is known and nothing said.
    """
    known = [place for place in PLACES if place in wells and wells[place].notna().any()]
    report = layout_report(wells, tuple(known), shuffles=1) if known else pd.DataFrame(columns=["factor", "verdict"])
    shared = list(report.loc[report["verdict"] == "shortcut", "factor"])
    if shared:
        note(
            f"the wells of a perturbation lie in the same {' and '.join(shared)} of every plate: effects of position "
            "are part of their similarity, and permuting labels does not remove them (docs/hits.md)"
        )
    return shared
