"""What every table is built with: its methods, the context of the run, and the notes below it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypedDict

from cwamsn.files import read_json
from cwamsn.methods import KINDS
from cwamsn.products import Product
from cwamsn.reporting.provenance import data_manifest, training_hours
from cwamsn.reporting.scores import ScoreSelection
from cwamsn.version import CodeVersion, version_lines

DEFAULT_TABLES = (1, 2, 7, 8)

MARKS = "Best in bold, second best underlined, among measured methods other than bounds and random numbers."
TIES = "Compared methods (key `comparisons`) whose paired interval includes 0 share a mark."
BESIDE = "Italics: numbers published in the paper (on RxRx3-core); in brackets measured minus published."
APART = "Italics: numbers published in the paper, measured on RxRx3-core and not on this run's wells; not comparable."
SPREAD = "± is the standard deviation over seeds; a single seed has none."


@dataclass(frozen=True, kw_only=True)
class TableMethod:
    """A method as tables and figures show it."""

    name: str
    title: str
    kind: str
    group: str = ""
    """Heading that it appears under; "" for none."""
    seeds: tuple[int, ...] = (0,)
    """Seeds that it should have scores of."""
    tables: tuple[int, ...] = DEFAULT_TABLES
    paper_row: str | None = None
    """Published row whose numbers appear beside it."""
    training_data: str | None = None
    images: float | None = None
    """Number of images it was trained on."""
    parameters: float | None = None
    inference_gflops: float | None = None
    gflops: float | None = None
    step_gflops: float | None = None
    device: str | None = None
    """Device it was trained on."""
    steps: float | None = None
    perturbations: float | None = None
    """Perturbations, wells and pairs of wells that it was trained on, of its first seed."""
    wells: float | None = None
    well_pairs: float | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any], counted: Mapping[str, Any] | None = None) -> "TableMethod":
        """From plain values, any of the fields and others, None as not given; `counted` fills in what they lack."""
        given = {**(counted or {}), **{k: v for k, v in values.items() if v is not None}}
        known: dict[str, Any] = {f.name: given[f.name] for f in fields(cls) if f.name in given}
        for name in known.keys() & {"seeds", "tables"}:
            known[name] = tuple(known[name])
        return cls(**known)

    @property
    def ranked(self) -> bool:
        """Whether it takes part in the marks for best and second best."""
        return KINDS[self.kind].ranked


def table_methods(values: Iterable[Mapping[str, Any]], computations: Sequence[str | Path] = ()) -> list[TableMethod]:
    """Methods from plain values; `<method>/computation.json` files fill in what the values do not state."""
    counted = {Path(path).parent.name: read_json(path) for path in computations}
    return [TableMethod.from_values(method, counted.get(method["name"])) for method in values]


def methods_in_table(methods: Iterable[TableMethod], product: Product) -> list[TableMethod]:
    """The methods that a table or figure shows."""
    return [m for m in methods if product.number is None or product.number in m.tables]


class ContextValues(TypedDict):
    """What a rule passes of a :class:`TableContext`: plain values, with what the line of versions is made from."""

    null: str
    simulated: bool
    on_rxrx3_core: bool
    screen: str
    run_title: str
    published_methods: bool | None
    notes: dict[str, list[str]]
    code: CodeVersion
    config_sha256: str


@dataclass(frozen=True, kw_only=True)
class TableContext:
    """What holds for all tables and figures of a run on one screen."""

    selection: ScoreSelection = field(default_factory=ScoreSelection)
    simulated: bool = False
    """Whether a screen of the run is simulated."""
    on_rxrx3_core: bool = False
    """Whether the wells that are scored are RxRx3-core's, the paper's: only there do published numbers compare."""
    screen: str = ""
    """Name of the screen, where the run evaluates several."""
    run_title: str = ""
    published_methods: bool | None = None
    """Whether published rows without a measured counterpart are listed at the end; None: on RxRx3-core only."""
    versions: tuple[str, ...] = ()
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The configuration's own lines, by table."""
    training_hours: Mapping[str, float] = field(default_factory=dict)
    """Wall-clock hours, by method."""

    @classmethod
    def from_values(
        cls,
        values: ContextValues,
        manifests: Mapping[str, str | Path],
        usage: Mapping[str, Sequence[str | Path]] | None = None,
    ) -> "TableContext":
        """From plain values.

        Parameters
        ----------
        values : what the configuration says.
        manifests : files that say where the data came from, or the digests of such files, by name.
        usage : measurements of each method's training jobs.
        """
        return cls(
            selection=ScoreSelection(null=values["null"]),
            simulated=values["simulated"],
            on_rxrx3_core=values["on_rxrx3_core"],
            screen=values["screen"],
            run_title=values["run_title"],
            published_methods=values["published_methods"],
            notes=values["notes"],
            training_hours=training_hours(usage or {}),
            versions=tuple(version_lines(values["config_sha256"], data_manifest(manifests), values["code"])),
        )

    @property
    def lists_published(self) -> bool:
        """Whether published rows without a measured counterpart are listed."""
        return self.on_rxrx3_core if self.published_methods is None else self.published_methods

    def titled(self, text: str) -> str:
        """A title that names the screen, where there are several, and says where a screen is simulated."""
        return f"{text}{f': {self.screen}' if self.screen else ''}{' (simulated screens)' if self.simulated else ''}"

    def published_row(self, method: TableMethod) -> str | None:
        """Name of the published row whose numbers appear beside a method; None for none.

        A finished map was made elsewhere, from wells that are not looked at here: nothing published compares with it.
        """
        comparable = self.on_rxrx3_core and KINDS[method.kind].embeds_wells
        return method.paper_row if comparable else None

    def closing_notes(self, *own: str, published: Sequence[str] = ()) -> list[str]:
        """Notes below a table of the paper: its own, on `published` numbers where it shows any, and every table's."""
        about = [BESIDE] if self.on_rxrx3_core else [APART] if self.lists_published else []
        notes = [*own, *(published if about else ()), f"{MARKS} {TIES}", SPREAD, *about, *self.versions]
        return [note for note in notes if note]
