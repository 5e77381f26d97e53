"""What a study shows of each way to align wells, as the decision rule reads it (:mod:`cwamsn.advice`)."""

from collections import Counter
from collections.abc import Container, Mapping
from itertools import combinations

import pandas as pd

from cwamsn.advice.evidence import COLUMNS, COST, METHODS, METRICS
from cwamsn.screen_specs import ScreenSpec, SimulatedBraySpec
from cwamsn.studies.compare import differences
from cwamsn.studies.prediction import removable_share

_NEEDED = ("point", "first", "second", "metric", "difference", "ci_low", "ci_high", "screens", "seeds")


def evidence_of(scores: pd.DataFrame, designs: Mapping[str, ScreenSpec]) -> pd.DataFrame:
    """Rows of :func:`cwamsn.advice.read_evidence`, for every two ways to align that the study's methods stand for.

    Points whose training screen has other nuisance than most are left out: of a real screen one cannot know it, so it
    is no condition of the rule.

    Parameters
    ----------
    scores : table `study`, whose run is the study's name
    designs : the training screen of each point; those of other layouts than simulated-bray are left out
    """
    methods = _methods(set(scores["method"]))
    specs = {point: spec for point, spec in designs.items() if isinstance(spec, SimulatedBraySpec)}
    usual = Counter(spec.nuisance for spec in specs.values()).most_common(1)
    places = {point: _place(spec) for point, spec in specs.items() if spec.nuisance == usual[0][0]}
    found = []
    for second, first in combinations([way for way in COST if way in methods], 2):
        table = differences(scores, methods[first])  # 95 %, whatever the study prints
        table = table[(table["second"] == methods[second]) & table["metric"].isin(METRICS)]
        table = table[table["point"].isin(places)].reindex(columns=_NEEDED)
        found.append(table.assign(study=scores["run"].iloc[0], first=first, second=second))
    rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["study", *_NEEDED])
    condition = pd.DataFrame.from_dict(places, orient="index", columns=["shared", "active", "wells", "perturbations"])
    return rows.join(condition, on="point")[list(COLUMNS)]


def _methods(names: Container[str]) -> dict[str, str]:
    """The method that stands for each way to align, as far as there is one."""
    own = {way: [name for name in known if name in names] for way, known in METHODS.items()}
    return {way: found[0] for way, found in own.items() if found}


def _place(spec: SimulatedBraySpec) -> tuple[str, float, int, int]:
    """What the rule tells points apart by: shared factors, active share, wells per perturbation; and perturbations."""
    report = removable_share(spec)[1]
    shared = report.loc[report["verdict"] == "shortcut", "factor"]
    return " ".join(shared), 1 - spec.phenotype.inactive, spec.plates_per_compound, spec.compounds
