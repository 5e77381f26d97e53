"""The plates of a screen as one page: any number of the wells, plates of a batch on one scale, pictures of wells."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps

from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.pages import renderer, script_json
from cwamsn.plates.layout import NO_BATCH, placed, plate_format, plate_of_wells
from cwamsn.plates.montages import Montages
from cwamsn.plates.numbers import Number
from cwamsn.plates.positions import commonest_treatment, outstanding_positions
from cwamsn.wells import address_at

render = renderer(Path(__file__).with_name("templates"))

TREATED, NEGATIVE, OTHER, EMPTY = range(4)
"""What a well holds: a perturbation, a negative control, another control, nothing that is known."""
_STEPS = 64  # colours of the scale


@dataclass(frozen=True)
class PlateTable:
    """Wells as a page needs them: plate by plate, each with the number of its position."""

    wells: pd.DataFrame
    """Wells table with `plate` unique in the screen, sorted by batch, plate and position."""
    order: np.ndarray
    """(N,) which row of the given table each row is."""
    shape: tuple[int, int]
    """Rows and columns of a plate."""

    @property
    def positions(self) -> np.ndarray:
        """(N,) position of each well, row by row from 0."""
        return np.asarray(((self.wells["row"] - 1) * self.shape[1] + self.wells["column"] - 1).to_numpy(dtype=np.int64))


def plate_table(wells: pd.DataFrame) -> PlateTable:
    """Order the wells of a screen by plate.

    Raises
    ------
    InputError
        No wells, a well without a position, or two wells at one position of one plate.
    """
    if not len(wells):
        raise InputError("plates: the screen has no wells")
    wells = placed(wells.reset_index(drop=True))
    wells = wells.assign(plate=plate_of_wells(wells), experiment=wells["experiment"].fillna(NO_BATCH))
    shape = plate_format(wells["row"], wells["column"])
    twice = wells.duplicated(["plate", "row", "column"])
    if twice.any():
        first = wells[twice].iloc[0]
        raise InputError(
            f"plates: plate {first['plate']} has two wells at {address_at(int(first['row']), int(first['column']))}; "
            "name plates differently, or keep one row per well"
        )
    ordered = wells.sort_values(["experiment", "plate", "row", "column"], kind="stable")
    return PlateTable(ordered.reset_index(drop=True), ordered.index.to_numpy(), shape)


def write_page(
    path: Path,
    table: PlateTable,
    numbers: Sequence[Number],
    *,
    title: str,
    montages: Montages | None = None,
    simulated: bool = False,
    alone: str = "",
) -> None:
    """Write the page of a screen's plates.

    Parameters
    ----------
    path : of the page
    table : as :func:`plate_table` gives
    numbers : of the wells in the order of the table that was given to :func:`plate_table`
    title : name of the screen
    montages : pictures of the plates; their files are relative to the page
    simulated : whether the images are simulated, which the page then says
    alone : the command that writes this page alone
    """
    text = render(
        "plates.html.j2",
        title=title,
        simulated=simulated,
        alone=alone,
        plates=int(table.wells["plate"].nunique()),
        wells=len(table.wells),
        batches=int(table.wells["experiment"].nunique()),
        data=script_json(_data(table, numbers, montages)),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _data(table: PlateTable, numbers: Sequence[Number], montages: Montages | None) -> Mapping[str, object]:
    wells, positions = table.wells, table.positions
    names, perturbation = _codes(wells["perturbation"])
    batches, batch = _codes(wells["experiment"])
    first = wells.drop_duplicates("plate")
    starts = first.index.to_numpy()
    plates = [
        {"name": name, "batch": int(batch[start]), "start": int(start), "end": int(end)}
        for name, start, end in zip(first["plate"], starts, [*starts[1:], len(wells)])
    ]
    return {
        "shape": list(table.shape),
        "addresses": [address_at(r + 1, c + 1) for r in range(table.shape[0]) for c in range(table.shape[1])],
        "batches": batches,
        "plates": plates,
        "positions": _packed(positions, "<u2"),
        "holds": _packed(_holds(wells), "u1"),
        "perturbations": names,
        "perturbation": _packed(perturbation, "<i4"),
        "dose": _packed(wells["concentration"], "<f4") if "concentration" in wells else None,
        "numbers": [_number(number, table) for number in numbers],
        "colours": [list(map(int, rgb)) for rgb in (colormaps["cividis"](np.linspace(0, 1, _STEPS)) * 255)[:, :3]],
        "montages": None
        if montages is None
        else {"tile": montages.tile, "channels": list(montages.channels), "files": montages.files},
    }


def _number(number: Number, table: PlateTable) -> dict[str, object]:
    values = number.values[table.order]
    values = np.where(np.isfinite(values), values, np.nan)  # an infinite number has no place on a scale
    found = outstanding_positions(values, table.wells["plate"].to_numpy(), table.positions)
    same = commonest_treatment(table.wells["perturbation"], table.positions)
    marks = [
        {
            "position": int(row.position),
            "plates": int(row.plates),
            "median": round(float(row.median), 2),
            "same": int(same.get(row.position, 0)),
        }
        for row in found.itertuples()
    ]
    whole = bool(np.all(np.isnan(values) | (values % 1 == 0)))
    return {
        "name": number.name,
        "group": number.group,
        "about": number.about,
        "whole": whole,
        "varies": bool(np.unique(values[~np.isnan(values)]).size > 1),
        "values": _packed(values, "<f4"),
        "marks": marks,
    }


def _holds(wells: pd.DataFrame) -> np.ndarray:
    control = wells["control"]
    treated = control.isna() & wells["perturbation"].notna()
    chosen = [treated, control == "negative", control.notna()]
    return np.select([mask.to_numpy(dtype=bool, na_value=False) for mask in chosen], [TREATED, NEGATIVE, OTHER], EMPTY)


def _codes(column: pd.Series) -> tuple[list[str], np.ndarray]:
    """Names in order of their first row, and the number of each row's; -1 where it has none."""
    codes, names = pd.factorize(column.astype(object))
    return [str(name) for name in names], np.asarray(codes)


def _packed(values: np.ndarray | pd.Series, dtype: str) -> str:
    """Little-endian numbers in base64, a third of the size that they have as text."""
    array = values.to_numpy(dtype=np.float64, na_value=np.nan) if isinstance(values, pd.Series) else values
    return base64.b64encode(np.ascontiguousarray(array.astype(dtype)).tobytes()).decode()
