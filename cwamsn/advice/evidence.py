"""What studies of simulated screens have shown of each way to align, one row per point, pair of ways and metric.

`evidence.csv` is the only place where these numbers lie. Every study writes such a table (`study/tables/evidence.csv`);
`python -m bench.advice` puts tables of studies in its place.
"""

from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError

FILE = Path(__file__).with_name("evidence.csv")
TITLES = {
    "fixed": "fixed alignment alone",
    "head": "cross-well alignment of frozen features",
    "single-well": "single-well training",
    "cross-well": "cross-well training",
}
"""Ways to align, from the cheapest to the dearest: of features that exist already (on the map: texture features) on
negative controls; by a head on the same features; by training an encoder, which is then aligned on controls too."""
COST = tuple(TITLES)
METHODS = {
    "fixed": ("texture-sphered", "texture"),
    "head": ("texture-head-sphered", "texture-head"),
    "single-well": ("single-well-msn",),
    "cross-well": ("cwa-msn",),
}
"""Methods of a study that stand for each way, the first that it has."""
METRICS = {"recall": "recall", "ap": "compound-gene AP", "phenotype": "phenotype read"}
"""What the rule goes by; more is better in all."""
COLUMNS = (
    *("study", "point", "shared", "active", "wells", "perturbations", "first", "second"),
    *("metric", "difference", "ci_low", "ci_high", "screens", "seeds"),
)


def read_evidence(path: str | Path = FILE) -> pd.DataFrame:
    """The evidence that comes with the package, or that of another file.

    Returns
    -------
    study, point,
    shared : what the wells of a perturbation share by the layout report, names separated by blanks; empty: nothing,
    active : share of the perturbations that act,
    wells : per perturbation,
    perturbations : in the training screen,
    first, second : keys of `TITLES`,
    metric : key of `METRICS`,
    difference, ci_low, ci_high : of first minus second, with its 95 % interval over pairs of screens, where it has one,
    screens, seeds : pairs of screens, and training seeds on each.

    Raises
    ------
    InputError
        The file is not such a table.
    """
    try:
        found = pd.read_csv(path, dtype={"study": str, "point": str, "shared": str}, comment="#")
    except ValueError as error:
        raise InputError(f"{path}: is not a table: {error}") from None
    return check_evidence(found, path)


def check_evidence(found: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """The table with its columns in order; InputError naming `path` where it is none."""
    if missing := [name for name in COLUMNS if name not in found]:
        raise InputError(f"{path}: has no column {', '.join(missing)}; take a study's tables/evidence.csv")
    found = found[list(COLUMNS)].assign(shared=found["shared"].fillna(""))
    for column, known in (("first", COST), ("second", COST), ("metric", tuple(METRICS))):
        if len(odd := found.loc[~found[column].isin(known), column]):
            raise InputError(f"{path}: row {odd.index[0] + 2}: {column} {odd.iloc[0]!r} is none of {', '.join(known)}")
    if len(odd := found[~found["active"].between(0, 1) | ~(found["wells"] >= 1)]):
        raise InputError(f"{path}: row {odd.index[0] + 2}: active is a share and wells a number of at least 1")
    if len(odd := found[found["first"].map(COST.index) <= found["second"].map(COST.index)]):
        raise InputError(
            f"{path}: row {odd.index[0] + 2}: first must be the dearer way, in the order {', '.join(COST)}"
        )
    return found.reset_index(drop=True)
