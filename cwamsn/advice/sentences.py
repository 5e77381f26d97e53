"""The rule and its support in words."""

from collections.abc import Iterable, Sequence

import pandas as pd

from cwamsn.advice.evidence import METRICS, TITLES
from cwamsn.advice.rule import Advice, Comparison, advise, compared
from cwamsn.advice.situation import Situation, shares_places

ASKED = (("cross-well", "single-well"), ("head", "fixed"))
"""What alignment across wells is compared with: the same without pairs across wells."""
WORDS = {"above": "above", "not told apart": "not told apart from", "mixed": "above and below", "below": "below"}
LAYOUTS = {True: "replicates share position or batch", False: "replicates lie at positions of their own"}
MIRRORED = {"above": "below", "below": "above"}
UNKNOWN = "whether they share their position is not recorded, so points of both layouts count"

UNMEASURED = "nothing is shown to be above it: not measured on several pairs of screens"


def pays(evidence: pd.DataFrame) -> str:
    """Where alignment across wells has been shown to pay, and where not: a sentence for each of `ASKED`."""
    text = " ".join(_paid(evidence, *pair) for pair in ASKED)
    return f"When alignment across wells pays, by simulated screens (docs/simulation.md). {text}"


def _paid(evidence: pd.DataFrame, first: str, second: str) -> str:
    cells: dict[str, list[tuple[bool, float, float]]] = {}
    for cell, rows in _cells(evidence):
        cells.setdefault(compared(rows, first, second).verdict, []).append(cell)
    parts = [f"{word} it {_where(cells[verdict])}" for verdict, word in WORDS.items() if verdict in cells]
    if not parts:
        return f"{_capital(TITLES[first])} has not been compared with {TITLES[second]} on several pairs of screens."
    if "above" not in cells:
        parts.insert(0, "nowhere shown to be above it")
    if "not measured" in cells:
        parts.append("measured on several pairs of screens nowhere else")
    return f"{_capital(TITLES[first])} against {TITLES[second]}: {'; '.join(parts)}."


def advice_of(situation: Situation, evidence: pd.DataFrame) -> str:
    """What to take for a screen, with its support; for each share of active perturbations where it is not known."""
    found = advise(situation, evidence)
    return f"For {_described(situation)}: {_taken(found)}. {' '.join(dict.fromkeys(_support(a) for a in found))}"


def brief_advice(situation: Situation, evidence: pd.DataFrame) -> str:
    """What to take for a screen, in a clause without its support."""
    return _taken(advise(situation, evidence))


def _taken(found: Sequence[Advice]) -> str:
    because = f", since {found[0].because}" if found[0].because else ""
    if len({advice.take for advice in found}) == 1:
        return f"take {TITLES[found[0].take]}{because}"
    cases = [f"if {_percent(advice.active)} of the perturbations act, take {TITLES[advice.take]}" for advice in found]
    return f"{'; '.join(cases)}{because}"


def table(evidence: pd.DataFrame) -> str:
    """The rule as a Markdown table: what to take in each situation that was measured, and the points behind it."""
    rows = []
    for (shares, active, wells), own in _cells(evidence):
        verdicts = {"row": "shortcut" if shares else "removable"}
        advice = advise(Situation("", 1, wells, verdicts, active), own)[0]
        kept = [text for c in _deciding(advice) if (text := _words(c, advice.take))] or [UNMEASURED]
        used = [comparison.rows for comparison in _deciding(advice) if len(comparison.rows)]
        points = _points(pd.concat(used) if used else own)
        rows.append((LAYOUTS[shares], _percent(active), f"{wells:g}", TITLES[advice.take], "; ".join(kept), points))
    head = ("replicates", "act", "wells each", "take", "because", "points")
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows))


def _cells(evidence: pd.DataFrame) -> Iterable[tuple[tuple[bool, float, float], pd.DataFrame]]:
    """Points that the rule does not tell apart."""
    shares = [bool(shares_places(text.split())) for text in evidence["shared"]]
    keyed = evidence.assign(shares=shares)
    for (same, active, wells), rows in keyed.groupby(["shares", "active", "wells"], sort=True):
        yield (bool(same), float(active), float(wells)), rows


