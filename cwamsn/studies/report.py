"""The page and the tables of a study."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.advice import pays, table
from cwamsn.files import atomic_path
from cwamsn.notes import note
from cwamsn.screen_specs import ScreenSpec, SimulatedBraySpec
from cwamsn.studies.compare import METRICS, best_trials, chosen_scores, differences, summary, tested_claims, values_of
from cwamsn.studies.evidence import evidence_of
from cwamsn.studies.figures import map_figure, methods_figure
from cwamsn.studies.prediction import removable_share

SHOWN = ("recall", "ap", "phenotype", "nuisance", "plate_linear", "plate_knn")
GAINS = ("recall", "ap", "phenotype", "nuisance", "plate_linear")  # what the map is drawn of
DRAWN = 4  # points up to which the figure of methods shows each; of more, the first alone


@dataclass(frozen=True)
class Study:
    """What a study was asked, and how its report names things."""

    title: str
    titles: Mapping[str, str]
    """Of the methods, in their order."""
    bounds: Collection[str]
    """Methods that know what a screen was drawn from: bounds, not methods to choose from."""
    designs: Mapping[str, ScreenSpec]
    """The training screen of each point."""
    first: str
    """Method that the others are subtracted from."""
    claims: Sequence[Sequence[str]] = ()
    tuned: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Groups of methods that are trials of one method, by its name."""
    level: float = 0.95
    """Coverage of intervals."""


def write_report(scores: pd.DataFrame, study: Study, folder: Path, page: Path) -> None:
    """Tables as CSV and plots in `folder`, and the page (Markdown) that shows them; `scores` is the table `study`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"# {study.title or 'Study'}", "", "**Simulated screens.** " + _extent(scores, study.level), ""]
    tables = {"summary": summary(scores)}
    if study.tuned:
        tables["trials"] = best_trials(scores, study.tuned)
        lines += _section("Trials, by retrieval of unseen compounds", tables["trials"])
    several = scores.groupby("point")["screen_seed"].transform("nunique") > 1
    if study.claims and several.any():  # one pair of screens tests nothing
        tables["claims"] = tested_claims(scores[several], study.claims, study.level)
        lines += _section("Claims", _claims(tables["claims"], study.titles))
        lines += ["Nothing is corrected for the number of claims.", ""]
    shown = [name for name in SHOWN if len(values_of(scores, name))]
    points = list(scores.loc[several if several.any() else slice(None), "point"].unique())
    if shown:
        drawn = scores[scores["point"].isin(points if len(points) <= DRAWN else points[:1])]
        values = {name: values_of(drawn, name) for name in shown}
        methods_figure(values, study.titles, study.bounds, folder / "methods.png", study.level)
        lines += [f"![methods]({folder.name}/methods.png)", ""]
    for point in scores["point"].unique():
        of_point = tables["summary"][tables["summary"]["point"] == point]
        lines += _section(f"Methods: {point}", _wide(of_point, study.titles))
    if study.first in study.titles and shown:
        tables["differences"] = differences(scores, study.first, study.level)
        for point, found in tables["differences"].groupby("point", sort=False):
            heading = f"{study.titles[study.first]} less the others (paired by screens): {point}"
            lines += _section(heading, _differences(found[found["metric"].isin(shown)], study.titles))
    lines += _where_it_pays(scores, study, folder, tables)
    tables["evidence"] = evidence_of(scores, study.designs)
    if len(tables["evidence"]):
        lines += ["## What to take", "", pays(tables["evidence"]), "", table(tables["evidence"]), ""]
    for name, found in tables.items():
        with atomic_path(folder / f"{name}.csv") as path:
            found.to_csv(path, index=False, float_format="%.6g")
    with atomic_path(page) as path:
        path.write_text("\n".join(lines))


def _where_it_pays(scores: pd.DataFrame, study: Study, folder: Path, tables: dict[str, pd.DataFrame]) -> list[str]:
    """Lines of the page on the gain of the first method at each point; adds the table `map` and writes its plot."""
    claimed = (claim[2] for claim in study.claims if claim[0] == study.first and claim[3] in SHOWN)
    second = next(claimed, None)
    if not second or len(study.designs) < 2:
        return []
    other = [point for point, spec in study.designs.items() if not isinstance(spec, SimulatedBraySpec)]
    if other:
        line = (
            "Where it pays is not drawn: what a layout lets alignment remove is known of simulated-bray training "
            f"screens, and point {other[0]} has another."
        )
        note(line)
        return [line, ""]
    tables["map"] = gains(scores, study, second)
    drawn = [name for name in GAINS if name in tables["map"]]
    map_figure(tables["map"], drawn, (study.titles[study.first], study.titles[second]), folder / "map.png")
    return [*_section("Where it pays", tables["map"]), f"![map]({folder.name}/map.png)", ""]


def gains(scores: pd.DataFrame, study: Study, second: str) -> pd.DataFrame:
    """At each point the gain of the first method over `second` in `GAINS`, and what the training screen's layout
    predicts.

    Table point, layout, removable, factors (that the layout report calls removable), learned (whether the loss of
    the first method has left its start by 1 %; None where it is not a masked siamese network), screens, and of each
    metric its gain, `<metric>_low` and `<metric>_high`. The interval is over pairs of screens and training seeds where
    there are several pairs; with one the recall's is over resampled genes, the mean of those of its training seeds, and
    the others have none.
    """
    found = differences(scores, study.first, study.level)
    found = found[found["second"] == second].set_index(["metric", "point"])
    compared = {"benchmark": "comparison", "metric": f"recall_minus_{second}", "source": "joint"}
    resampled = chosen_scores(scores, compared).groupby("point", sort=False).mean(numeric_only=True)
    rows = []
    for point, spec in study.designs.items():
        assert isinstance(spec, SimulatedBraySpec), "the caller has looked"
        share, report = removable_share(spec)
        removable = report.loc[report["verdict"] == "removable", "factor"]
        row = {"point": point, "layout": spec.layout, "removable": round(share, 2), "factors": " ".join(removable)}
        row["learned"] = has_learned(scores[(scores["point"] == point) & (scores["method"] == study.first)])
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

    With targets spread evenly by Sinkhorn, predictions that distinguish nothing have exactly this loss.
    """
    log = scores[scores["benchmark"] == "training"].groupby("metric")["value"].mean()
    if not {"cross_entropy", "prototypes_used"} <= set(log.index):
        return None
    return bool(log["cross_entropy"] < 0.99 * np.log(log["prototypes_used"]))


