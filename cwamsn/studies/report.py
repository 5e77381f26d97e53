"""The page and the tables of a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cwamsn.files import atomic_path
from cwamsn.notes import note
from cwamsn.studies.compare import METRICS, best_trials, differences, summary, tested_claims, values_of
from cwamsn.studies.figures import map_figure, rows_figure
from cwamsn.studies.prediction import removable_share

SHOWN = ("recall", "ap", "plate_linear", "phenotype", "nuisance")
GAINS = ("recall", "ap", "phenotype", "plate_linear")  # what the map is drawn of


def write_report(
    scores: pd.DataFrame,
    study: Mapping[str, Any],
    titles: Mapping[str, str],
    bounds: Sequence[str],
    screens: Mapping[str, Mapping[str, Any]],
    title: str,
    folder: Path,
    page: Path,
    level: float = 0.95,
) -> None:
    """Tables as CSV and plots in `folder`, and the page that shows them.

    scores: table `study` of all points. study: the section of the configuration. titles: of the rows, in their order;
    bounds: those of them that are no methods. screens: the pair of designs of each point. level: coverage of intervals.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, lines = list(titles), [f"# {title or 'Study'}", "", "**Simulated screens.** " + _extent(scores), ""]
    tables = {"summary": summary(scores)}
    first = study["first"]
    if study["tuned"]:
        tables["trials"] = best_trials(scores, study["tuned"])
        lines += _section("Trials, by retrieval of unseen compounds", tables["trials"])
    for point in scores["point"].unique():
        some = tables["summary"][tables["summary"]["point"] == point]
        lines += _section(f"Rows: {point}", _wide(some, rows, titles))
    shown = [name for name in SHOWN if len(values_of(scores, name))]
    if first in rows and shown:
        tables["differences"] = differences(scores, first, level)
        kept = tables["differences"]["metric"].isin([*shown, "recall_CORUM"])
        lines += _section(f"{titles[first]} less the others (paired by screens)", tables["differences"][kept])
    several = scores.groupby("point")["screen_seed"].transform("nunique") > 1
    if study["claims"] and several.any():  # one pair of screens tests nothing
        tables["claims"] = tested_claims(scores[several], study["claims"], level)
        lines += _section("Claims", tables["claims"])
    if shown:
        head = scores["point"].iloc[0]
        rows_figure(scores, head, rows, bounds, dict(titles), shown, folder / "rows.png", level)
        lines += [f"![rows]({folder.name}/rows.png)", ""]
    second = next((claim[2] for claim in study["claims"] if claim[0] == first and claim[3] in GAINS), None)
    unknown = [point for point, pair in screens.items() if pair["training"]["source"] != "simulated-bray"]
    if second and len(screens) > 1 and unknown:
        line = (
            "Where it pays is not drawn: what a layout lets alignment remove is known of simulated-bray training "
            f"screens, and point {unknown[0]} has another."
        )
        note(line)
        lines += [line, ""]
    elif second and len(screens) > 1:
        tables["map"] = gains(scores, screens, first, second, level)
        drawn = [name for name in GAINS if name in tables["map"]]
        map_figure(tables["map"], drawn, (titles[first], titles[second]), folder / "map.png")
        lines += [*_section("Where it pays", tables["map"]), f"![map]({folder.name}/map.png)", ""]
    for name, table in tables.items():
        with atomic_path(folder / f"{name}.csv") as path:
            table.to_csv(path, index=False, float_format="%.6g")
    with atomic_path(page) as path:
        path.write_text("\n".join(lines))


def gains(
    scores: pd.DataFrame, screens: Mapping[str, Any], first: str, second: str, level: float = 0.95
) -> pd.DataFrame:
    """For each point the gain of `first` over `second` in `GAINS`, and what the layout of its training screen predicts.

    Table point, layout, removable, factors (that the layout report calls removable), learned (whether the loss of
    `first` has left its start by 1 %; None where it is no masked siamese network), screens, and of each metric its
    gain, `<metric>_low` and `<metric>_high`. The interval is over pairs of screens where there are several; with one
    pair the recall's is over resampled genes and the others have none.
    """
    found = differences(scores, first, level)
    found = found[found["second"] == second].set_index(["metric", "point"])
    single = scores[(scores["benchmark"] == "comparison") & (scores["source"] == second)]
    resampled = single.pivot_table("value", "point", "metric", sort=False)
    rows = []
    for point, pair in screens.items():
        share, report = removable_share(pair["training"])
        removable = report.loc[report["verdict"] == "removable", "factor"]
        row = {
            "point": point,
            "layout": pair["training"]["layout"],
            "removable": round(share, 2),
            "factors": " ".join(removable),
        }
        row["learned"] = has_learned(scores[(scores["point"] == point) & (scores["method"] == first)])
        for name in [name for name in GAINS if (name, point) in found.index]:
            gain = found.loc[(name, point)]
            genes = gain["screens"] == 1 and name == "recall" and point in resampled.index
            bounds = resampled.loc[point] if genes else gain
            row |= {"screens": int(gain["screens"]), name: gain["difference"]}
            row |= {f"{name}_low": bounds["ci_low"], f"{name}_high": bounds["ci_high"]}
        rows.append(row)
    return pd.DataFrame(rows)


def has_learned(scores: pd.DataFrame) -> bool | None:
    """Whether a masked siamese network's loss is 1 % below the logarithm of the prototypes in use, where it starts.

    With targets spread evenly by Sinkhorn, predictions that tell nothing apart have just this loss.
    """
    log = scores[scores["benchmark"] == "training"].groupby("metric")["value"].mean()
    if not {"cross_entropy", "prototypes_used"} <= set(log.index):
        return None
    return bool(log["cross_entropy"] < 0.99 * np.log(log["prototypes_used"]))


def _extent(scores: pd.DataFrame) -> str:
    pairs = scores.groupby("point", sort=False)["screen_seed"].nunique()
    return "Pairs of screens: " + ", ".join(f"{point} {count}" for point, count in pairs.items()) + "."


def _wide(table: pd.DataFrame, rows: Sequence[str], titles: Mapping[str, str]) -> pd.DataFrame:
    """Mean and standard deviation of each row (lines) and metric (columns) as text."""
    text = table["mean"].map("{:.3f}".format) + table["std"].map(lambda s: "" if pd.isna(s) else f" ± {s:.3f}")
    wide = table.assign(text=text).pivot(index="method", columns="metric", values="text")
    wide = wide.reindex(index=[r for r in rows if r in wide.index], columns=[m for m in METRICS if m in wide.columns])
    wide.index = [titles[row] for row in wide.index]
    return wide.rename(columns={name: METRICS[name].title for name in wide.columns}).rename_axis("row").reset_index()


def _section(heading: str, table: pd.DataFrame) -> list[str]:
    return [f"## {heading}", "", table.fillna("").to_markdown(index=False, floatfmt=".3f"), ""]
