"""What the layout of a training screen lets cross-well alignment remove, as one number to hold a measured gain to."""

import pandas as pd

from cwamsn.screen_specs import SimulatedBraySpec
from cwamsn.screens import layout_report
from cwamsn.simulate import bray

# which column of the layout a part of the nuisance varies with; the well's own part varies with every pair
COLUMN_OF = {"batch": "batch", "drift": "plate", "plate": "plate"}


def training_wells(spec: SimulatedBraySpec) -> pd.DataFrame:
    """Treated wells of a simulated training screen: perturbation, batch, plate, plate_map, row, column."""
    wells = bray.design(spec)
    wells = wells[wells["compound"] >= 0]
    return wells.assign(perturbation=wells["compound"].astype(str))


def removable_share(spec: SimulatedBraySpec) -> tuple[float, pd.DataFrame]:
    """Share of the nuisance's variance that differs between two wells of a perturbation, and the layout report.

    Each part's share of the variance (`nuisance.shares`, and the gradient over the plate) counts as far as the layout
    report says that it varies within perturbations (`variation_within`, at most 1). Neither images nor the drawn
    nuisance are looked at. Drift counts as the plate's, although consecutive plates share most of it.
    """
    wells = training_wells(spec)
    report = layout_report(wells, ("batch", "plate", "plate_map", "row", "column"))
    within = report.set_index("factor")["variation_within"].fillna(0).clip(upper=1)
    shares = spec.nuisance.shares
    total = shares.batch + shares.drift + shares.plate + shares.well
    parts = {name: getattr(shares, name) / total * within[column] for name, column in COLUMN_OF.items()}
    parts["well"] = shares.well / total
    # the gradient is linear in row and column, each uniform on -1 ... 1: variance 1/3 each
    position = spec.nuisance.position**2 * 2 / 3
    parts["position"] = position * (within["row"] + within["column"]) / 2
    return float(sum(parts.values()) / (1 + position)), report
