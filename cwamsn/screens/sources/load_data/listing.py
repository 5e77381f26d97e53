"""The table load_data.csv."""

import pandas as pd

from cwamsn.naming import plate_name
from cwamsn.screen_specs.load_data import LoadDataSpec
from cwamsn.screens.hosts import Fetched, usable
from cwamsn.text_tables import read_text_table, require_columns


def read_load_data(fetched: Fetched, spec: LoadDataSpec) -> pd.DataFrame:
    """A fetched load_data as text, with the plate of each row in `_plate`."""
    with usable(fetched):
        return _with_plate(read_text_table(fetched.path, fetched.url, spec.separator), fetched.url, spec)


def _with_plate(frame: pd.DataFrame, label: str, spec: LoadDataSpec) -> pd.DataFrame:
    require_columns(frame, (spec.plate_column, spec.well_column, spec.site_column), label)
    plates = frame[spec.plate_column]
    return frame.assign(_plate=plates.map({p: plate_name(p) for p in plates.unique()}))