def _described(situation: Situation) -> str:
    shared = [name.replace("_", " ") for name in situation.shared]
    like = shares_places(situation.shared, situation.verdicts)
    told = {True: f"replicates share their {listed(shared)}", False: LAYOUTS[False]}
    layout = UNKNOWN if like is None else told[like]
    if situation.active is None:
        active = f"what share of them acts is not known: replicate_map on {situation.screen} tells"
    else:
        active = f"{_percent(situation.active)} of them act ({situation.active_from})"
    count = f"{situation.perturbations:,} perturbations in {_count(situation.wells, 'well', 'wells')} each"
    return f"{situation.screen} ({count}; {layout}; {active})"


def _support(advice: Advice) -> str:
    measured = [comparison.rows for comparison in _deciding(advice) if len(comparison.rows)]
    if not measured:
        where = "" if advice.active is None else f" where {_percent(advice.active)} act"
        return f"No point like it{where} was measured on several pairs of screens, so the cheapest way stands there."
    own = pd.concat(measured)
    words = [text for comparison in _deciding(advice) if (text := _words(comparison, advice.take))]
    where = _where([cell for cell, _ in _cells(own)])
    return f"At the nearest points, {where}, it is {'; '.join(words)}. The points: {_points(own)}."


def _deciding(advice: Advice) -> list[Comparison]:
    """The comparisons of the way that is taken: with cheaper ones, and of dearer ones with it."""
    return [comparison for comparison in advice.comparisons if advice.take in (comparison.first, comparison.second)]


def _words(found: Comparison, way: str) -> str:
    """Of `way` against the other one: `above single-well training (recall +.031, .010 to .052)`; empty where not
    measured."""
    if found.verdict == "not measured":
        return ""
    beyond = found.rows[(found.rows["ci_low"] > 0) | (found.rows["ci_high"] < 0)]
    shown = beyond if len(beyond) else found.rows
    if found.first == way:
        other, word = found.second, WORDS[found.verdict]
        numbers = [_numbers(r.metric, r.difference, r.ci_low, r.ci_high) for r in shown.itertuples()]
    else:
        other, word = found.first, WORDS[MIRRORED.get(found.verdict, found.verdict)]
        numbers = [_numbers(r.metric, -r.difference, -r.ci_high, -r.ci_low) for r in shown.itertuples()]
    return f"{word} {TITLES[other]} ({'; '.join(numbers)})"


def _numbers(metric: str, difference: float, low: float, high: float) -> str:
    return f"{METRICS[metric]} {_short(difference)}, {_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    """`+.031`; `+10.500` where there is something before the point."""
    text = f"{value:+.3f}"
    return text[0] + text[2:] if abs(value) < 1 and text[1] == "0" else text


def _points(rows: pd.DataFrame) -> str:
    """`default of demonstration (10 pairs of screens, 1 training seed on each)`."""
    texts = []
    for (study, point), own in rows.groupby(["study", "point"], sort=False):
        pairs = _count(int(own["screens"].max()), "pair of screens", "pairs of screens")
        seeds = _count(int(own["seeds"].max()), "training seed", "training seeds")
        texts.append(f"{point} of {study} ({pairs}, {seeds} on each)")
    return listed(texts)


def _count(number: float, one: str, several: str) -> str:
    return f"{number:g} {one if number == 1 else several}"


def _where(cells: Sequence[tuple[bool, float, float]]) -> str:
    """`where 100 % act in 4 wells each, in either layout, and where 50 % act in 8 wells each and ...`."""
    layouts: dict[tuple[float, float], list[bool]] = {}
    for shares, active, wells in cells:
        layouts.setdefault((active, wells), []).append(shares)
    texts = []
    for (active, wells), found in layouts.items():
        layout = f" and {LAYOUTS[found[0]]}" if len(found) == 1 else ", in either layout"
        texts.append(f"where {_percent(active)} act in {wells:g} wells each{layout}")
    return ", and ".join(texts)


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.0f} %"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def listed(texts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1]))) if texts else ""