def _extent(scores: pd.DataFrame, level: float) -> str:
    pairs = scores.groupby("point", sort=False)["screen_seed"].nunique()
    seeds = int(scores.groupby(["point", "screen_seed", "method"])["seed"].nunique().max())
    each = f", each with {seeds} training seeds of its own" if seeds > 1 else ", each with a training seed of its own"
    lines = ["Pairs of screens: " + ", ".join(f"{point} {count}" for point, count in pairs.items()) + each + "."]
    if pairs.max() > 1:
        lines.append(
            f"Intervals are {level:.0%}, Student's t over pairs of screens, of their means over training seeds; no two "
            "pairs share a seed, so they cover both. ± and `std`: standard deviation over pairs."
        )
    if seeds > 1 and pairs.max() > 1:
        lines.append("`between_screens` and `between_seeds`: the two spreads apart (standard deviations).")
    return " ".join(lines)


def _differences(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """A row per other method and a column per metric: difference and, where there is one, its interval as text."""
    intervals = (table["ci_low"].map(" ({:+.3f}".format) + table["ci_high"].map(" to {:+.3f})".format)).where(
        table["ci_low"].notna(), ""
    )
    text = table["difference"].map("{:+.3f}".format) + intervals
    wide = table.assign(text=text).pivot(index="second", columns="metric", values="text")
    wide = wide.loc[[name for name in titles if name in wide.index], [name for name in SHOWN if name in wide.columns]]
    wide.index = [titles[name] for name in wide.index]
    wide.columns = [METRICS[name].title for name in wide.columns]
    return wide.rename_axis("less").reset_index()


def _claims(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """A row per claim, and in a column per point its difference, interval and verdict as text."""
    text = [
        f"{row.difference:+.3f} ({row.ci_low:+.3f} to {row.ci_high:+.3f}) {row.verdict}" for row in table.itertuples()
    ]
    claims = [
        f"{titles[row.first]} {row.relation} {titles[row.second]}, {METRICS[row.metric].title}"
        for row in table.itertuples()
    ]
    wide = table.assign(claim=claims, text=text).pivot_table("text", "claim", "point", aggfunc="first")
    wide = wide.loc[list(dict.fromkeys(claims)), table["point"].unique()]
    return wide.rename_axis(columns=None).reset_index()


def _wide(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Mean and standard deviation of each method (rows) and metric (columns) as text."""
    text = table["mean"].map("{:.3f}".format) + table["std"].map(lambda s: "" if pd.isna(s) else f" ± {s:.3f}")
    wide = table.assign(text=text).pivot(index="method", columns="metric", values="text")
    wide = wide.reindex(index=[m for m in titles if m in wide.index], columns=[m for m in METRICS if m in wide.columns])
    wide.index = [titles[method] for method in wide.index]
    return wide.rename(columns={name: METRICS[name].title for name in wide.columns}).rename_axis("method").reset_index()


def _section(heading: str, table: pd.DataFrame) -> list[str]:
    return [f"## {heading}", "", table.fillna("").to_markdown(index=False, floatfmt=".3f"), ""]
