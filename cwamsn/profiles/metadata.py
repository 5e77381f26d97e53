"""What is known of a well as `Metadata_` columns, and back. The one place that knows both spellings."""

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.profiles.table import PREFIX, Level

# Column of the wells table (cwamsn.tables) → column of profiles, in the order in which profiles have them.
OF_WELLS = {
    "plate": "Metadata_Plate",
    "address": "Metadata_Well",
    "row": "Metadata_Row",
    "column": "Metadata_Column",
    "perturbation": "Metadata_Perturbation",
    "perturbation_type": "Metadata_PerturbationType",
    "control": "Metadata_Control",
    "concentration": "Metadata_Concentration",
    "treatment": "Metadata_Treatment",
    "smiles": "Metadata_SMILES",
    "inchikey": "Metadata_InChIKey",
    "gene": "Metadata_Gene",
    "guide": "Metadata_Guide",
    "plate_map": "Metadata_Plate_Map_Name",
    "experiment": "Metadata_Batch",
    "screen": "Metadata_Screen",
    "source": "Metadata_Source",
    "cell_count": "Metadata_CellCount",
    "split": "Metadata_Split",
    "well_id": "Metadata_WellID",
}
PLATE_MAP = "platemap_"  # how further columns of the user's plate map begin in the wells table
UNIT = "Metadata_PlateID"  # the plate as files are named, where its barcode cannot name one
LEARNED = "learned"
"""Name of the alignment by a head that was learned from replicates."""
LEARNED_ON = "Metadata_LearnedOn"
"""What a well's perturbation was to a head that was learned from replicates: `training`, `validation` or `no`."""
COUNTS = (
    "Metadata_FieldCount",
    "Metadata_CellCount",
    "Metadata_WellCount",
    "Metadata_PlateCount",
    "Metadata_BatchCount",
)
WHOLE = ("Metadata_Row", "Metadata_Column", *COUNTS)
REAL = ("Metadata_Concentration",)
TEXT = (*(name for name in OF_WELLS.values() if name not in (*WHOLE, *REAL)), UNIT, LEARNED_ON)
# Columns that say where a well is; profiles of perturbations have none of them.
OF_PLACE = (
    "Metadata_Plate", UNIT, "Metadata_Well", "Metadata_Row", "Metadata_Column", "Metadata_Plate_Map_Name",
    "Metadata_Batch", "Metadata_WellID", "Metadata_Guide", "Metadata_Split", "Metadata_Site",
)  # fmt: skip


def metadata_of(wells: pd.DataFrame, extra: pd.DataFrame | None = None) -> pd.DataFrame:
    """`Metadata_` columns of wells, the index being their `well_id`.

    Parameters
    ----------
    wells : wells table
    extra : further columns, with `well_id`: counts of fields and cells, columns of the user's plate map; each becomes
        `Metadata_<name>`. Wells that it lacks have no value there.
    """
    names = dict(OF_WELLS)
    obs = wells[[name for name in names if name in wells]].rename(columns=names)
    for name in [name for name in wells if str(name).startswith(PLATE_MAP)]:
        column = PREFIX + str(name).removeprefix(PLATE_MAP)
        taken = column in obs or column in names.values() or column in (UNIT, *COUNTS)
        obs[f"{PREFIX}PlateMap_{column.removeprefix(PREFIX)}" if taken else column] = wells[name]
    if "barcode" in wells:
        written = wells["barcode"].where(wells["barcode"].notna(), wells["plate"])
        obs[UNIT], obs["Metadata_Plate"] = wells["plate"], written
    if extra is not None:
        more = extra.set_index("well_id").reindex(wells["well_id"])
        for name in more:
            column = str(name) if str(name).startswith(PREFIX) else PREFIX + str(name)
            if column in obs:
                raise InputError(f"profiles: column {name!r} would be a second {column}; rename it")
            obs[column] = more[name].to_numpy()
    return named(typed(obs), "well")


def typed(obs: pd.DataFrame) -> pd.DataFrame:
    """`obs` with the types that profiles have: text is object with None, whole numbers are int32, doses float64.

    A column that is not known here stays a number or a boolean, and becomes text otherwise.
    """
    out = {str(name): _typed(str(name), obs[name]) for name in obs}
    return pd.DataFrame(out, index=obs.index)


def _typed(name: str, column: pd.Series) -> np.ndarray:
    if name not in TEXT and (name in (*WHOLE, *REAL) or column.dtype.kind in "iufb"):
        try:
            numbers = pd.to_numeric(column.astype(object).where(column.notna(), np.nan))
        except (ValueError, TypeError) as error:
            raise InputError(f"profiles: {name} holds {' '.join(str(error).split())[:80]}; give numbers") from None
        if name in WHOLE and not numbers.isna().any() and (numbers % 1 == 0).all():
            return numbers.to_numpy(dtype=np.int32)
        if name in WHOLE or name in REAL or numbers.dtype == object:
            return numbers.to_numpy(dtype=np.float64)
        return numbers.to_numpy()
    return np.array([None if pd.isna(value) else _text(value) for value in column], dtype=object)


def _text(value: object) -> str:
    """A plate called 24279 that another tool has written as 24279.0 is 24279 again."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def named(obs: pd.DataFrame, level: Level) -> pd.DataFrame:
    """`obs` with names of its rows as the index.

    A well goes by its id, or by plate and address where a tool has left it out; a perturbation by its name, with the
    dose where it has one, and with its type or number where two would share a name.
    """
    if level == "well":
        known = OF_WELLS["well_id"] in obs and obs[OF_WELLS["well_id"]].notna().all()
        label = obs[OF_WELLS["well_id"]] if known else obs["Metadata_Plate"] + "_" + obs["Metadata_Well"]
    else:
        label = obs["Metadata_Perturbation"].fillna("none")
        if (dose := OF_WELLS["concentration"]) in obs:
            label = label.where(obs[dose].isna(), label + [f" @ {value} µM" for value in obs[dose]])
        if (kind := OF_WELLS["perturbation_type"]) in obs:
            label = label.where(~label.duplicated(keep=False), obs[kind] + " " + label)
        number = label.groupby(label, sort=False).cumcount()
        label = label.where(number == 0, label + " #" + (number + 1).astype(str))
    return obs.set_index(pd.Index(label.to_numpy(dtype=object)))


def wells_of(obs: pd.DataFrame) -> pd.DataFrame:
    """The wells table behind profiles of wells: what alignment and pooling take.

    Files of other tools lack columns: a batch is then a plate, a perturbation a compound, no well a control.
    """
    absent = [name for name in ("Metadata_Plate", "Metadata_Well") if name not in obs]
    if absent:
        raise InputError(f"profiles: have no {absent[0]}; give profiles of wells")
    wells = pd.DataFrame({key: obs[name].to_numpy() for key, name in OF_WELLS.items() if name in obs})
    if UNIT in obs:
        wells["barcode"], wells["plate"] = obs["Metadata_Plate"].to_numpy(), obs[UNIT].to_numpy()
    for key, value in {"well_id": obs.index, "experiment": wells["plate"]}.items():
        if key not in wells:
            wells[key] = np.asarray(value, dtype=object)
    for key, default in {"perturbation_type": "COMPOUND", "perturbation": None, "control": None}.items():
        if key not in wells:
            wells[key] = np.full(len(wells), default, dtype=object)
    return wells
