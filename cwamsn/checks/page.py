"""A report as one page that needs nothing beside itself."""

from pathlib import Path

import pandas as pd

from cwamsn.checks.report import Level, Report
from cwamsn.files import atomic_path
from cwamsn.pages import renderer

render = renderer(Path(__file__).with_name("templates"))


def write_page(report: Report, path: str | Path) -> None:
    """Write `report` as HTML."""
    page = render(
        "check.html.j2",
        report=report,
        levels=[(level, report.of(level)) for level in Level],
        plates=_plates(report),
        layout=_layout(report),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _plates(report: Report) -> pd.DataFrame:
    rows = [
        {
            "Plate": plate.plate,
            "Wells": plate.wells,
            "Negative controls": plate.negative_controls,
            "Perturbations": plate.perturbations,
            "Fields": plate.fields,
            "Left out": plate.left_out,
            "Decoded": plate.decoded,
            "Unusable": plate.unusable,
            "Pixels": plate.size,
            "Bits": plate.bits,
            **{f"Mean {channel}": value for channel, value in plate.means.items()},
        }
        for plate in report.plates
    ]
    return pd.DataFrame(rows)


def _layout(report: Report) -> pd.DataFrame:
    rows = [
        {
            "Factor": str(row["factor"]).replace("_", " "),
            "Levels": row["levels"],
            "Verdict": row["verdict"],
            "Variation within a perturbation": row["variation_within"],
            "Why untestable": row["reason"],
        }
        for row in report.layout
    ]
    return pd.DataFrame(rows)
