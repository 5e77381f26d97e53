"""What every table is built with: the configured rows, the setting of the run, and the notes that close a table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields

import pandas as pd

from cwamsn.reporting import published
from cwamsn.reporting.scores import Choice, spread
from cwamsn.reporting.table import Cell, Column, Row

DEFAULT_TABLES = (1, 2, 7, 8)
UNRANKED = ("latent", "random")  # kinds of rows that are bounds or chance

MARKS = "Best in bold, second best underlined, of measured rows other than bounds and random numbers."
TIES = "Rows that were compared (key `comparisons`) and whose paired interval holds 0 share a mark."
BESIDE = "Italics: numbers printed in the paper (on RxRx3-core), quoted; in brackets measured minus printed."
APART = "Italics: numbers printed in the paper, measured on RxRx3-core and not on this run's wells; not to be compared."
SPREAD = "± is the standard deviation over seeds; none is given for a single seed."
QUOTED = "Quoted from the paper (on RxRx3-core), not run here"


@dataclass(frozen=True)
class Entry:
    """A configured row: its name, what tables print, the seeds it should have and the printed row it corresponds to."""

    name: str
    title: str
    kind: str
    group: str = ""
    seeds: tuple[int, ...] = (0,)
    tables: tuple[int, ...] = DEFAULT_TABLES
    paper_row: str | None = None
    training_data: str | None = None
    images: float | None = None
    parameters: float | None = None
    inference_gflops: float | None = None
    gflops: float | None = None
    step_gflops: float | None = None
    device: str | None = None

    @classmethod
    def of(cls, values: dict, counted: dict | None = None) -> "Entry":
        """From a dictionary with any of the fields, None as not given; `counted` fills in what it does not say."""
        known = {f.name for f in fields(cls)}
        values = {**(counted or {}), **{k: v for k, v in values.items() if v is not None}}
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known})


@dataclass(frozen=True)
class Setting:
    """What holds for every table of a run.

    `on_rxrx3_core` says whether the wells that are scored are RxRx3-core's, the paper's evaluation screen: only then do
    its printed numbers stand beside a measured row. `quoted_rows` lists printed rows at the end; None: only then too.
    """

    choice: Choice = field(default_factory=Choice)
    simulated: bool = False
    on_rxrx3_core: bool = False
    run_title: str = ""
    quoted_rows: bool | None = None
    versions: tuple[str, ...] = ()
    notes: dict[str, list[str]] = field(default_factory=dict)  # of the configuration, by table
    training_hours: dict[str, float] = field(default_factory=dict)  # by row, wall clock

    @property
    def quotes(self) -> bool:
        """Whether printed rows without a measured counterpart are listed."""
        return self.on_rxrx3_core if self.quoted_rows is None else self.quoted_rows


def wants(entries: Iterable[Entry], number: int) -> list[Entry]:
    """The entries that stand in a table."""
    return [e for e in entries if number in e.tables]


def printed_row(entry: Entry, setting: Setting, aliases: dict[str, str] | None = None) -> str:
    """Name of the printed row whose numbers stand beside an entry; "" for none.

    A finished map was made elsewhere, of wells that are not looked at here, so that nothing printed stands beside it.
    """
    if not setting.on_rxrx3_core or entry.kind == "map" or entry.paper_row is None:
        return ""
    return (aliases or {}).get(entry.paper_row, entry.paper_row)


def titled(text: str, setting: Setting) -> str:
    """A table's or figure's title, which says where a screen is simulated."""
    return f"{text} (simulated screens)" if setting.simulated else text


def closing_notes(setting: Setting, *more: str, printed: Sequence[str] = ()) -> list[str]:
    """Notes below a table: its own, those of every table, and of printed numbers where there are any."""
    quotes = [BESIDE] if setting.on_rxrx3_core else [APART] if setting.quotes else []
    own = [*more, *(printed if quotes else ())]
    return [n for n in (*own, f"{MARKS} {TIES}", SPREAD, *quotes) if n] + list(setting.versions)


def quoted_rows(
    number: int, taken: set[str], columns: list[Column], lookup: Callable[[str, str], Cell], setting: Setting
) -> list[Row]:
    """Printed rows of a table that do not stand beside a measured one."""
    names = [name for name in published.rows(number) if name not in taken] if setting.quotes else []
    return [
        Row(f"quoted:{name}", name, {c.key: lookup(name, c.key) for c in columns}, QUOTED, measured=False)
        for name in names
    ]


def fill(row: Row, key: str, values: pd.Series, lookup_cell: Cell, scale: float = 1.0) -> None:
    """Put mean and standard deviation of `values` into a cell beside its printed value."""
    mean, std = spread(values)
    lookup_cell.value = None if mean is None else mean * scale
    lookup_cell.std = None if std is None else std * scale
    row.cells[key] = lookup_cell


def new_row(entry: Entry) -> Row:
    """An entry's row, still without cells."""
    return Row(entry.name, entry.title, group=entry.group, ranked=entry.kind not in UNRANKED)


def name_gaps(row: Row, entry: Entry, found: pd.DataFrame, benchmark: str) -> None:
    """Name the seeds without a score, and count those with one."""
    have = set(found["seed"].astype(int))
    row.gaps += [f"no {benchmark} score of seed {seed} (row {entry.name})" for seed in entry.seeds if seed not in have]
    row.seeds = max(row.seeds, len(have))
